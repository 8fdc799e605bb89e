"""Server: our HTTP server at work: accepts, runs requests, ends.

A connection costs no greenlet while it waits, and a request runs in one that is used
again. Nothing is said about clients that went away.
"""

from __future__ import annotations

import sys
from _socket import socket as PlainSocket
from contextvars import Context
from email.utils import formatdate
from functools import partial
from time import time
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

from sockio.runtime import logs
from sockio.runtime.clock import Clock
from sockio.runtime.hangup import hang_up
from sockio.runtime.workers import Workers
from sockio.types import Environ, WSGIApp

from .access_log import AccessLog
from .connection import HttpConnection
from .deadlines import Deadlines
from .exchange import Exchange
from .options import HttpOptions
from .request_head import Refused
from .shortcut import Shortcut, shortcut_of
from .tls_handshake import TlsHandshake

__all__ = ["Server"]

log = logs.get("engine.http")

#: Seconds between two warnings that name the same option.
_QUIET = 60.0


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
        clock: Clock | None = None,
    ) -> None:
        super().__init__(listener, self.do_handle)
        self.application = application
        self.options = options
        self.shortcut: Shortcut | None = None
        #: No request is taken any more.
        self.closing = False
        self.clock = clock or Clock()
        self.deadlines = Deadlines(self.clock, options)
        self._workers = Workers()
        self._workers.attach()
        self._ssl_context = ssl_context
        self._access_log = None if log is None else AccessLog(log)
        self._connections: set[HttpConnection] = set()
        self._handshakes: set[TlsHandshake] = set()
        #: Exchanges with the greenlet of each.
        self._running: dict[Exchange, Any] = {}
        self._empty = Event()
        self._date = (0, "")
        #: When the next warning that names an option may be logged.
        self._quiet: dict[str, float] = {}
        self._error_log = error_log
        self._environ = self._common_environ(environ or {})

    def _common_environ(self, environ: Environ) -> Environ:
        address = self.address
        named = isinstance(address, tuple)
        return {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_SOFTWARE": "sockio",
            # A Unix socket has neither, and PEP 3333 wants both.
            "SERVER_NAME": address[0] if named else "localhost",
            "SERVER_PORT": str(address[1]) if named else "80",
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
        sock = PlainSocket(self.family, socket.SOCK_STREAM, 0, descriptor)
        sock.setblocking(False)
        return sock, address

    def do_handle(self, sock: Any, address: Any) -> None:
        if self._ssl_context is None:
            self._connections.add(HttpConnection(sock, address, self))
        else:
            handshake = TlsHandshake(sock, address, self, self._secure, self._secured)
            self._handshakes.add(handshake)

    def _secure(self, sock: Any) -> Any:
        plain = socket.socket(self.family, socket.SOCK_STREAM, 0, sock.detach())
        plain.setblocking(False)
        try:
            return self._ssl_context.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False
            )
        except BaseException:
            hang_up(plain)
            raise

    def _secured(self, handshake: TlsHandshake, secured: Any) -> None:
        self._handshakes.discard(handshake)
        if secured is not None:
            connection = HttpConnection(secured, handshake.address, self, tls=True)
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

    def refused(self, address: Any, why: Refused) -> None:
        """A client is told that its request is none."""
        # The operator can do nothing about most of them, and anybody can fill a disk.
        log.debug("bad request from %s: %s", address, why)
        if why.option is None or self.clock.now() < self._quiet.get(why.option, 0.0):
            return
        self._quiet[why.option] = self.clock.now() + _QUIET
        log.warning(
            "a request from %s was answered with %s: %s is larger than %d bytes; if "
            "such requests are to be served, give a larger %s to create_server(), "
            "listen() or run()",
            address,
            why.status,
            why,
            getattr(self.options, why.option),
            why.option,
        )

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
            self._access_log.add(connection.address, exchange)

    # ------------------------------------------------------------------ closing

    def stop_listening(self) -> None:
        """Accept no more, and hang up where nobody waits for an answer."""
        self.closing = True
        self.close()
        for handshake in list(self._handshakes):
            handshake.close()
        for connection in list(self._connections):
            if not connection.busy:
                connection.close()
        self._check_empty()

    def _check_empty(self) -> None:
        if self.closing and not self._connections and not self._running:
            self.deadlines.close()
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
