"""The body of an HTTP request, as ``wsgi.input`` (knows no socket).

It ends where Content-Length or the last chunk says; bytes that come after it are given
back.
Spec: RFC 9112 "Message Body Length", "Chunked Transfer Coding"; PEP 3333.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .chunks import Chunks
from .options import HttpOptions
from .request_head import Refused

__all__ = ["BadBody", "RequestBody", "Source"]

#: If nobody reads a body, we receive up to so many bytes of it, so that the connection
#: can be used again; if it is larger, we close the connection.
_MOST_DISCARDED = 64 << 20


class BadBody(OSError):
    """The body ended too early, or is not what it should be.

    Args:
        status: The status of the answer.
    """

    def __init__(self, why: str, status: str = "400 Bad Request") -> None:
        super().__init__(why)
        self.status = status


class Source(Protocol):
    """Where a body comes from."""

    def receive(self) -> bytes:
        """Return the next bytes of the connection; no bytes at its end.

        Raises:
            BadBody: They did not arrive in time.

        Blocks:
            Until there are some.
        """

    def give_back(self, data: bytes) -> None:
        """Take bytes that are not the body's; the next ``receive`` returns them."""

    def breathe(self) -> None:
        """Let others run. Blocks."""


class RequestBody:
    """The body of one request, read from its connection as far as it is wanted."""

    __slots__ = (
        "_at",
        "_chunks",
        "_ended",
        "_left",
        "_source",
        "_waiting",
        "bad",
        "begun",
    )

    def __init__(
        self, source: Source, length: int | None, options: HttpOptions | None = None
    ) -> None:
        """Read a body from ``source``.

        Args:
            length: The number of its bytes; None: it is chunked.
            options: How long the lines between chunks may be.
        """
        self._source = source
        self._chunks = Chunks(options or HttpOptions()) if length is None else None
        #: Bytes that are still to be taken from the connection, if that is known.
        self._left = length or 0
        #: Received bytes, and how many of them were read.
        self._waiting = b""
        self._at = 0
        self._ended = length == 0
        #: Whether it ended too early or was garbled; what follows has no meaning then.
        self.bad = False
        #: Whether any of it was taken from the connection.
        self.begun = False

    def read(self, size: int | None = -1) -> bytes:
        """Read ``size`` bytes, fewer only at the end; without a size, read all.

        Raises:
            BadBody: The client disconnected or was too slow, or its chunks are garbled.

        Blocks:
            Until they have arrived.
        """
        if size is None or size < 0:
            parts = [self._take()]
            while part := self._next_part():
                parts.append(part)
            return b"".join(parts)
        parts, count = [], 0
        while count < size:
            part = self._take(size - count) or self._fetch(size - count)
            if not part:
                break
            parts.append(part)
            count += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int | None = -1) -> bytes:
        """Read what has arrived, at most ``size`` bytes; nothing only at the end.

        Raises:
            BadBody: The client disconnected or was too slow, or its chunks are garbled.

        Blocks:
            Until something has arrived.
        """
        if not self._waiting and size != 0:
            self._waiting = self._next_part()
        return self._take(len(self._waiting) if size is None or size < 0 else size)

    def readline(self, size: int | None = -1) -> bytes:
        """Read up to the next line break, which is included. Blocks."""
        limit = None if size is None or size < 0 else size
        parts: list[bytes] = []
        count = 0
        while limit is None or count < limit:
            if self._at == len(self._waiting):
                self._waiting, self._at = self._next_part(), 0
            end = self._waiting.find(b"\n", self._at) + 1
            most = (end or len(self._waiting)) - self._at
            part = self._take(most if limit is None else min(most, limit - count))
            parts.append(part)
            count += len(part)
            if not part or part.endswith(b"\n"):
                break
        return b"".join(parts)

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """Read lines of about ``hint`` bytes; without a hint, all lines. Blocks."""
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
        """Read what nobody has read; False: the connection cannot be used again.

        Blocks:
            Until it has arrived.
        """
        self._take()
        count = 0
        while not self._ended:
            try:
                count += len(self._next_part())
            except BadBody:
                return False
            if count > _MOST_DISCARDED:
                return False
        return not self.bad

    @property
    def hopeless(self) -> bool:
        """Whether the connection cannot be used again after this body."""
        return self.bad or self._left > _MOST_DISCARDED

    def rest(self) -> bytes:
        """Remove and return what was received and nobody has read."""
        waiting = self._take()
        return waiting if self._chunks is None else waiting + self._chunks.rest

    def _fetch(self, count: int) -> bytes:
        """Return up to ``count`` of the next bytes."""
        self._waiting, self._at = self._next_part(), 0
        return self._take(count)

    def _take(self, count: int | None = None) -> bytes:
        """Remove and return up to ``count`` of the bytes that wait."""
        waiting, at = self._waiting, self._at
        if count is None or count >= len(waiting) - at:
            self._waiting, self._at = b"", 0
            return waiting[at:] if at else waiting
        self._at = at + count
        return waiting[at : at + count]

    def _next_part(self) -> bytes:
        """Return more of the body, as much as has arrived; nothing at its end."""
        if self._ended:
            return b""
        if self._chunks is not None:
            return self._next_chunks(self._chunks)
        data = self._receive()
        if len(data) > self._left:
            self._source.give_back(data[self._left :])
            data = data[: self._left]
        self._left -= len(data)
        self._ended = not self._left
        return data

    def _next_chunks(self, chunks: Chunks) -> bytes:
        # Many tiny chunks may have arrived, and the next call comes immediately.
        if not chunks.hungry:
            self._source.breathe()
        while True:
            try:
                data = chunks.take()
            except Refused as exc:
                self._ended = self.bad = True
                raise BadBody(str(exc), exc.status) from None
            if chunks.ended:
                self._ended = True
                self._source.give_back(chunks.rest)
            if data or chunks.ended:
                return data
            chunks.feed(self._receive())

    def _receive(self) -> bytes:
        self.begun = True
        try:
            data = self._source.receive()
        except BadBody:
            self._ended = self.bad = True
            raise
        if not data:
            self._ended = self.bad = True
            raise BadBody("the connection ended before the body did")
        return data
