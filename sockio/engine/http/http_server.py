"""create_server(): a WSGI server of our own: listen, serve, close.

A connection costs no greenlet while it waits, and a request runs in one that is used
again. Nothing is said about clients that went away.
"""

from __future__ import annotations

import os
import ssl
import sys
from _socket import socket as PlainSocket
from collections.abc import Callable, Iterable
from contextvars import Context
from datetime import datetime
from email.utils import formatdate
from functools import partial
from time import time
from typing import Any

import gevent
import gevent.ssl
from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.runtime.clock import Clock
from sockio.runtime.workers import Workers
from sockio.types import Environ, StartResponse, WSGIApp

from .exchange import Exchange
from .http_connection import HttpConnection
from .http_options import HttpOptions
from .listening_socket import Address, ListeningSocket
from .listening_socket import listen as bind
from .shortcut import Shortcut, shortcut_of

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
        tls = _tls_options(certfile, keyfile, ssl_context)
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
        """Serve until ``close()`` is called, or the greenlet is interrupted.

        Blocks:
            Until then.
        """
        if self._server is None:
            raise ConfigError("not listening; call listen(address) first")
        try:
            self._closed.wait()
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


class Server(StreamServer):  # type: ignore[misc]
    """gevent's accepting loop, which hands each socket to an ``HttpConnection``."""

    def __init__(
        self,
        listener: Any,
        application: WSGIApp,
        options: HttpOptions,
        *,
        log: Any = None,
        error_log: Any = None,
        environ: Environ | None = None,
        ssl_context: Any = None,
    ) -> None:
        super().__init__(listener, self._secure)
        self.application = application
        self.options = options
        self.shortcut: Shortcut | None = None
        #: No request is taken any more.
        self.closing = False
        self.clock = Clock()
        self._workers = Workers()
        self._workers.attach()
        self._ssl_context = ssl_context
        self._access_log = None if log is None else _writer(log)
        self._connections: set[HttpConnection] = set()
        #: Exchanges with the greenlet of each.
        self._running: dict[Exchange, Any] = {}
        self._empty = Event()
        self._date = (0, "")
        self._error_log = error_log
        self._environ = self._common_environ(environ or {})

    def _common_environ(self, environ: Environ) -> Environ:
        address = self.address
        named = isinstance(address, tuple)
        return {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_SOFTWARE": "sockio",
            "SERVER_NAME": address[0] if named else "",
            "SERVER_PORT": str(address[1]) if named else "",
            "SCRIPT_NAME": "",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http" if self._ssl_context is None else "https",
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            **environ,
        }

    def use_shortcut_of(self, app: WSGIApp | None) -> None:
        """Let ``app`` serve requests without WSGI, unless a log wants them all."""
        self.shortcut = shortcut_of(app) if self._access_log is None else None

    # ------------------------------------------------------------------ accepting

    def do_read(self) -> tuple[Any, Any] | None:
        try:
            descriptor, address = self.socket._accept()
        except BlockingIOError:
            return None
        make = PlainSocket if self._ssl_context is None else socket.socket
        sock = make(self.family, socket.SOCK_STREAM, 0, descriptor)
        sock.setblocking(False)
        return sock, address

    def do_handle(self, sock: Any, address: Any) -> None:
        if self._ssl_context is None:
            self._connections.add(HttpConnection(sock, address, self))
        else:
            gevent.spawn(self._secure, sock, address)

    def _secure(self, sock: Any, address: Any) -> None:
        try:
            sock.settimeout(None)
            secured = self._ssl_context.wrap_socket(sock, server_side=True)
        except OSError as exc:
            log.debug("TLS handshake with %s failed: %s", address, exc)
            sock.close()
            return
        secured.settimeout(0.0)
        if self.closing:
            secured.close()
        else:
            connection = HttpConnection(secured, address, self, tls=True)
            self._connections.add(connection)

    def forget(self, connection: HttpConnection) -> None:
        """A connection is closed, or somebody else's."""
        self._connections.discard(connection)
        self._check_empty()

    # ------------------------------------------------------------------ answering

    def environ(self) -> Environ:
        """What all requests have in common, as a new dict."""
        environ = self._environ.copy()
        environ["wsgi.errors"] = self._error_log or sys.stderr
        return environ

    def date(self) -> str:
        """The header line with the present time, made once a second."""
        second = int(time())
        if second != self._date[0]:
            self._date = second, f"Date: {formatdate(second, usegmt=True)}"
        return self._date[1]

    def run(self, exchange: Exchange) -> None:
        """Run ``exchange`` in a worker, now."""
        self._workers.switch_to(partial(self._run, exchange))

    def _run(self, exchange: Exchange) -> None:
        self._running[exchange] = gevent.getcurrent()
        try:
            Context().run(exchange.run)
        finally:
            del self._running[exchange]
            self._check_empty()

    def ended(self, connection: HttpConnection, exchange: Exchange) -> None:
        """An exchange is over."""
        if self._access_log is not None:
            address = connection.address
            self._access_log(
                f"{address[0] if isinstance(address, tuple) else address or '-'} "
                f'- - [{datetime.now():%Y-%m-%d %H:%M:%S}] "{exchange.request_line}" '
                f"{exchange.code} {exchange.sent}"
            )

    # ------------------------------------------------------------------ closing

    def stop_listening(self) -> None:
        """Accept no more, and hang up where nobody waits for an answer."""
        self.closing = True
        self.close()
        for connection in list(self._connections):
            if not connection.busy:
                connection.close()

    def _check_empty(self) -> None:
        if self.closing and not self._connections and not self._running:
            self._empty.set()

    def wait(self, timeout: float) -> None:
        """Wait for the exchanges to end; kill what is left."""
        self._check_empty()
        if not self._empty.wait(timeout):
            for exchange, worker in self._running.items():
                self.loop.run_callback(self._kill, exchange, worker)
            for connection in list(self._connections):
                if not connection.runs:
                    connection.close()
            self._empty.wait(1)

    def _kill(self, exchange: Exchange, worker: Any) -> None:
        if exchange in self._running:  # it may have ended since
            worker.throw(gevent.GreenletExit)


def _writer(target: Any) -> Callable[[str], object]:
    """How to write a line to a log: a logger, or something like a file."""
    if hasattr(target, "write"):
        return lambda line: target.write(f"{line}\n")
    return target.info  # type: ignore[no-any-return]


def _tls_options(
    certfile: str | os.PathLike[str] | None,
    keyfile: str | os.PathLike[str] | None,
    ssl_context: ssl.SSLContext | None,
) -> dict[str, Any]:
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
