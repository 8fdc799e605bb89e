"""HoldingProxy: a TCP proxy that is as slow as a test wants, or a black hole."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import gevent
import gevent.event
import gevent.socket
from gevent.server import StreamServer

#: Bytes that the system keeps for each direction of a connection, roughly.
BUFFER = 32 << 10


class HoldingProxy:
    """Stands before a port of this machine; passes bytes on while it may."""

    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        #: Bytes that may pass since the last call of ``allow``, in each direction of
        #: each connection; None: all.
        self._allowance: int | None = None
        self._calls = 0
        #: Whether some direction has used up what it was allowed.
        self.exhausted = False
        self._change = gevent.event.Event()
        self._ends: set[Any] = set()
        listener = gevent.socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        self._server = StreamServer(listener, self._serve)
        self._server.start()
        self.port: int = self._server.server_port

    def allow(self, size: int) -> None:
        """Let so many more bytes pass, and hold back what comes after them.

        Args:
            size: For each direction of each connection.
        """
        self._allow(size)

    def let_go(self) -> None:
        """Hold back nothing any more."""
        self._allow(None)

    def _allow(self, size: int | None) -> None:
        self._allowance = size
        self._calls += 1
        self.exhausted = False
        self._change.set()
        self._change.clear()

    def cut(self) -> None:
        """End the connections that there are, and drop what is held back."""
        for end in tuple(self._ends):
            _shut(end)
        self.let_go()

    def close(self) -> None:
        """End everything."""
        self._server.stop()
        self.cut()

    def _serve(self, client: Any, _: object) -> None:
        upstream = gevent.socket.socket()
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        upstream.connect(self._upstream)
        self._ends |= {client, upstream}
        back = gevent.spawn(self._pump, upstream, client)
        self._pump(client, upstream)
        back.join()
        self._ends -= {client, upstream}
        upstream.close()

    def _pump(self, source: Any, sink: Any) -> None:
        left, calls = self._allowance, self._calls
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                while data:
                    if calls != self._calls:
                        left, calls = self._allowance, self._calls
                    if left == 0:
                        self.exhausted = True
                        self._change.wait()
                        continue
                    piece = data[:left]
                    sink.sendall(piece)
                    data = data[len(piece) :]
                    if left is not None:
                        left -= len(piece)
        _shut(source)
        _shut(sink)


def _shut(end: Any) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
