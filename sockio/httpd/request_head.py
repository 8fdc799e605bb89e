"""The head of an HTTP request, parsed strictly and as it arrives (pure).

Whatever two parsers could understand differently is refused. Lines are judged one after
the other, so that the same fault is found in however many pieces a head arrives.
Spec: RFC 9112 "Message Parsing", "Message Body Length"; RFC 9110 "Field Names".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from .options import HttpOptions
from .request_target import RequestLine, is_host, parse_request_line

__all__ = ["HeadReader", "Headers", "Refused", "parse_field"]

#: Bytes of the longest header line whose parsed form is kept.
_MOST_REMEMBERED = 128

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: A carriage return is legal only in front of a line feed.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]")
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: 18 digits are more bytes than anybody has, and fit into 64 bits.
_LENGTH = re.compile(r"0*[0-9]{1,18}", re.ASCII)
#: Two headers of such a name could contradict each other.
_ONLY_ONCE = frozenset(
    ("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_HOST", "HTTP_TRANSFER_ENCODING")
)

_TOO_LONG = "414 URI Too Long"
_TOO_LARGE = "431 Request Header Fields Too Large"


class Refused(ValueError):
    """A request that is refused.

    Args:
        why: For the log; a peer's text in it is escaped.
        status: The status of the refusal.
        option: The option of ours that forbids it, if one does.
    """

    def __init__(
        self, why: str, status: str = "400 Bad Request", option: str | None = None
    ) -> None:
        super().__init__(why)
        self.status = status
        self.option = option


class Headers:
    """The header lines of a request, taken apart.

    A client often sends the same lines again, so they are kept with its connection.
    """

    __slots__ = ("_closes", "_stays", "block", "fields", "length", "memo")

    def __init__(self, block: bytes, options: HttpOptions) -> None:
        """Parse what is between the first line and the empty one.

        Args:
            options: How many lines there may be, and how long.

        Raises:
            Refused: A line is malformed, or contradicts another.
        """
        self.block = block
        #: Values by their names in environ; do not change them.
        self.fields: dict[str, str] = {}
        if block:
            lines = block.split(b"\r\n")
            if len(lines) > options.max_fields:
                raise Refused("too many header lines")
            most = options.max_line
            if len(block) > most and len(max(lines, key=len)) > most:
                raise Refused("a header line is too long")
            _add(self.fields, lines)
        length = self.fields.get("CONTENT_LENGTH")
        #: Bytes of the body; None: it is chunked.
        self.length: int | None = 0
        if length is not None:
            self.length = int(length)
        elif "HTTP_TRANSFER_ENCODING" in self.fields:
            self.length = None
        wishes = _members(self.fields.get("HTTP_CONNECTION", "").lower())
        self._closes = "close" in wishes
        self._stays = "keep-alive" in wishes
        #: For the user of these headers: what it has found out from them.
        self.memo: Any = None

    def keep_alive(self, version: str) -> bool:
        """Whether the client wants to send another request on its connection."""
        return not self._closes and (version == "HTTP/1.1" or self._stays)


class HeadReader:
    """Reads the heads of one connection, one after the other.

    What it has read stays in its attributes until it reads the next head.
    """

    __slots__ = ("_judge", "_options", "_short", "headers", "line", "size")

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        #: A head of up to this many bytes is not too long, and neither are its lines.
        self._short = min(
            options.max_line, options.longest_request_line, options.max_head
        )
        #: Has judged the beginning of a head whose end has not arrived.
        self._judge: Judge | None = None
        #: The first line, not parsed yet.
        self.line = b""
        self.headers: Headers | None = None
        #: Bytes of the head.
        self.size = 0

    def read(self, data: bytes) -> Headers | None:
        """Return the headers at the start of ``data``; None: more has to arrive.

        Raises:
            Refused: Whatever may follow, this is not a head.
        """
        judge = self._judge
        if judge is None:
            end = data.find(b"\r\n\r\n")
        else:
            # Whole lines were judged; the end may directly follow the last one.
            end = data.find(b"\r\n\r\n", max(judge.start - 2, 0))
        if end < 0:
            if judge is None:
                judge = self._judge = Judge(self._options)
            judge.read(data)
            return None
        self._judge = None
        cut = data.find(b"\r\n")
        self.line = data[:cut]
        size = self.size = end + 4
        block = data[cut + 2 : end]
        headers = self.headers
        if headers is None or headers.block != block:
            try:
                headers = self.headers = Headers(block, self._options)
            except Refused:
                self._explain(data)
                raise
        if size > self._short:
            options = self._options
            if size > options.max_head or cut > options.longest_request_line:
                self._explain(data)
        return headers

    @property
    def raw(self) -> bytes:
        """The head that was read last, as it came."""
        assert self.headers is not None
        block = self.headers.block
        return self.line + b"\r\n" + block + (b"\r\n\r\n" if block else b"\r\n")

    def request_line(self, data: bytes) -> RequestLine:
        """Take the first line apart, and judge it together with the headers.

        Args:
            data: What was given to ``read``.

        Raises:
            Refused: There is a fault.
        """
        line = parse_request_line(self.line)
        assert self.headers is not None
        fields = self.headers.fields
        if (
            line is None
            or line.method == "CONNECT"
            or "HTTP_EXPECT" in fields
            or line.version == "HTTP/1.0"
            or "HTTP_HOST" not in fields
        ):
            self._explain(data)
        assert line is not None
        return line

    def _explain(self, data: bytes) -> None:
        """Raise what is wrong with a whole head, as if it had come in pieces."""
        Judge(self._options).read(data[: self.size])


class Judge:
    """Judges one head line by line, as it comes."""

    __slots__ = ("_count", "_fields", "_line", "_options", "_searched", "start")

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._line: RequestLine | None = None
        self._fields: dict[str, str] = {}
        #: Header lines that were judged.
        self._count = 0
        #: Bytes that were judged: whole lines.
        self.start = 0
        #: How far ``data`` was searched for control characters.
        self._searched = 0

    def read(self, data: bytes) -> None:
        """Judge what has arrived of a head; ``data`` begins with the head's start.

        Raises:
            Refused: There is a fault.
        """
        options = self._options
        while True:
            start = self.start
            most = min(start + self._longest + 2, options.max_head)
            end = data.find(b"\n", start, most)
            if end < 0:
                self._judge_part(data, start, most)
                return
            if data[end - 1 : end] != b"\r":
                raise Refused("a line ends without carriage return")
            self.start = end + 1
            if end - 1 == start and self._line is not None:
                self._judge_all(self._line)
                return
            self._judge_line(data[start : end - 1])

    @property
    def _longest(self) -> int:
        """Most bytes of the line that comes next."""
        options = self._options
        first = self._line is None
        return options.longest_request_line if first else options.max_line

    def _judge_part(self, data: bytes, start: int, most: int) -> None:
        """Judge a line whose end has not arrived and must come before ``most``."""
        if _CONTROL.search(data, max(start, self._searched), most - 1):
            raise Refused(f"a control character in {data[start : start + 100]!r}")
        if len(data) < most:
            # The last byte may be a carriage return: the next byte decides about it.
            self._searched = len(data) - 1
            return
        if most - start < self._longest + 2:
            raise Refused("the head", _TOO_LARGE, "max_head")
        if self._line is None:
            own = self._options.max_request_line is not None
            option = "max_request_line" if own else "max_line"
            raise Refused("the request line", _TOO_LONG, option)
        name = data[start : start + 40].partition(b":")[0].decode("latin-1")
        raise Refused(f"the header {name!a}", _TOO_LARGE, "max_line")

    def _judge_line(self, line: bytes) -> None:
        if self._line is None:
            self._line = parse_request_line(line)
            if self._line is None:
                raise Refused(f"bad request line {line[:100]!r}")
            if self._line.method == "CONNECT":
                raise Refused("CONNECT is not supported", "501 Not Implemented")
            return
        self._count += 1
        if self._count > self._options.max_fields:
            raise Refused("its number of header lines", _TOO_LARGE, "max_fields")
        _add(self._fields, (line,))
        coded = "HTTP_TRANSFER_ENCODING" in self._fields
        if coded and self._line.version == "HTTP/1.0":
            raise Refused("HTTP 1.0 has no Transfer-Encoding")

    def _judge_all(self, line: RequestLine) -> None:
        if line.version == "HTTP/1.0":
            return
        if "HTTP_HOST" not in self._fields:
            raise Refused("there is no Host")
        expected = self._fields.get("HTTP_EXPECT")
        if expected is None:
            return
        if not _members(expected.lower()) <= {"100-continue"}:
            raise Refused(f"unmet Expect {expected[:100]!a}", "417 Expectation Failed")


def _add(fields: dict[str, str], lines: Iterable[bytes]) -> None:
    """Add header lines to ``fields``, under their names in environ.

    Headers with an underscore in the name are left out: they would be taken for those
    with a hyphen, which a proxy may have checked.
    """
    for line in lines:
        # Clients of one kind have most of their lines in common.
        parse = _remembered if len(line) <= _MOST_REMEMBERED else parse_field
        key, value = parse(line)
        if key in fields:
            if key in _ONLY_ONCE:
                raise Refused(f"two headers where only one may be: {key}")
            between = ";" if key == "HTTP_COOKIE" else ","
            fields[key] = f"{fields[key]}{between} {value}"
        elif key:
            fields[key] = value
    if "CONTENT_LENGTH" in fields and "HTTP_TRANSFER_ENCODING" in fields:
        raise Refused("the body's length is not clear")


def parse_field(line: bytes) -> tuple[str, str]:
    """Return the name in environ, empty for a header to leave out, and the value.

    Raises:
        Refused: It is not a header, or its value is illegal.
    """
    name, colon, value = line.decode("latin-1").partition(":")
    value = value.strip(" \t")
    if not colon or not _TOKEN.fullmatch(name) or _UNFIT.search(value):
        raise Refused(f"bad header {line[:100]!r}")
    if "_" in name:
        return "", ""
    key = name.upper().replace("-", "_")
    if key == "CONTENT_TYPE":
        return key, value
    if key == "CONTENT_LENGTH":
        if not _LENGTH.fullmatch(value):
            raise Refused(f"bad header {line[:100]!r}")
        return key, value
    key = f"HTTP_{key}"
    if key == "HTTP_HOST" and not is_host(value):
        raise Refused(f"bad header {line[:100]!r}")
    if key == "HTTP_TRANSFER_ENCODING":
        _check_codings(value)
    return key, value


_remembered = lru_cache(maxsize=1024)(parse_field)


def _check_codings(value: str) -> None:
    """Refuse codings that do not say where the body ends, or that we cannot undo."""
    *others, last = [coding.strip(" \t") for coding in value.lower().split(",")]
    if last != "chunked" or "chunked" in others:
        raise Refused(f"bad Transfer-Encoding {value[:100]!a}")
    if others:
        raise Refused(f"unknown coding {value[:100]!a}", "501 Not Implemented")


def _members(value: str) -> set[str]:
    """Return the members of a list separated by commas."""
    return {member.strip(" \t") for member in value.split(",")}
