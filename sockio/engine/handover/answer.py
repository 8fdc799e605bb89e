"""Answer: what another process answers to a request, read from a socket.

Spec: RFC 9112, "Message Body Length". Whatever is not plainly right ends the reading.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["Answer", "BrokenAnswer"]

_SIZE = 65536
#: Most bytes of a head, or of a line between chunks.
_MOST = 65536
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: ([^\r\n]*))?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")


class BrokenAnswer(OSError):
    """The answer ends too early, or is none of HTTP."""


class Answer:
    """One answer: its head is read at once, its body by ``read``."""

    __slots__ = (
        "_buffer",
        "_chunked",
        "_closes",
        "_left",
        "_sock",
        "code",
        "head",
        "headers",
        "status",
    )

    def __init__(self, sock: Any, method: str) -> None:
        """Read the head of the answer to a request of that method.

        Raises:
            BrokenAnswer: There is none.
            OSError: Nothing can be received, or not in time.

        Blocks:
            Until it is there.
        """
        self._sock = sock
        self._buffer = bytearray()
        while True:
            #: As it was received.
            self.head = self._take(b"\r\n\r\n") + b"\r\n\r\n"
            first, *lines = self.head[:-4].split(b"\r\n")
            found = _STATUS.fullmatch(first)
            if found is None:
                raise BrokenAnswer("no answer of HTTP/1")
            #: The number in the status.
            self.code = int(found[2])
            if self.code >= 200 or self.code == 101:
                break
        reason = (found[3] or b"").decode("latin-1")
        #: Number and reason.
        self.status = f"{self.code} {reason}"
        #: All of them, as they were written.
        self.headers = [_field(line) for line in lines]
        #: Whether the connection ends with this answer.
        self._closes = found[1] == b"0" or "close" in self._tokens("connection")
        self._chunked = False
        #: Bytes of the body, or of the present chunk, to come; None: until the end.
        self._left: int | None = 0
        if method != "HEAD" and self.code not in (101, 204, 304):
            self._frame()

    def _frame(self) -> None:
        """Decide where the body ends."""
        lengths = {value for name, value in self._all("content-length")}
        if codings := self._tokens("transfer-encoding"):
            if codings != ["chunked"] or lengths:
                raise BrokenAnswer("a body whose end cannot be told")
            self._chunked = True
        elif lengths:
            length = lengths.pop()
            if lengths or not re.fullmatch("[0-9]{1,15}", length):
                raise BrokenAnswer("a body whose length cannot be told")
            self._left = int(length)
        else:
            self._left = None
            self._closes = True

    def _all(self, wanted: str) -> list[tuple[str, str]]:
        return [field for field in self.headers if field[0].lower() == wanted]

    def _tokens(self, wanted: str) -> list[str]:
        parts = ",".join(value for _, value in self._all(wanted)).lower().split(",")
        return [part.strip() for part in parts if part.strip()]

    @property
    def length(self) -> int | None:
        """Bytes of the body that are to come; None: that is not known."""
        return None if self._chunked else self._left

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request, now."""
        whole = not self._chunked and self._left == 0
        return whole and not self._closes and not self._buffer

    @property
    def rest(self) -> bytes:
        """What has come behind the head, and was not read."""
        return bytes(self._buffer)

    def read(self) -> bytes:
        """Return the next part of the body; nothing at its end.

        Raises:
            BrokenAnswer: It ends too early.
            OSError: Nothing can be received, or not in time.

        Blocks:
            Until there is something.
        """
        if self._left == 0 and self._chunked:
            self._begin_chunk()
        if self._left == 0:
            return b""
        part = self._receive()
        if not part:
            if self._left is None:
                self._left = 0
                return b""
            raise BrokenAnswer("the body ends too early")
        if self._left is not None:
            part, self._buffer = part[: self._left], bytearray(part[self._left :])
            self._left -= len(part)
            if self._left == 0 and self._chunked and self._take(b"\r\n"):
                raise BrokenAnswer("a chunk that is too long")
        return part

    def _begin_chunk(self) -> None:
        found = _CHUNK.fullmatch(self._take(b"\r\n"))
        if found is None:
            raise BrokenAnswer("no chunk")
        self._left = int(found[1], 16)
        if self._left == 0:
            while self._take(b"\r\n"):
                pass
            self._chunked = False

    def _receive(self) -> bytes:
        """Return what has come and was not read, or what comes."""
        if self._buffer:
            part = bytes(self._buffer)
            self._buffer.clear()
            return part
        data: bytes = self._sock.recv(_SIZE)
        return data

    def _take(self, end: bytes) -> bytes:
        """Return what comes before ``end``, and pass it over."""
        start = 0
        while (found := self._buffer.find(end, start)) < 0:
            if len(self._buffer) > _MOST:
                raise BrokenAnswer("a line that is too long")
            start = max(len(self._buffer) - len(end) + 1, 0)
            data = self._sock.recv(_SIZE)
            if not data:
                raise BrokenAnswer("the connection has ended")
            self._buffer += data
        taken = bytes(self._buffer[:found])
        del self._buffer[: found + len(end)]
        return taken


def _field(line: bytes) -> tuple[str, str]:
    found = _FIELD.fullmatch(line)
    if found is None:
        raise BrokenAnswer("a header that cannot be read")
    return found[1].decode("ascii"), found[2].decode("latin-1")
