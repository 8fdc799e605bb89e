"""Cutting proxy: a TCP proxy that loses connections on demand."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.event
from gevent.server import StreamServer


class CuttingProxy:
    """Stands between clients and one server; carries bytes as they come.

    It cuts between two reads, never inside one: a short piece of data that a server
    writes in one call is not cut in the middle on a network either.
    """

    def __init__(self, url: str) -> None:
        self.lead_to(url)
        self._pairs: set[tuple[Any, Any]] = set()
        #: How many more reads go through; None: all of them.
        self._left: int | None = None
        self._silently = False
        self._refuses = False
        self._cut = gevent.event.Event()
        #: Sockets to the server, which has not noticed the cut.
        self._orphans: list[Any] = []
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def lead_to(self, url: str) -> None:
        """Carry new connections to this server."""
        parts = urlsplit(url)
        self._upstream = (parts.hostname, parts.port)

    def cut_after(self, reads: int, *, silently: bool) -> None:
        """Let ``reads`` more go through, in either direction, then cut everything.

        Args:
            silently: Whether the server's connections stay open, so that it does not
                notice.
        """
        self._cut.clear()
        self._silently = silently
        self._left = reads

    def wait_cut(self, timeout: float) -> bool:
        """Return whether it has cut.

        Blocks:
            Until it does, at most ``timeout``.
        """
        return bool(self._cut.wait(timeout))

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Cut everything, now; let no connection through until the block has ended."""
        self._refuses = True
        self._cut_all()
        yield
        self._refuses = False

    def close(self) -> None:
        """End everything."""
        self._server.stop()
        self._silently = False
        self._cut_all()
        for orphan in self._orphans:
            orphan.close()

    def _serve(self, client: Any, _: object) -> None:
        if self._refuses:
            return
        server = gevent.socket.create_connection(self._upstream)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (client, server)
        self._pairs.add(pair)
        pumps = [
            gevent.spawn(self._pump, pair, client, server),
            gevent.spawn(self._pump, pair, server, client),
        ]
        gevent.joinall(pumps, count=1)
        if pair in self._pairs:
            self._pairs.discard(pair)
            client.close()
            server.close()
        gevent.joinall(pumps)

    def _pump(self, pair: tuple[Any, Any], source: Any, sink: Any) -> None:
        try:
            while data := source.recv(65536):
                if pair not in self._pairs:
                    continue  # the client is gone; drop what the server sends
                if self._left == 0:
                    self._cut_all()
                    continue
                if self._left is not None:
                    self._left -= 1
                sink.sendall(data)
        except OSError:
            return  # one of the two was closed

    def _cut_all(self) -> None:
        self._left = None
        pairs, self._pairs = self._pairs, set()
        for client, server in pairs:
            client.close()
            if self._silently:
                self._orphans.append(server)
            else:
                server.close()
        self._cut.set()
