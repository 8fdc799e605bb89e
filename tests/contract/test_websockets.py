from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import gevent.ssl
import pytest
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

import sockio
from sockio.protocol.websocket.frames import frame
from tests.contract.websockets import Host, WebSocketContract
from tests.support.http_wire import HttpConnection

HEADERS = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
}
CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"


class Ours(Host):
    """Our own HTTP server, plain or TLS."""

    def __init__(self, **tls: Any) -> None:
        super().__init__()
        self._server = sockio.create_server(self.app)
        self._server.listen(("127.0.0.1", 0), **tls)

    def open_connection(self) -> HttpConnection:
        assert self._server.address is not None
        return HttpConnection(self._server.address, "localhost")

    def stop(self) -> None:
        self._server.close(timeout=2)


class OursWithTLS(Ours):
    """TLS: the request greenlet stays, and decrypted bytes wait unseen."""

    def __init__(self) -> None:
        super().__init__(certfile=CERTIFICATE)

    def open_connection(self) -> HttpConnection:
        connection = super().open_connection()
        context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(CERTIFICATE)
        connection.wire.socket = context.wrap_socket(
            connection.wire.socket, server_hostname="localhost"
        )
        return connection


class Pywsgi(Host):
    """gevent's own server, which knows nothing of us."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._server = WSGIServer(("127.0.0.1", 0), self.app, log=None, **options)
        self._server.start()

    def open_connection(self) -> HttpConnection:
        return HttpConnection(self._server.address, "localhost")

    def stop(self) -> None:
        self._server.stop(timeout=2)


class GeventWebSocket(Pywsgi):
    """gevent's server with gevent-websocket's handler, which sends the 101 itself."""

    def __init__(self) -> None:
        super().__init__(handler_class=WebSocketHandler)


class Werkzeug(Pywsgi):
    """A server that keeps its socket and names it, as Werkzeug's does."""

    def app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["werkzeug.socket"] = environ.pop("wsgi.input").raw._sock
        environ["SERVER_SOFTWARE"] = "Werkzeug/3"
        return super().app(environ, start_response)


class TestNative(WebSocketContract):
    @pytest.fixture(params=[Ours, OursWithTLS, Pywsgi, GeventWebSocket])
    def host(self, request: pytest.FixtureRequest) -> Iterator[Host]:
        host = request.param()
        yield host
        host.close()

    def test_frames_right_behind_the_handshake_arrive(self, host: Host) -> None:
        connection = host.connection()
        lines = [f"{name}: {value}" for name, value in HEADERS.items()]
        head = "\r\n".join(["GET / HTTP/1.1", "Host: x", *lines, "", ""])

        connection.wire.send(head.encode() + frame("early", mask=b"abcd"))

        assert host.newest_side().messages == ["early"]


class TestSimpleWebSocket(WebSocketContract):
    @pytest.fixture
    def host(self) -> Iterator[Host]:
        host = Werkzeug()
        yield host
        host.close()
