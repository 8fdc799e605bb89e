"""Peer text: make text that others wrote safe for a log.

A name that came over the network may hold line ends, which forge log lines, and escape
sequences, which control terminals. Here they become visible: a line stays one line.
"""

from __future__ import annotations

import re
from traceback import TracebackException
from types import TracebackType

__all__ = ["LONGEST", "Lines", "Told", "told", "traceback_text"]

#: Characters that one value may fill in a line.
LONGEST = 1000
#: Characters that are cheap to find; those of them that are printable stay.
_SUSPECT = re.compile(r"[^ -~]")


def told(text: str, longest: int = LONGEST) -> str:
    """Return ``text``, cut to ``longest``, with unprintable characters escaped."""
    if len(text) > longest:
        text = f"{text[:longest]}... ({len(text)} characters)"
    return text if text.isprintable() else _SUSPECT.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


class Told:
    """A value whose ``str`` and ``repr`` go through ``told``, when asked for."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return told(str(self._value))

    def __repr__(self) -> str:
        return told(repr(self._value))


class Lines:
    """Our own text of several lines, each of which goes through ``told``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return "\n".join(map(told, self._text.rstrip("\n").split("\n")))


def traceback_text(error: BaseException, trace: TracebackType | None) -> str:
    """Return a traceback of ``error``, where no text of a message begins a line."""
    return "".join(
        # The sentence between chained tracebacks begins with an empty line.
        part if part.startswith("\n") else _one_part(part)
        for part in TracebackException(type(error), error, trace).format()
    ).rstrip("\n")


def _one_part(part: str) -> str:
    first, *others = part.rstrip("\n").split("\n")
    lines = [
        first,
        *(line if line[:1] in ("", " ") else f"    {line}" for line in others),
    ]
    return "".join(f"{_SUSPECT.sub(_escaped, line)}\n" for line in lines)
