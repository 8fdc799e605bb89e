"""The body of an HTTP request, as ``wsgi.input`` (knows no socket).

It ends where Content-Length or the last chunk says, and what comes behind it is given
back.
Spec: RFC 9112 "Message Body Length", "Chunked Transfer Coding"; PEP 3333.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

__all__ = ["BadBody", "RequestBody", "Source"]

#: Bytes of a line between chunks.
_MAX_LINE = 8192
#: Bytes of all lines behind the last chunk.
_MAX_TRAILERS = 65536
#: Bytes of a body that nobody reads which are received so that the connection can go
#: on; of a larger one the rest is cut off.
_MOST_DISCARDED = 64 << 20

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class BadBody(OSError):
    """The body ended too early, or is not what it should be."""


class Source(Protocol):
    """Where a body comes from."""

    def receive(self) -> bytes:
        """Return the next bytes of the connection, at its end none. Blocks."""

    def give_back(self, data: bytes) -> None:
        """Take bytes that are not the body's; the next ``receive`` returns them."""


class RequestBody:
    """The body of one request, read from its connection as far as it is wanted."""

    __slots__ = ("_chunked", "_ended", "_left", "_source", "_waiting")

    def __init__(self, source: Source, length: int, *, chunked: bool = False) -> None:
        self._source = source
        self._chunked = chunked
        #: Bytes that are still to be taken from the connection, of the body or the
        #: present chunk.
        self._left = length
        #: Received and not read yet.
        self._waiting = b""
        self._ended = not chunked and not length

    def read(self, size: int | None = -1) -> bytes:
        """Read up to ``size`` bytes, less only at the end; all without one.

        Raises:
            BadBody: The client left, or its chunks are garbled.

        Blocks:
            Until they have arrived.
        """
        if size is None or size < 0:
            parts = [self._take(len(self._waiting))]
            while part := self._next_part():
                parts.append(part)
            return b"".join(parts)
        parts, count = [], 0
        while count < size:
            if not self._waiting:
                self._waiting = self._next_part()
                if not self._waiting:
                    break
            parts.append(self._take(size - count))
            count += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readline(self, size: int | None = -1) -> bytes:
        """Read up to and with the next line break. Blocks."""
        limit = None if size is None or size < 0 else size
        parts: list[bytes] = []
        count = 0
        while limit is None or count < limit:
            if not self._waiting:
                self._waiting = self._next_part()
            end = self._waiting.find(b"\n") + 1
            most = end or len(self._waiting)
            parts.append(
                self._take(most if limit is None else min(most, limit - count))
            )
            count += len(parts[-1])
            if not parts[-1] or parts[-1].endswith(b"\n"):
                break
        return b"".join(parts)

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """Read the lines of about ``hint`` bytes; all without one. Blocks."""
        lines: list[bytes] = []
        count = 0
        for line in self:
            lines.append(line)
            count += len(line)
            if hint and count >= hint:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def discard(self) -> bool:
        """Read what nobody wanted; False where that is not worth it.

        Blocks:
            Until it has arrived.
        """
        self._waiting = b""
        count = 0
        while not self._ended:
            try:
                count += len(self._next_part())
            except BadBody:
                return False
            if count > _MOST_DISCARDED:
                return False
        return True

    def rest(self) -> bytes:
        """Remove and return what was received and nobody has read."""
        return self._take(len(self._waiting))

    def _take(self, count: int) -> bytes:
        waiting = self._waiting
        self._waiting = waiting[count:]
        return waiting[:count]

    def _next_part(self) -> bytes:
        """Return more of the body, as much as has come; at its end nothing."""
        if self._ended:
            return b""
        if self._chunked and not self._left and not self._begin_chunk():
            return b""
        data = self._receive()
        if len(data) > self._left:
            self._source.give_back(data[self._left :])
            data = data[: self._left]
        self._left -= len(data)
        if not self._left:
            if self._chunked:
                self._end_chunk()
            else:
                self._ended = True
        return data

    def _receive(self) -> bytes:
        data = self._source.receive()
        if not data:
            self._ended = True
            raise BadBody("the connection ended before the body did")
        return data

    # ------------------------------------------------------------------ chunks

    def _begin_chunk(self) -> bool:
        """Read the size of the next chunk; False: it was the last one."""
        line = self._read_line()
        found = _CHUNK_SIZE.fullmatch(line)
        if found is None:
            raise self._bad(f"bad size of a chunk: {line[:40]!r}")
        self._left = int(found[1], 16)
        if self._left:
            return True
        count = 0
        while trailer := self._read_line():
            count += len(trailer)
            if count > _MAX_TRAILERS:
                raise self._bad("too many trailers")
        self._ended = True
        return False

    def _end_chunk(self) -> None:
        line = self._read_line()
        if line:
            raise self._bad(f"a chunk is longer than its size: {line[:40]!r}")

    def _read_line(self) -> bytes:
        data = self._receive()
        while (end := data.find(b"\r\n")) < 0:
            if len(data) > _MAX_LINE:
                raise self._bad("a line between chunks is too long")
            data += self._receive()
        self._source.give_back(data[end + 2 :])
        return data[:end]

    def _bad(self, why: str) -> BadBody:
        self._ended = True
        return BadBody(why)
