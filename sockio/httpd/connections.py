"""Connections: the connections of one HTTP server, and the requests that run.

A connection costs no greenlet while it waits; a request runs in a greenlet that is used
again. Clients that go away are worth a debug line only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import Context
from email.utils import formatdate
from functools import partial
from heapq import nsmallest
from logging import ERROR
from operator import itemgetter
from time import time
from typing import Any
from weakref import WeakValueDictionary

import gevent
from gevent.event import Event

from sockio.runtime import logs
from sockio.runtime.clock import Clock
from sockio.runtime.hangup import hang_up
from sockio.runtime.refusals import BAD_REQUEST, REQUEST_TIMEOUT, REQUEST_TOO_LARGE
from sockio.runtime.repeats import Repeats
from sockio.runtime.standard_streams import errors
from sockio.runtime.workers import Workers
from sockio.types import Environ, WSGIApp

from .access_log import AccessLog
from .connection import HttpConnection
from .deadlines import Deadlines
from .environ import host_of
from .exchange import Exchange
from .options import HttpOptions
from .owner import Ending, Waiting
from .request_body import BadBody
from .request_head import Refused
from .shortcut import Shortcut, shortcut_of
from .socket import LINGERING

__all__ = ["LISTENING", "Connections"]

log = logs.get("engine.http")

#: Seconds for which a connection has to be idle, or its client has to wait for news,
#: before it may make room for another.
IDLE = 2.0
#: Seconds between two looks at all who wait for news.
_LOOK = 0.05


class Connections:
    """Keeps the connections, wherever they were accepted, until they end."""

    def __init__(
        self,
        application: WSGIApp,
        options: HttpOptions,
        environ: Environ,
        *,
        listener: Any = None,
        log: Any = None,
        access_log_format: str | None = None,
        error_log: Any = None,
        clock: Clock | None = None,
    ) -> None:
        """Serve ``application`` to the clients that are given to ``take``.

        Args:
            environ: What all requests have in common, except ``wsgi.errors``.
            listener: Where the server listens, as its socket gives it.
            log: Where a line for each request goes, see ``AccessLog``; None: nowhere.
            access_log_format: What is in the lines; None: gunicorn's default.
            error_log: The file for ``wsgi.errors``; None: standard error.
        """
        self.application = application
        self.options = options
        self.listener = listener
        if listener is not None:
            LISTENING[listener] = self
        self.shortcut: Shortcut | None = None
        #: Whether no more requests are taken.
        self.closing = False
        self.clock = clock or Clock()
        self.deadlines = Deadlines(self.clock, options)
        self._workers = Workers()
        self._workers.attach()
        #: Counts the lines that clients cause again and again.
        self.repeats = Repeats(self.clock, self._workers)
        self.loop = self._workers.loop
        self._access_log = None
        if log is not None:
            self._access_log = AccessLog(log, access_log_format)
        self._open: set[Ending] = set()
        #: The exchanges that run, with the greenlet of each.
        self._running: dict[Exchange, Any] = {}
        #: Who holds a descriptor that is not a connection's any more.
        self._holders: set[Waiting] = set()
        #: When we last looked for those who can give way.
        self._looked = -_LOOK
        #: When those gave way who may not have left yet, by their sockets.
        self._leaving: dict[Any, float] = {}
        #: Called when a connection has left.
        self._on_room: Callable[[], object] = _nothing
        self._empty = Event()
        self._date = (0, "")
        self._error_log = error_log
        self._environ = environ

    def use_shortcut_of(self, app: WSGIApp | None) -> None:
        """Let ``app`` serve requests without WSGI, unless there is an access log."""
        self.shortcut = shortcut_of(app) if self._access_log is None else None

    def take(
        self,
        sock: Any,
        address: Any,
        *,
        early: bytes = b"",
        tls: bool = False,
        logged: bool = True,
    ) -> None:
        """Serve a client from now on, wherever it was accepted; called in the hub.

        Args:
            sock: A socket that does not block; it is ours from now on.
            address: The client's, as its socket gave it.
            early: What somebody has already received from it, and nobody has answered.
            tls: Whether it is gevent's SSLSocket, after its handshake.
            logged: Whether its requests have lines in the access log.
        """
        # Its request gets an answer, unless all is over.
        if self.over:
            hang_up(sock)
            return
        self._open.add(
            HttpConnection(sock, address, self, early=early, tls=tls, logged=logged)
        )

    @property
    def over(self) -> bool:
        """Whether it is closing, and the last request has ended."""
        return bool(self._empty.is_set())

    @property
    def count(self) -> int:
        """How many connections there are; WebSockets have left."""
        return len(self._open)

    @property
    def holders(self) -> Iterable[Waiting]:
        """Who holds a descriptor that is not a connection's any more."""
        return self._holders

    def make_room(
        self, newcomers: int | None, over: int = 0, holders: Iterable[Waiting] = ()
    ) -> None:
        """Close the connections that have been idle for longest, for one newcomer.

        Those that have had their answer come first, then those that have not sent all
        of a head, then those whose TLS handshake takes long; none that has just come.
        If too few are idle, those who have waited for news for longest give way, for
        all newcomers: there is room soon, and their clients come back behind all those
        who wait for a connection.

        Args:
            newcomers: How many there are; None: nobody knows, one at least.
            over: How many connections there are above the limit.
            holders: Who else may give way.
        """
        deadlines = self.deadlines
        for deadline in (deadlines.keep_alive, deadlines.head, deadlines.tls):
            while (idle := deadline.under_it_for(IDLE)) is not None:
                log.debug("an idle connection makes room for a newcomer")
                idle.close()
                over -= 1
                if over < 0:
                    return
        now = self.clock.now()
        if now - self._looked >= _LOOK:
            self._looked = now
            self._take_turns(newcomers, over, holders)

    def _take_turns(
        self, newcomers: int | None, over: int, holders: Iterable[Waiting]
    ) -> None:
        """Let those give way who have waited for news for longest, one per newcomer.

        Those who have given way before and are about to leave count.
        """
        now = self.clock.now()
        leaving = self._leaving = {
            sock: since
            for sock, since in self._leaving.items()
            if since > now - LINGERING and sock.fileno() >= 0
        }
        missing = 1 if newcomers is None else newcomers + over - len(leaving)
        if missing <= 0:
            return
        clients = [one for one in self._open if isinstance(one, HttpConnection)]
        waiting = [
            (since, who)
            for who in (*clients, *holders)
            if (since := who.waits_since) is not None
            and since <= now - IDLE
            and who.sock not in leaving
        ]
        for _, who in nsmallest(missing, waiting, itemgetter(0)):
            log.debug("a client that waits for news makes room for a newcomer")
            leaving[who.sock] = now
            who.give_way()

    def on_room(self, call: Callable[[], object]) -> None:
        """Have ``call`` called whenever a connection has left."""
        self._on_room = call

    def hold(self, who: Waiting) -> None:
        """Let ``who`` give way to newcomers, until ``release``."""
        self._holders.add(who)

    def release(self, who: Waiting) -> None:
        """Ask nothing of ``who`` any more; do nothing if it is not known."""
        self._holders.discard(who)

    def expect(self, connection: Ending) -> None:
        """Wait also for a connection that cannot be taken yet, until ``forget``."""
        self._open.add(connection)

    def forget(self, connection: Ending) -> None:
        """Drop a connection that is closed, or has another owner."""
        self._open.discard(connection)
        self._check_empty()
        self._on_room()

    # ------------------------------------------------------------------ answering

    def environ(self) -> Environ:
        """Return what all requests have in common, as a new dict."""
        environ = self._environ.copy()
        environ["wsgi.errors"] = self._error_log or errors()
        return environ

    def date(self) -> str:
        """Return the header line with the current time, made once a second."""
        second = int(time())
        if second != self._date[0]:
            self._date = second, f"Date: {formatdate(second, usegmt=True)}"
        return self._date[1]

    def refused(self, address: Any, why: Refused | BadBody) -> None:
        """Log that the request of a client was refused."""
        if isinstance(why, Refused) and why.option is not None:
            self._too_large(address, why, why.option)
            return
        late = why.status.startswith("408")
        cause = REQUEST_TIMEOUT if late else BAD_REQUEST
        level = cause.level_now(log, self.repeats)
        if log.isEnabledFor(level):
            log.log(
                level,
                "a request from %s was answered with %s: %s; %s",
                address,
                why.status,
                why,
                cause,
                extra=cause.fields(address=host_of(address)),
            )

    def _too_large(self, address: Any, why: Refused, option: str) -> None:
        cause = REQUEST_TOO_LARGE
        log.log(
            cause.level_now(log, self.repeats, option),
            "a request from %s was answered with %s: %s is larger than %d %s; if such "
            "requests are to be served, give a larger %s; code=%s",
            address,
            why.status,
            why,
            getattr(self.options, option),
            "lines" if option == "max_fields" else "bytes",
            self.name_of(option),
            cause.code,
            extra=cause.fields(address=host_of(address)),
        )

    def name_of(self, option: str) -> str:
        """Return what the operator calls an option, and where it is given."""
        return f"{option} to create_server(), listen() or run()"

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

    def begun(self, exchange: Exchange) -> None:
        """Note that an exchange begins."""
        if self._access_log is not None:
            exchange.memo = self.clock.now()

    def ended(self, address: Any, exchange: Exchange, *, logged: bool) -> None:
        """Log an exchange that is over."""
        if exchange.refusal is not None:
            self.refused(address, exchange.refusal)
        if logged and self._access_log is not None:
            try:
                self._access_log.add(exchange, self.clock.now() - exchange.memo)
            except Exception:
                # A boundary: that log is the operator's, and may be full, or closed.
                level = self.repeats.level(log, ERROR, "access-log-failed")
                log.log(level, "the access log cannot be written to", exc_info=True)

    # ------------------------------------------------------------------ closing

    def close(self) -> None:
        """Take no more requests than are on their way; end the idle connections."""
        self.closing = True
        self.deadlines.hurry()
        self.repeats.close()
        for connection in list(self._open):
            self.loop.run_callback(connection.end_soon)
        self._check_empty()

    def _check_empty(self) -> None:
        if self.closing and not self._open and not self._running:
            self.deadlines.close()
            self.repeats.close()
            if self._access_log is not None:
                self._access_log.close()
            self._empty.set()

    def wait(self, timeout: float) -> None:
        """Wait for the exchanges to end; kill what is left after ``timeout``."""
        self._check_empty()
        if not self._empty.wait(timeout):
            for exchange, worker in self._running.items():
                self.loop.run_callback(self._kill, exchange, worker)
            for connection in list(self._open):
                if not connection.runs:
                    connection.close()
            self._empty.wait(1)

    def _kill(self, exchange: Exchange, worker: Any) -> None:
        if exchange in self._running:  # it may have ended meanwhile
            worker.throw(gevent.GreenletExit)


def _nothing() -> None:
    """Stand for a call that nobody has asked for."""


#: The connections of the servers of this process, by where these listen.
LISTENING: WeakValueDictionary[Any, Connections] = WeakValueDictionary()
