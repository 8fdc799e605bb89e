"""create_server(): a WSGI server of our own: listen, serve, close."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from typing import Any

import gevent.ssl
from gevent.event import Event

from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.types import Environ, StartResponse, WSGIApp

from .listening_socket import Address, ListeningSocket
from .listening_socket import listen as bind
from .options import HttpOptions
from .serving import Server

__all__ = ["HTTPServer", "create_server"]

log = logs.get("engine.http")

#: Connections that may wait to be accepted; the kernel may allow fewer.
BACKLOG = 1024


def create_server(
    app: WSGIApp | None = None,
    *,
    log: Any = None,
    error_log: Any = None,
    environ: Environ | None = None,
    backlog: int = BACKLOG,
    **options: Any,
) -> HTTPServer:
    """Make an HTTP server that is not listening yet.

    Args:
        app: Answers the requests; 404 to all of them while there is none.
        log: Where a line for each request goes: a file or a logger; None: nowhere.
        error_log: A file for ``wsgi.errors`` and the tracebacks of the application;
            None: standard error.
        environ: What each request's environment contains besides.
        backlog: Connections that may wait to be accepted; the kernel may allow fewer.
        options: Those of ``HttpOptions``: what is demanded of requests.

    Raises:
        ConfigError: An option is wrong.
    """
    return HTTPServer(
        app,
        HttpOptions(**options),
        log=log,
        error_log=error_log,
        environ=environ,
        backlog=backlog,
    )


class HTTPServer:
    """One listening address and the WSGI application behind it."""

    def __init__(
        self,
        app: WSGIApp | None = None,
        options: HttpOptions | None = None,
        *,
        backlog: int = BACKLOG,
        **server: Any,
    ) -> None:
        self._app = app
        self._options = options or HttpOptions()
        self._backlog = backlog
        #: What its accepting loop is told.
        self._settings = server
        self._server: Server | None = None
        self._listening: ListeningSocket | None = None
        self._closed = Event()

    @property
    def app(self) -> WSGIApp | None:
        """May be replaced at any time; the next request gets the new one."""
        return self._app

    @app.setter
    def app(self, app: WSGIApp | None) -> None:
        self._app = app
        if self._server is not None:
            self._server.use_shortcut_of(app)

    @property
    def address(self) -> tuple[str, int] | str | None:
        """Host and actual port, or ``"unix:PATH"``; None while not listening."""
        if self._server is None or self._listening is None:
            return None
        if self._listening.path is not None:
            return f"unix:{self._listening.path}"
        host, port = self._server.address[:2]
        return host, port

    def listen(
        self,
        address: Address = 3000,
        *,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> HTTPServer:
        """Bind and accept from now on; requests are served whenever the hub runs.

        Args:
            address: A port (of all interfaces), ``(host, port)``, ``"host:port"``,
                ``"[ipv6]:port"`` or ``"unix:/path"``; port 0 is a free one.
            certfile: PEM file with the certificate chain: the server speaks TLS.
            keyfile: PEM file with the key, where ``certfile`` does not contain it.
            ssl_context: Instead of both; gevent's class.

        Raises:
            ConfigError: An option is wrong, or the server is listening already.
            OSError: The address cannot be bound.
        """
        if self._server is not None:
            raise ConfigError(f"already listening on {self.address}; close() it first")
        tls = _tls_settings(certfile, keyfile, ssl_context)
        listening = bind(address, self._backlog)
        try:
            server = Server(
                listening.sock, self._respond, self._options, **self._settings, **tls
            )
            server.use_shortcut_of(self._app)
            server.start()
        except BaseException:
            listening.close()
            raise
        self._server, self._listening = server, listening
        self._closed.clear()
        log.info("listening on %s", self.address)
        return self

    def serve_forever(self) -> None:
        """Serve until ``close()`` is called, or Ctrl-C is pressed.

        Blocks:
            Until then.
        """
        if self._server is None:
            raise ConfigError("not listening; call listen(address) first")
        try:
            self._closed.wait()
        except KeyboardInterrupt:
            log.info("interrupted")
        finally:
            self.close()

    def close(self, timeout: float | None = None) -> None:
        """Stop accepting; close each connection that has no request under way.

        The others end with their response, which says so. A Unix socket's file goes.

        Args:
            timeout: Seconds to wait for these; what still runs then is killed. None
                does not wait and kills nothing.

        Blocks:
            With a timeout, until the last connection ends.
        """
        server, listening = self._server, self._listening
        if server is None or listening is None:
            return
        log.info("closing %s", self.address)
        self._server = self._listening = None
        server.stop_listening()
        listening.close()
        self._closed.set()
        if timeout is not None:
            server.wait(timeout)

    def _respond(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if self._app is not None:
            return self._app(environ, start)
        start(
            "404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")]
        )
        return [b""]


def _tls_settings(
    certfile: str | os.PathLike[str] | None,
    keyfile: str | os.PathLike[str] | None,
    ssl_context: ssl.SSLContext | None,
) -> dict[str, Any]:
    """Return the ``ssl_context`` for a server, if it is to have one.

    Raises:
        ConfigError: Half of what is needed was given, or too much.
    """
    if ssl_context is not None:
        if certfile is not None or keyfile is not None:
            raise ConfigError("give either ssl_context or certfile and keyfile")
        if not isinstance(ssl_context, gevent.ssl.SSLContext):
            raise ConfigError(
                "ssl_context would block the whole process; make it with "
                "gevent.ssl.SSLContext, or call gevent.monkey.patch_all() first"
            )
        return {"ssl_context": ssl_context}
    if certfile is None:
        if keyfile is not None:
            raise ConfigError("keyfile needs certfile beside it")
        return {}
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile, keyfile)
    context.set_alpn_protocols(["http/1.1"])
    return {"ssl_context": context}
