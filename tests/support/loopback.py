"""Loopback: a server in this process on a free port, and clients that speak to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

import sockio

from .raw_client import CERTIFICATE, RawClient

#: Which HTTP server carries the application.
Kind: TypeAlias = Literal["sockio", "tls", "pywsgi", "gevent-websocket", "werkzeug"]
#: Seconds that open requests get to end when a server is closed.
GRACE = 2.0


class Loopback:
    """A running HTTP server with an application of ours behind it.

    Args:
        app: A ``Server``, an ``EngineServer``, or any WSGI callable.
        kind: "sockio" is ``create_server()``, "tls" the same over TLS; "pywsgi" is
            gevent's own server, which knows nothing of us, "gevent-websocket" that
            with the package's handler; "werkzeug" is a server that keeps its socket.
        port: On which it listens; 0: any that is free.
    """

    def __init__(self, app: Any, kind: Kind = "sockio", port: int = 0) -> None:
        self.app = app
        self._clients: list[RawClient] = []
        if kind in ("sockio", "tls"):
            tls: dict[str, Any] = {"certfile": CERTIFICATE} if kind == "tls" else {}
            server = sockio.create_server(app)
            self._http: Any = server.listen(("127.0.0.1", port), **tls)
        else:
            handler = app.serve_handler() if isinstance(app, sockio.Server) else app
            options = {}
            if kind == "gevent-websocket":
                options = {"handler_class": WebSocketHandler}
            elif kind == "werkzeug":
                handler = _as_werkzeug_does(handler)
            address = ("127.0.0.1", port)
            self._http = WSGIServer(address, handler, log=None, **options)
            self._http.start()
        scheme = "https" if kind == "tls" else "http"
        self.url = f"{scheme}://{{}}:{{}}".format(*self._http.address)

    @property
    def engine(self) -> sockio.EngineServer:
        """The Engine.IO server in the application."""
        if isinstance(self.app, sockio.Server):
            return self.app.engine
        assert isinstance(self.app, sockio.EngineServer)
        return self.app

    def client(self, path: str | None = None, protocol: int = 4) -> RawClient:
        """Return a raw client of this server; it is closed with the server."""
        if path is None:
            path = self.engine.options.path.rstrip("/") + "/"
        client = RawClient(self.url, path, protocol)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close the clients, then the server; no session may outlive that.

        Blocks:
            Until the requests under way have ended.
        """
        for client in self._clients:
            client.close()
        if hasattr(self.app, "close"):
            self.app.close()
        if isinstance(self._http, WSGIServer):
            self._http.stop(timeout=GRACE)
        else:
            self._http.close(timeout=GRACE)
        if isinstance(self.app, sockio.Server | sockio.EngineServer):
            sessions = list(self.engine.clients)
            assert not sessions, f"sessions outlived their server: {sessions}"


def _as_werkzeug_does(app: Any) -> Any:
    """Put the socket of an upgrade request into environ, but let nobody take it."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "HTTP_UPGRADE" in environ:
            environ["werkzeug.socket"] = environ.pop("wsgi.input").raw._sock
            environ["SERVER_SOFTWARE"] = "Werkzeug/3"
        result: Iterable[bytes] = app(environ, start_response)
        return result

    return answer
