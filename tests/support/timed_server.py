"""TimedServer: an HTTP server whose clock the test advances, and what its peers see."""

from __future__ import annotations

import contextlib
import socket as stdlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gevent.socket

from sockio.httpd.listening_socket import listen
from sockio.httpd.options import HttpOptions
from sockio.httpd.server import HTTPServer
from sockio.testing import FakeClock
from sockio.types import Environ, StartResponse

CERTIFICATE = Path(__file__).parent / "localhost.pem"
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
#: Seconds to wait for what must come; a bound.
PATIENCE = 5


def hello(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start("200 OK", [])
    return [b"hello"]


class TimedServer:
    """A server whose clock the test advances."""

    def __init__(
        self,
        clock: FakeClock,
        app: Any,
        *,
        tls: bool = False,
        processes: int = 1,
        **options: Any,
    ) -> None:
        self.clock = clock
        self.http = HTTPServer(app, HttpOptions(**options), clock=clock)
        certificate = CERTIFICATE if tls else None
        listening = listen("127.0.0.1:0", 128).shared(processes)
        self.http.listen(listening, certfile=certificate)

    def connect(self) -> Any:
        """Return a connection that the server has accepted."""
        peer = gevent.socket.create_connection(self.http.address, timeout=PATIENCE)
        peer.setsockopt(stdlib.IPPROTO_TCP, stdlib.TCP_NODELAY, 1)
        self.clock.settle()
        return peer

    def send(self, peer: Any, data: bytes) -> None:
        """Send ``data``; the server has it when this returns."""
        peer.sendall(data)
        self.clock.settle()


def receive(peer: Any, end: bytes) -> bytes:
    """Return what comes, up to ``end``."""
    data = b""
    while not data.endswith(end):
        more = peer.recv(65536)
        assert more, data
        data += more
    return data


def read_all(peer: Any) -> bytes:
    """Return all that comes before the end of the connection, whatever that is."""
    data = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while more := peer.recv(1 << 20):
            data += more
    return bytes(data)


def is_open(peer: Any) -> bool:
    """Whether nothing has come, not even the end."""
    try:
        return bool(peer._sock.recv(1, stdlib.MSG_PEEK | stdlib.MSG_DONTWAIT))
    except BlockingIOError:
        return True
