"""The head of an HTTP request: request line and headers, parsed strictly (pure).

Whatever two parsers could understand in two ways is refused.
Spec: RFC 9112 "Message Parsing", "Message Body Length"; RFC 9110 "Field Names".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["Headers", "RequestLine", "parse_request_line"]

#: Headers of one request.
MAX_HEADERS = 100
#: Bytes of the longest header line whose parsed form is kept.
_MOST_REMEMBERED = 128

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNFIT = re.compile(r"[\0\r\n]")
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")
#: Two of them would mean two things.
_ONLY_ONCE = ("CONTENT_LENGTH", "HTTP_HOST", "HTTP_TRANSFER_ENCODING")


class RequestLine(NamedTuple):
    """The first line of a request."""

    method: str
    target: str
    version: str


class Headers:
    """The header lines of a request, taken apart.

    A client sends the same ones again and again, so they are kept with its connection.
    """

    __slots__ = ("block", "connection", "fields", "length", "memo")

    def __init__(self, block: bytes, max_line: int) -> None:
        """Parse what is between the first line and the empty one.

        Args:
            max_line: Most bytes of one line.

        Raises:
            ValueError: It is malformed, or says not clearly how long the body is.
        """
        self.block = block
        #: By their names in environ; not to be changed.
        self.fields = _parse_fields(block.split(b"\r\n"), max_line) if block else {}
        #: Bytes of the body; None: it is chunked.
        self.length = _body_length(self.fields)
        self.connection = self.fields.get("HTTP_CONNECTION", "").lower()
        #: Yours: what you found out from these headers.
        self.memo: Any = None

    def keep_alive(self, version: str) -> bool:
        """Whether the client wants to send another request on its connection."""
        if version == "HTTP/1.1":
            return "close" not in self.connection
        return "keep-alive" in self.connection


def parse_request_line(data: bytes, max_line: int) -> RequestLine:
    """Take the first line apart.

    Args:
        data: The line without its line break.
        max_line: Most bytes of it.

    Raises:
        ValueError: It is not one of HTTP 1.0 or 1.1, or too long.
    """
    words = data.decode("latin-1").split(" ")
    if len(words) != 3 or not words[1] or words[2] not in _VERSIONS:
        raise ValueError(f"bad request line {data[:100]!r}")
    method, target, version = words
    if not _TOKEN.fullmatch(method) or _UNFIT.search(target) or len(data) > max_line:
        raise ValueError(f"bad request line {data[:100]!r}")
    return RequestLine(method, target, version)


def _parse_fields(lines: list[bytes], max_line: int) -> dict[str, str]:
    """Return the headers under their names in environ.

    Those with an underscore are left out: they would be taken for the ones with a
    hyphen, which a proxy may have checked.
    """
    if len(lines) > MAX_HEADERS:
        raise ValueError(f"more than {MAX_HEADERS} headers")
    fields: dict[str, str] = {}
    for line in lines:
        # Clients of one kind have most of their lines in common.
        if len(line) <= _MOST_REMEMBERED:
            key, value = _remembered(line)
        else:
            key, value = _field(line)
        if len(line) > max_line:
            raise ValueError(f"bad header {line[:100]!r}")
        if key in fields:
            fields[key] = _joined(key, fields[key], value)
        elif key:
            fields[key] = value
    return fields


def _body_length(fields: dict[str, str]) -> int | None:
    length = fields.get("CONTENT_LENGTH")
    coding = fields.get("HTTP_TRANSFER_ENCODING")
    if coding is not None and (length is not None or coding.lower() != "chunked"):
        raise ValueError("the body's length is not clear")
    if length is None:
        return 0 if coding is None else None
    if not (length.isascii() and length.isdigit()):
        raise ValueError(f"bad Content-Length {length[:100]!r}")
    return int(length)


def _field(line: bytes) -> tuple[str, str]:
    """Return the name in environ, empty for a header left out, and the value."""
    name, colon, value = line.decode("latin-1").partition(":")
    value = value.strip(" \t")
    if not colon or not _TOKEN.fullmatch(name) or _UNFIT.search(value):
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
