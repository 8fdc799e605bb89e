"""The head of an HTTP request: request line and headers, parsed strictly (pure).

Whatever two parsers could understand in two ways is refused.
Spec: RFC 9112 "Message Parsing", "Message Body Length"; RFC 9110 "Field Names".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["MAX_HEAD", "MAX_LINE", "Head", "body_length", "parse_head"]

#: Bytes of one line, and of a whole head.
MAX_LINE = 8192
MAX_HEAD = 65536
#: Headers of one request.
MAX_HEADERS = 100
#: Bytes of the longest header line whose parsed form is kept.
_MOST_REMEMBERED = 128

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNFIT = re.compile(r"[\0\r\n]")
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")
#: Two of them would mean two things.
_ONLY_ONCE = ("CONTENT_LENGTH", "HTTP_HOST", "HTTP_TRANSFER_ENCODING")


class Head(NamedTuple):
    """What precedes the body of a request."""

    method: str
    target: str
    version: str
    #: By their names in environ.
    fields: dict[str, str]


def parse_head(data: bytes) -> Head:
    """Take a head apart.

    Headers with an underscore are left out: they would be taken for the ones with a
    hyphen, which a proxy may have checked.

    Args:
        data: All up to the line break before the empty line.

    Raises:
        ValueError: It is malformed, or has too many or too long lines.
    """
    first, *lines = data.split(b"\r\n")
    words = first.decode("latin-1").split(" ")
    if len(words) != 3 or not words[1] or words[2] not in _VERSIONS:
        raise ValueError(f"bad request line {first[:100]!r}")
    method, target, version = words
    if not _TOKEN.fullmatch(method) or _UNFIT.search(target) or len(first) > MAX_LINE:
        raise ValueError(f"bad request line {first[:100]!r}")
    if len(lines) > MAX_HEADERS:
        raise ValueError(f"more than {MAX_HEADERS} headers")
    fields: dict[str, str] = {}
    for line in lines:
        # A client sends most of its lines with every request.
        parse = _remembered if len(line) <= _MOST_REMEMBERED else _field
        key, value = parse(line)
        if key in fields:
            fields[key] = _joined(key, fields[key], value)
        elif key:
            fields[key] = value
    return Head(method, target, version, fields)


def body_length(fields: dict[str, str]) -> int | None:
    """Return the body's length in bytes; None for a chunked body, or for none.

    Raises:
        ValueError: The headers do not say it clearly.
    """
    length = fields.get("CONTENT_LENGTH")
    coding = fields.get("HTTP_TRANSFER_ENCODING")
    if coding is not None and (length is not None or coding.lower() != "chunked"):
        raise ValueError("the body's length is not clear")
    if length is None:
        return None
    if not (length.isascii() and length.isdigit()):
        raise ValueError(f"bad Content-Length {length[:100]!r}")
    return int(length)


def _field(line: bytes) -> tuple[str, str]:
    """Return the name in environ, empty for a header left out, and the value."""
    name, colon, value = line.decode("latin-1").partition(":")
    value = value.strip(" \t")
    if (
        not colon
        or not _TOKEN.fullmatch(name)
        or _UNFIT.search(value)
        or len(line) > MAX_LINE
    ):
        raise ValueError(f"bad header {line[:100]!r}")
    if "_" in name:
        return "", ""
    key = name.upper().replace("-", "_")
    plain = key == "CONTENT_TYPE" or key == "CONTENT_LENGTH"
    return (key if plain else f"HTTP_{key}"), value


_remembered = lru_cache(maxsize=1024)(_field)


def _joined(key: str, first: str, second: str) -> str:
    if key in _ONLY_ONCE:
        raise ValueError(f"two headers where one may be: {key}")
    return f"{first}{';' if key == 'HTTP_COOKIE' else ','} {second}"
