"""Command lines: what one types into the client, taken apart.

``emit say "hello" 3 {"a": [1]} @picture.png word`` is an event with five arguments:
JSON, a file's bytes, and a word, which needs no quotes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sockio.errors import ConfigError

__all__ = ["arguments_in", "words_in"]

_DECODER = json.JSONDecoder()


def words_in(line: str, count: int) -> list[str]:
    """Return the first words of a line, and the rest as the last item.

    Args:
        count: How many words there are at most before the rest.
    """
    found = line.strip().split(maxsplit=count)
    return found + [""] * (count + 1 - len(found))


def arguments_in(text: str) -> list[Any]:
    """Return the values that are written one after the other.

    Raises:
        ConfigError: One cannot be read.
    """
    found = []
    text = text.strip()
    while text:
        value, text = _first(text)
        found.append(value)
        text = text.strip()
    return found


def _first(text: str) -> tuple[Any, str]:
    """Return the first value, and what follows it."""
    word, _, rest = text.partition(" ")
    if text[0] == "@":
        try:
            return Path(word[1:]).read_bytes(), rest
        except OSError as exc:
            raise ConfigError(f"{word}: {exc.strerror}") from None
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError:
        if text[0] in '"[{':
            raise ConfigError(f"this is no JSON: {text}") from None
        return word, rest
    if end < len(text) and not text[end].isspace():
        return word, rest  # such as 10.30h
    return value, text[end:]
