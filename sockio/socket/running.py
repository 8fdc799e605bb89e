"""Running: how a server listens, ends, and runs work beside its handlers."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from sockio.engine.http.http_server import HTTPServer, create_server
from sockio.engine.server import EngineServer
from sockio.runtime import logs, tasks
from sockio.runtime.reactor import Reactor
from sockio.runtime.signals import Signals
from sockio.runtime.tasks import Task

from .connection import Connection
from .namespace import Namespace
from .reasons import Reason

log = logs.get("server")

R = TypeVar("R")
F = TypeVar("F", bound=Callable[[], object])


class Running:
    """The part of a server that starts and ends things."""

    reactor: Reactor
    engine: EngineServer
    _http_servers: list[HTTPServer]
    _namespaces: Mapping[str, Namespace]
    _connections: Collection[Connection]
    _repeated: list[tuple[float, Callable[[], object]]]
    _tasks: list[Task[Any]]

    # ------------------------------------------------------------------ listening

    def start(self) -> None:
        """Start what waits for the first request otherwise: adapters and tasks."""
        self.engine.start()

    def listen(
        self, address: int | str | tuple[str, int] = 3000, **ssl: Any
    ) -> HTTPServer:
        """Serve on ``address`` with gevent's WSGI server; returns once bound.

        Args:
            address: ``3000``, ``"127.0.0.1:3000"``, ``("::", 0)``, ``"unix:/path"``.
            ssl: ``certfile`` and ``keyfile``, or ``ssl_context``.
        """
        self.start()
        http_server = create_server(self.engine)
        self._http_servers.append(http_server)
        return http_server.listen(address, **ssl)

    def run(self, address: int | str | tuple[str, int] = 3000, **ssl: Any) -> None:
        """Serve on ``address`` until SIGINT, SIGTERM, SIGHUP or SIGQUIT, then close.

        SIGTERM lets clients go one after the other first; a second signal ends that.

        Blocks:
            Until the server has closed.
        """
        http_server = self.listen(address, **ssl)
        log.info("serving on %s", http_server.address)
        signals = Signals(self.reactor)
        try:
            if signals.wait() == signal.SIGTERM:
                drain = tasks.spawn(self.drain, name="drain", clock=self.reactor.clock)
                while not drain.done and signals.wait(0.05) is None:
                    pass
                drain.kill()
        finally:
            signals.close()
            self.close()
        log.info("closed")

    def drain(
        self, seconds: float = 30.0, *, reason: str = Reason.SERVER_SHUTTING_DOWN
    ) -> None:
        """Accept no new client, and let the present ones go, spread over ``seconds``.

        Clients reconnect by themselves, to another server where there is one. New
        handshakes are answered with 503 and ``Retry-After``.

        Blocks:
            Until everybody has gone.
        """
        self.engine.retry_after = seconds
        connections = list(self._connections)
        pause = seconds / len(connections) if connections else 0.0
        for connection in connections:
            connection.end(reason)
            self.sleep(pause)

    def close(self, timeout: float | None = None) -> None:
        """Disconnect everybody, "server shutting down", and stop listening.

        Args:
            timeout: Seconds that requests under way may take to end.

        Blocks:
            Until the HTTP servers that were started here have stopped.
        """
        for namespace in list(self._namespaces.values()):
            namespace.close(Reason.SERVER_SHUTTING_DOWN)
        self.engine.close()
        repeating, self._tasks = self._tasks, []
        for task in repeating:
            task.kill()
        servers, self._http_servers = self._http_servers, []
        for http_server in servers:
            http_server.close(timeout)

    # ------------------------------------------------------------------ tasks

    def spawn(self, fn: Callable[..., R], *args: Any, **kwargs: Any) -> Task[R]:
        """Run ``fn`` in a greenlet of its own; a failure is logged."""
        name = getattr(fn, "__qualname__", None)
        return tasks.spawn(
            lambda: fn(*args, **kwargs), name=name, clock=self.reactor.clock
        )

    def every(self, seconds: float) -> Callable[[F], F]:
        """Decorator: run a function every ``seconds``, from the start of the server.

        A run that takes longer than that delays the next; one that fails is logged.
        """

        def register(fn: F) -> F:
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
                    fn()
                except Exception:
                    # A boundary: the function is user code, and runs again.
                    log.exception("a repeated task failed")

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

    def run_in_thread(self, fn: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Run blocking or computing code in a native thread and return its result.

        Blocks:
            Until it has returned; other greenlets go on.
        """
        return tasks.in_thread(fn, *args, **kwargs)
