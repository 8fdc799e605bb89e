"""Chunks: a chunked body, taken apart as it arrives (pure).

Spec: RFC 9112 "Chunked Transfer Coding", "Chunked Trailer Section"; RFC 9110 "Trailer
Fields".
"""

from __future__ import annotations

import re

from .options import HttpOptions
from .request_head import Refused, parse_field

__all__ = ["Chunks"]

#: Chunks that are taken apart before others get a turn; they take about a millisecond.
_AT_ONCE = 1000
#: Bytes of a line with the size of a chunk; and bytes that all such lines of a body
#: may have beyond that: extensions, which nobody uses, and zeros.
_SIZE_LINE = 16
_SPARE = 16384

#: What usually separates two chunks.
_NEXT = re.compile(rb"\r\n([0-9A-Fa-f]{1,15})\r\n")
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE = re.compile(
    rb"0*([0-9A-Fa-f]{1,15})"
    rb"(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*" % (_TOKEN, _TOKEN, _QUOTED)
)
#: Fields that say how the request is read, where it goes or who asks. In trailers they
#: would come too late (RFC 9110, 6.5.1).
_NO_TRAILERS = frozenset(
    (
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "HTTP_AUTHORIZATION",
        "HTTP_CONNECTION",
        "HTTP_CONTENT_ENCODING",
        "HTTP_CONTENT_RANGE",
        "HTTP_COOKIE",
        "HTTP_EXPECT",
        "HTTP_HOST",
        "HTTP_KEEP_ALIVE",
        "HTTP_MAX_FORWARDS",
        "HTTP_PROXY_AUTHORIZATION",
        "HTTP_RANGE",
        "HTTP_TE",
        "HTTP_TRAILER",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_UPGRADE",
    )
)


class Chunks:
    """What has arrived of one body, and how much of that was taken."""

    __slots__ = (
        "_at",
        "_data",
        "_fault",
        "_left",
        "_options",
        "_spare",
        "_started",
        "_trailers",
        "ended",
        "hungry",
    )

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        #: What has arrived; ``feed`` removes what was taken.
        self._data = b""
        #: Where we are in it.
        self._at = 0
        #: Bytes of the current chunk that were not taken.
        self._left = 0
        #: Whether there was a chunk, whose line break comes next.
        self._started = False
        #: Lines and bytes of the trailers; None: the last chunk has not arrived.
        self._trailers: tuple[int, int] | None = None
        #: Bytes that lines with sizes may still have beyond what they need.
        self._spare = _SPARE
        self._fault: Refused | None = None
        #: Whether nothing can be taken before more arrives.
        self.hungry = True
        #: Whether the whole body was taken.
        self.ended = False

    @property
    def rest(self) -> bytes:
        """What has arrived and was not taken; after the end it is not the body's."""
        return self._data[self._at :]

    def feed(self, data: bytes) -> None:
        """Add the bytes that arrived next."""
        self._data = self._data[self._at :] + data
        self._at = 0
        self.hungry = False

    def take(self) -> bytes:
        """Return what the next chunks contain; nothing at the end, or if ``hungry``.

        Raises:
            Refused: What comes next is garbled.
        """
        if self.ended:
            return b""
        if self._fault is not None:
            raise self._fault
        parts: list[bytes] = []
        try:
            for _ in range(_AT_ONCE):
                if not self._left and not self._next_chunk():
                    break
                data, at = self._data, self._at
                part = data[at : at + self._left]
                if not part:
                    self.hungry = True
                    break
                parts.append(part)
                self._at = at + len(part)
                self._left -= len(part)
        except Refused as exc:
            # What came before the fault is good, in however many pieces it came.
            self._fault = exc
            if not parts:
                raise
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _next_chunk(self) -> bool:
        """Go to the data of the next chunk; False: hungry, or it was the last one."""
        if self._trailers is None:
            usual = _NEXT.match(self._data, self._at) if self._started else None
            if usual is not None:
                self._left = int(usual[1], 16)
                self._at = usual.end()
            elif not self._unusual_chunk():
                return False
            if self._left:
                self._started = True
                return True
            self._trailers = (0, 0)
        while (trailer := self._line(*self._trailer_limit())) is not None:
            if not trailer:
                self.ended = True
                return False
            self._judge_trailer(trailer)
        return False

    def _unusual_chunk(self) -> bool:
        if self._started:
            line = self._line(0, "400 Bad Request")
            if line is None:
                return False
            self._started = False
        line = self._line(_SIZE_LINE + self._spare, "413 Content Too Large")
        if line is None:
            return False
        self._spare -= max(len(line) - _SIZE_LINE, 0)
        found = _SIZE.fullmatch(line)
        if found is None:
            raise Refused(f"bad size of a chunk: {line[:40]!r}")
        self._left = int(found[1], 16)
        return True

    def _trailer_limit(self) -> tuple[int, str]:
        assert self._trailers is not None
        options, (count, size) = self._options, self._trailers
        most = min(options.max_line, options.max_head - size) * (
            count < options.max_fields
        )
        return max(most, 0), "431 Request Header Fields Too Large"

    def _judge_trailer(self, line: bytes) -> None:
        assert self._trailers is not None
        count, size = self._trailers
        self._trailers = count + 1, size + len(line) + 2
        if parse_field(line)[0] in _NO_TRAILERS:
            raise Refused(f"not allowed as a trailer: {line[:100]!r}")

    def _line(self, most: int, status: str) -> bytes | None:
        """Return the next line; None: hungry.

        Args:
            most: Bytes that it may have.
            status: The status with which a longer line is refused.
        """
        data, at = self._data, self._at
        end = data.find(b"\n", at, at + most + 2)
        if end < 0:
            if len(data) >= at + most + 2:
                raise Refused(f"too long: {data[at : at + 40]!r}", status)
            self.hungry = True
            return None
        if data[end - 1 : end] != b"\r" or end == at:
            raise Refused(f"no carriage return behind {data[at:end][:40]!r}")
        self._at = end + 1
        return data[at : end - 1]
