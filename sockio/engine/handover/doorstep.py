"""Doorstep: looks at the first request of a connection before its server reads it.

A request for a session of another process is recognised by its first line. So its
connection can go there untouched, before any server has read or parsed anything, and
without a greenlet. What comes later than ``PATIENCE`` is handed over when the
application is called.
"""

from __future__ import annotations

import re
from _socket import MSG_PEEK
from _socket import socket as PlainSocket
from collections.abc import Callable
from typing import Any, Protocol

from gevent.server import StreamServer

from sockio.runtime.watchers import READ, drop

from .packets import Passed
from .way import Way

__all__ = ["Doorstep"]

#: Bytes of a request that are looked at.
_LOOK = 1024
#: Seconds for which a request is waited for here; then it is the server's.
PATIENCE = 0.25


class Giver(Protocol):
    """What hands connections over."""

    def way_of(self, sid: str) -> Way | None:
        """Return the way to the sibling that has a session; None: there is none."""

    def give(self, way: Way, passed: Passed, sock: PlainSocket) -> None:
        """Give a connection away."""


class Doorstep:
    """The place before a server of gevent."""

    def __init__(
        self,
        server: Any,
        serve: Callable[[Any, Any], object],
        giver: Giver,
        prefix: str,
    ) -> None:
        """Look at the connections that ``server`` accepts from now on.

        Args:
            serve: Has the server handle a connection, in a greenlet; never blocks.
            prefix: How the paths of sessions begin.
        """
        self._loop = server.loop
        self._serve = serve
        self._giver = giver
        self._listener = server.address
        path = re.escape(prefix.encode())
        self._request = re.compile(
            rb"(?:GET|POST) %b\?(?:[^ ]*&)?sid=([^& ]*)[& ]" % path
        )
        self._accept: Callable[[], tuple[Any, Any] | None] = server.do_read
        server.do_read = self.accept

    @staticmethod
    def fits(server: Any) -> bool:
        """Whether what the clients of a server send can be read here."""
        return isinstance(server, StreamServer) and not server.ssl_enabled

    def accept(self) -> tuple[Any, Any] | None:
        """Accept a connection; None: there is none for the server now.

        In the hub.
        """
        accepted = self._accept()
        if accepted is None:
            return None
        sock, address = accepted
        try:
            first = _peek(sock)
        except BlockingIOError:
            _Arrival(self._loop, sock, lambda: self._look(sock, address))
            return None
        return None if self._given_away(sock, address, first) else accepted

    def _look(self, sock: Any, address: Any) -> None:
        """Look at what has come meanwhile."""
        try:
            first = _peek(sock)
        except BlockingIOError:
            first = b""
        if not self._given_away(sock, address, first):
            self._serve(sock, address)

    def _given_away(self, sock: Any, address: Any, first: bytes) -> bool:
        found = self._request.match(first)
        if found is None:
            return False
        way = self._giver.way_of(found[1].decode("latin-1"))
        if way is None:
            return False
        plain = PlainSocket(sock.family, sock.type, sock.proto, sock.detach())
        self._giver.give(way, Passed(address, self._listener, b""), plain)
        return True


def _peek(sock: Any) -> bytes:
    """Return what a client has sent, without taking it; nothing if it has gone.

    Raises:
        BlockingIOError: Nothing has come yet.
    """
    try:
        return PlainSocket.recv(sock._sock, _LOOK, MSG_PEEK)
    except BlockingIOError:
        raise
    except OSError:
        return b""


class _Arrival:
    """Calls back once, when something has come or the time is up."""

    __slots__ = ("_on_arrival", "_timer", "_watcher")

    def __init__(self, loop: Any, sock: Any, on_arrival: Callable[[], object]) -> None:
        self._on_arrival = on_arrival
        self._watcher: Any = loop.io(sock.fileno(), READ)
        self._timer: Any = loop.timer(PATIENCE)
        self._watcher.start(self._fire)
        self._timer.start(self._fire)

    def _fire(self) -> None:
        drop(self._watcher)
        drop(self._timer)
        self._on_arrival()
