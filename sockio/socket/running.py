"""Running: how a server listens, ends, and runs work beside its handlers."""

from __future__ import annotations

import os
import signal
import ssl
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from sockio import build
from sockio.engine.server import EngineServer
from sockio.errors import ConfigError
from sockio.httpd.listening_socket import Address
from sockio.httpd.server import HTTPServer, create_server
from sockio.runtime import logs, tasks
from sockio.runtime.deferred import REMEDY, deferring, done
from sockio.runtime.leftovers import close_connections
from sockio.runtime.reactor import Reactor
from sockio.runtime.signals import Signals
from sockio.runtime.tasks import Task
from sockio.runtime.watchdog import WATCHDOG
from sockio.runtime.workers import FAILURES
from sockio.types import WSGIApp

from .connection import Connection
from .namespace import Namespace
from .reasons import Reason

log = logs.get("server")

#: Seconds that requests and handlers under way get when ``run`` ends.
GRACE = 5.0
#: Most seconds between two clients that ``drain`` lets go.
LONGEST_PAUSE = 0.1

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[[], object])


class Listening(Protocol):
    """A port that is served."""

    @property
    def address(self) -> tuple[str, int]:
        """The interface and the port."""

    def close(self, timeout: float | None = None) -> None:
        """Serve it no longer."""


class Running:
    """The part of a server that starts and ends things."""

    reactor: Reactor
    engine: EngineServer
    #: What is served: the engine, in front of an application or alone.
    _front: WSGIApp
    _namespaces: dict[str, Namespace]

    def __init__(self) -> None:
        #: How the HTTP servers that belong to us are stopped.
        self._stops: list[Callable[[float | None], object]] = []
        self._connections: set[Connection] = set()
        self._repeated: list[tuple[float, Callable[[], object]]] = []
        self._tasks: list[Task[Any]] = []

    # ------------------------------------------------------------------ listening

    def start(self) -> None:
        """Start what waits for the first request otherwise: adapters and tasks."""
        self.engine.start()

    def listen(
        self,
        address: Address = 3000,
        *,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        **options: Any,
    ) -> HTTPServer:
        """Serve on ``address`` with an HTTP server of our own; returns once bound.

        An application given to ``attach`` is served too.

        Args:
            address: ``3000``, ``"127.0.0.1:3000"``, ``("::", 0)``, ``"unix:/path"``.
            certfile: PEM file with the certificate chain: the server speaks TLS.
            keyfile: PEM file with the key, where ``certfile`` does not contain it.
            ssl_context: Instead of both; gevent's class.
            options: Those of ``create_server``.
        """
        http_server = create_server(self._front, **options)
        self.start()
        self._stops.append(http_server.close)
        return http_server.listen(
            address, certfile=certfile, keyfile=keyfile, ssl_context=ssl_context
        )

    def listen_webtransport(
        self,
        address: Address,
        certfile: str,
        keyfile: str,
        *,
        max_connections: int = 10_000,
    ) -> Listening:
        """Serve WebTransport, which is HTTP/3, on a UDP port; returns once bound.

        It goes along with ``listen``: usually on the port of the same number.

        Args:
            address: ``3000``, ``"127.0.0.1:3000"``, ``("::", 0)``.
            certfile: The certificate, and those between it and its root, in PEM.
            keyfile: Its private key, in PEM.
            max_connections: Clients beyond get no answer.

        Raises:
            ConfigError: "webtransport" is not among the transports, or what it needs
                is not installed.
        """
        options = self.engine.options
        if "webtransport" not in options.transports:
            raise ConfigError(
                "listen_webtransport: nobody could use it; give Server(transports="
                '["polling", "websocket", "webtransport"])'
            )
        try:
            from sockio.engine.quic.listener import Listener
        except ModuleNotFoundError as exc:
            raise ConfigError(
                f"WebTransport needs the package {exc.name}: pip install "
                '"sockio[webtransport]"'
            ) from exc
        self.start()
        listener = Listener(
            self.reactor,
            certfile=certfile,
            keyfile=keyfile,
            on_session=self.engine.on_webtransport_session,
            idle_timeout=options.ping_interval + options.ping_timeout,
            session_timeout=options.upgrade_timeout,
            max_connections=max_connections,
        ).listen(address)
        self._stops.append(listener.close)
        return listener

    def run(self, address: Address = 3000, **options: Any) -> None:
        """Serve on ``address`` until SIGINT, SIGTERM, SIGHUP or SIGQUIT, then close.

        SIGTERM lets clients go one after the other first. Requests and handlers under
        way get some seconds to end. SIGINT, and a second signal, end at once: handlers
        that wait are not waited for. While a handler computes, a second signal ends the
        process there and then.

        Args:
            address: ``3000``, ``"127.0.0.1:3000"``, ``("::", 0)``, ``"unix:/path"``.
            options: Those of ``listen``.

        Blocks:
            Until the server has closed.
        """
        signals = Signals(self.reactor)
        patient = False
        try:
            http_server = self._listen_or_exit(address, **options)
            log.info("serving on %s", http_server.address)
            tls = {"certfile", "ssl_context"} & options.keys()
            _say_where(http_server.address, "https" if tls else "http")
            signum = signals.wait()
            patient = signum != signal.SIGINT
            if signum == signal.SIGTERM:
                patient = signals.let_end(self.drain)
        finally:
            if patient:
                patient = signals.let_end(self._close_patiently, GRACE)
            if not patient:
                self.close()
                self.reactor.settle()
            signals.close()
        log.info("closed")

    def _listen_or_exit(self, address: Address, **options: Any) -> HTTPServer:
        try:
            return self.listen(address, **options)
        except OSError as exc:
            # For whoever has started a program, a traceback is no help.
            raise SystemExit(f"sockio: cannot listen: {exc.strerror}") from None

    def _close_patiently(self, seconds: float) -> None:
        """Close; let requests and handlers end, those of ``disconnect`` above all.

        Args:
            seconds: How long each of both may take.

        Blocks:
            Until they have ended, or the time is up.
        """
        self.close(seconds)
        clock = self.reactor.clock
        end = clock.now() + seconds
        self.sleep()  # jobs that were put just now get their workers
        while self.reactor.workers.busy and clock.now() < end:
            self.sleep(0.01)

    def drain(
        self, seconds: float = 30.0, *, reason: str = Reason.SERVER_SHUTTING_DOWN
    ) -> None:
        """Accept no new client, and let the present ones go, one after the other.

        That takes at most ``seconds``, and less where there are few of them.

        Clients reconnect by themselves, to another server where there is one. New
        handshakes are answered with 503 and ``Retry-After``.

        Blocks:
            Until everybody has gone.
        """
        self.engine.retry_after = seconds
        connections = list(self._connections)
        pause = min(seconds / len(connections), LONGEST_PAUSE) if connections else 0.0
        for number, connection in enumerate(connections):
            if number:
                self.sleep(pause)
            connection.end(reason)

    def close(self, timeout: float | None = None) -> None:
        """Disconnect everybody, "server shutting down", and stop listening.

        Args:
            timeout: Seconds that requests under way may take to end.

        Blocks:
            Until the HTTP servers have stopped.
        """
        for namespace in list(self._namespaces.values()):
            namespace.close(Reason.SERVER_SHUTTING_DOWN)
        self.engine.close()
        repeating, self._tasks = self._tasks, []
        for task in repeating:
            task.kill()
        stops, self._stops = self._stops, []
        for stop in stops:
            stop(timeout)
        WATCHDOG.forget(self.reactor.workers)

    # ------------------------------------------------------------------ tasks

    def spawn(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Task[R]:
        """Run ``fn`` in a greenlet of its own; a failure is logged."""
        _check_plain("spawn", fn)
        name = getattr(fn, "__qualname__", None)
        return tasks.spawn(
            lambda: done(fn, fn(*args, **kwargs)), name=name, clock=self.reactor.clock
        )

    def every(self, seconds: float) -> Callable[[F], F]:
        """Decorator: run a function every ``seconds``, from the start of the server.

        A run that takes longer than that delays the next; one that fails is logged.
        """

        if type(seconds) not in (int, float) or not seconds > 0:
            raise ConfigError(f"every({seconds!r}): give a number of seconds above 0")

        def register(fn: F) -> F:
            _check_plain("every", fn)
            self._repeated.append((seconds, fn))
            if self.reactor.started:
                self._repeat(seconds, fn)
            return fn

        return register

    def _repeat(self, seconds: float, fn: Callable[[], object]) -> None:
        def loop() -> None:
            while True:
                self.sleep(seconds)
                try:
                    done(fn, fn())
                except FAILURES:
                    # A boundary: the function is user code, and runs again.
                    log.exception("a repeated task failed")
                finally:
                    close_connections()

        name = getattr(fn, "__qualname__", None)
        self._tasks.append(tasks.spawn(loop, name=name))

    def sleep(self, seconds: float = 0) -> None:
        """Let others run, for at least ``seconds``.

        Blocks:
            For that long.
        """
        latch = self.reactor.latch()
        self.reactor.clock.call_later(seconds, latch.set, None)
        latch.wait()

    def run_in_thread(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking or computing code in a native thread and return its result.

        Blocks:
            Until it has returned; other greenlets go on.
        """
        _check_plain("run_in_thread", fn)
        return tasks.in_thread(fn, *args, **kwargs)


def _check_plain(call: str, fn: object) -> None:
    """Refuse what could not be run in a greenlet."""
    if not callable(fn):
        raise ConfigError(f"{call}({fn!r}): give a plain function, not its result")
    wrong = deferring(fn)
    if wrong is not None:
        raise ConfigError(f"{call}({fn!r}): it {wrong}; {REMEDY}")


def _say_where(address: Any, scheme: str) -> None:
    """Print one line for whoever has started the program."""
    kind = "compiled" if build.compiled else "plain Python"
    where, note = address, ""
    if isinstance(address, tuple):
        host, port = address
        if host in ("::", "0.0.0.0"):
            host, note = "localhost", ", on all interfaces"
        where = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"sockio ({kind}) serves on {where}{note}", file=sys.stderr, flush=True)
