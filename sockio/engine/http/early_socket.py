"""Early socket: bytes that were received already, below a gevent socket.

A server that gets a connection from another process must read first what that process
has received. And where that process has begun with the answer, this server's beginning
of the same answer must not be sent again.
"""

from __future__ import annotations

from _socket import MSG_PEEK
from _socket import socket as PlainSocket
from typing import TYPE_CHECKING, Any, cast

from gevent.socket import socket as GeventSocket

if TYPE_CHECKING:
    from socket import socket

    from typing_extensions import Buffer

__all__ = ["EarlySocket", "rest_of", "with_early"]


class EarlySocket(PlainSocket):
    """The kernel's socket, with bytes in front of those that it receives.

    ``recv`` and ``recv_into`` return them, and ``send`` swallows what it shall; other
    methods, and methods of the base class called with this object, know nothing of it.
    """

    __slots__ = ("__weakref__", "_at", "_early", "_skip")

    def __init__(self, sock: PlainSocket, early: bytes, skip: int = 0) -> None:
        """Take over the descriptor of ``sock``.

        Args:
            early: Bytes to receive before those of the kernel.
            skip: How many of the first bytes that are sent are only counted as sent.
        """
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self.setblocking(False)
        self._early = early
        #: How many of them were received.
        self._at = 0
        self._skip = skip

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if not self._early or size < 0:
            return super().recv(size, flags)
        data = self._early[self._at : self._at + size]
        if not flags & MSG_PEEK:
            self._pass(len(data))
        return data

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        if not self._early or nbytes < 0:
            return super().recv_into(buffer, nbytes, flags)
        with memoryview(buffer) as any_view, any_view.cast("B") as view:
            data = self.recv(min(nbytes or len(view), len(view)), flags)
            view[: len(data)] = data
        return len(data)

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        if not self._skip:
            return super().send(data, flags)
        with memoryview(data) as view:
            swallowed = min(self._skip, view.nbytes)
        self._skip -= swallowed
        return swallowed

    def rest(self) -> bytes:
        """Remove and return the early bytes that nobody has received."""
        rest = self._early[self._at :]
        self._pass(len(rest))
        return rest

    def _pass(self, count: int) -> None:
        self._at += count
        if self._at == len(self._early):
            self._early, self._at = b"", 0


def with_early(sock: PlainSocket, early: bytes, skip: int = 0) -> socket:
    """Return a gevent socket that first receives ``early``.

    Args:
        sock: A socket of the kernel; its descriptor is taken over.
        early: Bytes to receive before those of the kernel.
        skip: How many of the first bytes that are sent are only counted as sent.
    """
    if not early and not skip:
        family, kind, proto = sock.family, sock.type, sock.proto
        above: Any = GeventSocket(family, kind, proto, fileno=sock.detach())
        return cast("socket", above)
    below = EarlySocket(sock, early, skip)
    above = GeventSocket(below.family, below.type, below.proto, fileno=below.fileno())
    # The servers, and we, tell a plain connection from TLS by the type, so this must
    # not be a class of its own.
    above._sock.detach()
    above._sock = below
    return cast("socket", above)


def rest_of(sock: object) -> bytes:
    """Remove and return the early bytes of a gevent socket that nobody has received."""
    below = getattr(sock, "_sock", None)
    return below.rest() if isinstance(below, EarlySocket) else b""
