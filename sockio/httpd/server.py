"""create_server(): our own WSGI server: listen, serve, close."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent.ssl
from gevent.event import Event

from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.types import Environ, StartResponse, WSGIApp

from .acceptor import Acceptor
from .access_log import check
from .connections import Connections
from .environ import common_environ
from .listening_socket import Address, ListeningSocket
from .listening_socket import listen as bind
from .options import HttpOptions, HttpSettings

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["HTTPServer", "create_server"]

log = logs.get("engine.http")

#: Connections that may wait to be accepted; the kernel may allow fewer.
BACKLOG = 1024


def create_server(
    app: WSGIApp | None = None,
    *,
    log: Any = None,
    access_log_format: str | None = None,
    error_log: Any = None,
    environ: Environ | None = None,
    backlog: int = BACKLOG,
    **options: Unpack[HttpSettings],
) -> HTTPServer:
    """Make an HTTP server that is not listening yet.

    Args:
        app: Answers the requests; while there is none, all of them get 404.
        log: Where a line for each request goes: a path, ``"-"`` for standard output, an
            open file or a logger; None: nowhere.
        access_log_format: What is in that line, in the words of gunicorn's setting of
            that name; None: gunicorn's default.
        error_log: A file for ``wsgi.errors`` and the tracebacks of the application;
            None: standard error.
        environ: Additional entries of each request's environ.
        backlog: Connections that may wait to be accepted; the kernel may allow fewer.
        options: Fields of ``HttpOptions``: what is demanded of requests.

    Raises:
        ConfigError: An option is wrong.
    """
    check(log, access_log_format)
    return HTTPServer(
        app,
        HttpOptions(**options),
        log=log,
        access_log_format=access_log_format,
        error_log=error_log,
        environ=environ,
        backlog=backlog,
    )


class _Parts(NamedTuple):
    """The parts that a server has while it listens."""

    listening: ListeningSocket
    acceptor: Acceptor
    connections: Connections


class HTTPServer:
    """One listening address and the WSGI application behind it."""

    def __init__(
        self,
        app: WSGIApp | None = None,
        options: HttpOptions | None = None,
        *,
        environ: Environ | None = None,
        backlog: int = BACKLOG,
        **settings: Any,
    ) -> None:
        self._app = app
        self._options = options or HttpOptions()
        self._backlog = backlog
        self._environ = environ or {}
        #: Further arguments of its ``Connections``.
        self._settings = settings
        self._parts: _Parts | None = None
        self._closed = Event()

    @property
    def app(self) -> WSGIApp | None:
        """The application; if you replace it, the next request gets the new one."""
        return self._app

    @app.setter
    def app(self, app: WSGIApp | None) -> None:
        self._app = app
        if self._parts is not None:
            self._parts.connections.use_shortcut_of(app)

    @property
    def address(self) -> tuple[str, int] | str | None:
        """Host and actual port, or ``"unix:PATH"``; None while not listening."""
        return None if self._parts is None else self._parts.listening.address

    def listen(
        self,
        address: Address | ListeningSocket = 3000,
        *,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> HTTPServer:
        """Bind and accept from now on; requests are served whenever the hub runs.

        Args:
            address: A port (of all interfaces), ``(host, port)``, ``"host:port"``,
                ``"[ipv6]:port"`` or ``"unix:/path"``; port 0 is a free one. Or
                ``"systemd"``, ``"systemd:NAME"``: a socket that systemd has opened. Or
                a ``ListeningSocket``.
            certfile: PEM file with the certificate chain; with it the server speaks
                TLS.
            keyfile: PEM file with the key, if ``certfile`` does not contain it.
            ssl_context: Instead of both; an object of gevent's class.

        Raises:
            ConfigError: An option is wrong, or the server is listening already.
            OSError: The address cannot be bound.
        """
        if self._parts is not None:
            raise ConfigError(f"already listening on {self.address}; close() it first")
        context = _tls_context(certfile, keyfile, ssl_context)
        if isinstance(address, ListeningSocket):
            listening = address
        else:
            listening = bind(address, self._backlog)
        with ExitStack() as undo:
            undo.callback(listening.close)
            connections = self._make_connections(listening, context)
            acceptor = Acceptor(
                listening.sock,
                connections.take,
                connections,
                context,
                processes=listening.processes,
            )
            acceptor.start()
            undo.pop_all()
        self._parts = _Parts(listening, acceptor, connections)
        self._closed.clear()
        log.info("listening on %s", self.address)
        return self

    def _make_connections(
        self, listening: ListeningSocket, context: ssl.SSLContext | None
    ) -> Connections:
        address = listening.sock.getsockname()
        environ = common_environ(address, secure=context is not None) | self._environ
        connections = Connections(
            self._respond,
            self._options,
            environ,
            listener=address,
            **self._settings,
        )
        connections.use_shortcut_of(self._app)
        return connections

    def serve_forever(self) -> None:
        """Serve until ``close()`` is called, or Ctrl-C is pressed.

        Blocks:
            Until then.
        """
        if self._parts is None:
            raise ConfigError("not listening; call listen(address) first")
        try:
            self._closed.wait()
        except KeyboardInterrupt:
            log.info("interrupted")
        finally:
            self.close()

    def close(self, timeout: float | None = None) -> None:
        """Stop accepting; close each connection that has no request under way.

        The others end with their response, which says so. A client that has just come
        has a second for its first request. The file of a Unix socket is removed.

        Args:
            timeout: Seconds to wait for these; what still runs then is killed. None
                does not wait and kills nothing.

        Blocks:
            With a timeout, until the last connection ends.
        """
        if self._parts is None:
            return
        log.info("closing %s", self.address)
        (listening, acceptor, connections), self._parts = self._parts, None
        acceptor.close()
        connections.close()
        listening.close()
        self._closed.set()
        if timeout is not None:
            connections.wait(timeout)

    def _stop_accepting(self) -> None:
        """Leave those who come to other processes that listen on the same socket.

        They wait in the system's queue as long as there is none.
        """
        if self._parts is not None:
            self._parts.acceptor.stop_accepting()

    def _respond(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if self._app is not None:
            return self._app(environ, start)
        start(
            "404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")]
        )
        return [b""]


def _tls_context(
    certfile: str | os.PathLike[str] | None,
    keyfile: str | os.PathLike[str] | None,
    ssl_context: ssl.SSLContext | None,
) -> Any:
    """Return gevent's context for a server, if it is to speak TLS.

    Raises:
        ConfigError: Too little or too much was given.
    """
    if ssl_context is not None:
        if certfile is not None or keyfile is not None:
            raise ConfigError("give either ssl_context or certfile and keyfile")
        if not isinstance(ssl_context, gevent.ssl.SSLContext):
            raise ConfigError(
                "ssl_context would block the whole process; make it with "
                "gevent.ssl.SSLContext, or call gevent.monkey.patch_all() first"
            )
        return ssl_context
    if certfile is None:
        if keyfile is not None:
            raise ConfigError("keyfile needs certfile beside it")
        return None
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile, keyfile)
    context.set_alpn_protocols(["http/1.1"])
    return context
