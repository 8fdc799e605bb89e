"""The head of an HTTP request: request line and headers, parsed strictly (pure).

Whatever two parsers could understand in two ways is refused.
Spec: RFC 9112 "Message Parsing", "Message Body Length"; RFC 9110 "Field Names".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

__all__ = ["RequestLine", "body_length", "parse_request_line", "read_headers"]

#: Bytes of one header line, and how many lines a request may have.
MAX_LINE = 8192
MAX_HEADERS = 100
#: Bytes of the longest header line whose parsed form is kept.
_MOST_REMEMBERED = 128

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")
#: Two of them would mean two things.
_ONLY_ONCE = ("CONTENT_LENGTH", "HTTP_HOST", "HTTP_TRANSFER_ENCODING")


class RequestLine(NamedTuple):
    """The first line of a request."""

    method: str
    target: str
    version: str


def parse_request_line(line: str) -> RequestLine:
    """Take the first line apart.

    Raises:
        ValueError: It is not one of HTTP 1.0 or 1.1.
    """
    words = line.rstrip("\r\n").split(" ")
    if len(words) != 3 or not words[1] or words[2] not in _VERSIONS:
        raise ValueError(f"bad request line {line[:100]!r}")
    if not _TOKEN.fullmatch(words[0]):
        raise ValueError(f"bad method {words[0][:100]!r}")
    return RequestLine(*words)


def read_headers(readline: Callable[[int], bytes]) -> dict[str, str]:
    """Read up to the empty line; return the headers under their names in environ.

    Those with an underscore are left out: they would be taken for the ones with a
    hyphen, which a proxy may have checked.

    Raises:
        ValueError: They are malformed, too many or too long.

    Blocks:
        As ``readline`` does.
    """
    fields: dict[str, str] = {}
    for _ in range(MAX_HEADERS + 1):
        line = readline(MAX_LINE)
        if line == b"\r\n" or line == b"\n":
            return fields
        # A client sends most of its lines with every request.
        parse = _remembered if len(line) <= _MOST_REMEMBERED else _field
        key, value = parse(line)
        if key in fields:
            fields[key] = _joined(key, fields[key], value)
        elif key:
            fields[key] = value
    raise ValueError(f"more than {MAX_HEADERS} headers")


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
    if not line.endswith(b"\n"):
        raise ValueError("a header line is too long or cut off")
    name, colon, value = line.decode("latin-1").partition(":")
    value = value.strip(" \t\r\n")
    if not colon or not _TOKEN.fullmatch(name) or "\r" in value or "\0" in value:
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
