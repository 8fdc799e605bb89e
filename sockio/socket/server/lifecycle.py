"""Lifecycle: how a server listens, serves and ends."""

from __future__ import annotations

import os
import signal
import ssl
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from sockio.engine.http import mount
from sockio.engine.http.client_files import NAMES as CLIENT_FILES
from sockio.engine.http.client_files import ClientFiles
from sockio.engine.http.mount import Mount
from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.server import EngineServer
from sockio.engine.session import EngineSession
from sockio.errors import ConfigError
from sockio.httpd.listening_socket import Address, ListeningSocket
from sockio.httpd.options import ListenSettings, RunSettings
from sockio.httpd.server import HTTPServer, create_server
from sockio.runtime import logs
from sockio.runtime.observers import Observer
from sockio.runtime.reactor import Reactor
from sockio.runtime.signals import Signals
from sockio.runtime.watchdog import WATCHDOG
from sockio.socket.namespace.connection import Connection
from sockio.socket.namespace.connection_v2 import ConnectionV2
from sockio.socket.options import ServerOptions
from sockio.socket.reasons import Reason
from sockio.types import Environ, StartResponse, WSGIApp

from . import gunicorn
from .attaching import attach_to
from .background import Background
from .farewell import see_off
from .group import Group
from .namespaces import Namespaces
from .operators import Operators
from .webtransport import Listening, Ports
from .workers import Service, check_count, exiting, scheme_of, serve_together

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logs.get("server")

#: Seconds that requests and handlers under way get when ``run`` ends.
GRACE = 5.0


class Served(Protocol):
    """The calls of a server that its lifecycle uses; a subclass may override them."""

    @property
    def options(self) -> ServerOptions: ...
    @property
    def reactor(self) -> Reactor: ...
    @property
    def engine(self) -> EngineServer: ...
    @property
    def shortcut(self) -> Any:
        """What serves polling clients without WSGI."""

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]: ...
    def start(self) -> None: ...
    def listen(
        self, address: Address | ListeningSocket, **options: Unpack[RunSettings]
    ) -> HTTPServer: ...
    def drain(self, seconds: float = ...) -> None: ...
    def close(self, timeout: float | None = None) -> None: ...
    def sleep(self, seconds: float = 0) -> None: ...


class Lifecycle:
    """The engine of a server, and how the server is mounted, listens and ends."""

    def __init__(
        self,
        server: Served,
        engine: EngineServer,
        namespaces: Namespaces,
        client_files: ClientFiles | None,
    ) -> None:
        self.server = server
        self._namespaces = namespaces
        #: The files of the JavaScript client; None: they are not served.
        self.client_files = client_files
        self._reactor = server.reactor
        #: What is answered beside clients and the application.
        self.operators = Operators(server, namespaces)
        #: The other processes of this host that serve with this one.
        self._group = Group(
            server.options,
            namespaces,
            server.reactor,
            engine.options.prefix,
            self.operators.meet,
        )
        #: The UDP ports that it listens on.
        self._ports = Ports(
            server.reactor, server.start, lambda: namespaces.siblings is not None
        )
        #: The tasks beside the handlers.
        self.background = Background(server.reactor, namespaces.compete)
        #: The WSGI callable to serve: the server, alone or in front of an application;
        #: or what an application has put around it.
        self.front: WSGIApp = server
        #: Called when ``run`` has begun to serve in this process, with its HTTP server.
        self.on_serving: Callable[[HTTPServer], object] = bool
        #: What ``close`` calls, the last one first, with its timeout.
        self._stops: list[Callable[[float | None], object]] = []
        #: The Engine.IO server below.
        self.engine = engine
        self.bind(engine)
        gunicorn.begin(server.start, server.sleep)

    # ------------------------------------------------------------------ the engine

    def bind(self, engine: EngineServer) -> None:
        """Use this Engine.IO server.

        Raises:
            ConfigError: It has started on its own.
        """
        if engine.reactor is not self._reactor and engine.reactor.started:
            raise ConfigError(
                "bind(): this EngineServer has started on its own, with a clock and "
                "workers that are not the server's; bind it before start() and before "
                "its first request"
            )
        engine.on_session = self._on_session
        engine.on_start = self._on_start
        engine.reactor = self._reactor
        self.operators.check_paths(engine.options)
        if self.client_files is not None:
            engine.middlewares.add(self._serve_client, own=True)
        self.engine = engine
        self._alone = Mount(engine, engine.options.prefix, engine, self.operators.pages)
        if self._reactor.observers.of_packets:
            engine.watch_packets()

    def _on_session(self, session: EngineSession) -> None:
        make = Connection if session.protocol == 4 else ConnectionV2
        session.consumer = make(self._namespaces, session, self._namespaces.parser)

    def _on_start(self) -> None:
        slow_handler = self.server.options.slow_handler
        if slow_handler is not None:
            WATCHDOG.watch(self._reactor.workers, slow_handler)
        self._namespaces.start()
        self._stops.insert(0, self._leave)  # requests that are under way need it
        self._group.start(self.engine, gunicorn.worker())
        self._ports.start()
        follow = gunicorn.follow
        if follow(self.server, self._close_patiently, self._leave, self._group):
            self._stops.remove(self._leave)
        self.background.start()

    def _leave(self, timeout: float | None) -> None:
        """Leave the other processes; with a timeout, when they have what is theirs."""
        if timeout is not None:
            self._group.settle()
        self._namespaces.release()
        self._group.close()

    def _serve_client(self, request: Request, response: Response) -> None:
        """Answer requests for the JavaScript client, as an HTTP middleware."""
        name = request.environ.get("PATH_INFO", "").rpartition("/")[2]
        if name in CLIENT_FILES and self.client_files is not None:
            path = f"{self.engine.options.path.rstrip('/')}/{name}"
            if path in (request.path, request.environ["PATH_INFO"]):
                self.client_files.answer(name, request, response)

    # ------------------------------------------------------------------ mounting

    def serve_alone(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request, with nothing behind the server but its pages.

        Blocks:
            As long as the request takes.
        """
        serve = self._alone if self.operators.pages else self.engine
        return serve(environ, start_response)

    def handle(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request, whatever its path; for a ``Mount``.

        Blocks:
            As long as the request takes.
        """
        return self.engine.handle_request(environ, start_response)

    @property
    def shortcut(self) -> Any:
        """The server's ``shortcut``; a ``Mount`` asks for it."""
        return self.server.shortcut

    def attach(self, app: Any) -> WSGIApp:
        """Serve in front of an application; returns the WSGI callable to serve."""
        prefix = self.engine.options.prefix
        self.front = mount.attach(self.handle, prefix, app, self.operators.pages)
        return self.front

    def attach_to(self, server: Any) -> None:
        """Listen on a port, or serve in front of the application of an HTTP server.

        Raises:
            ConfigError: ``server`` is neither.
        """
        if type(server) is int:
            self.server.listen(server)
            return
        prefix = self.engine.options.prefix
        stop = attach_to(
            server, lambda app: Mount(self.handle, prefix, app, self.operators.pages)
        )
        self._stops.append(stop)

    # ------------------------------------------------------------------ listening

    def listen(
        self,
        address: Address | ListeningSocket,
        *,
        certfile: str | os.PathLike[str] | None,
        keyfile: str | os.PathLike[str] | None,
        ssl_context: ssl.SSLContext | None,
        **options: Unpack[ListenSettings],
    ) -> HTTPServer:
        """Serve on ``address`` with an HTTP server of our own; returns once bound."""
        http_server = create_server(self.front, **options)
        self.server.start()
        self._stops.append(http_server.close)
        return http_server.listen(
            address, certfile=certfile, keyfile=keyfile, ssl_context=ssl_context
        )

    def listen_webtransport(
        self, address: Address, certfile: str, keyfile: str, *, max_connections: int
    ) -> Listening:
        """Serve WebTransport on a UDP port; see ``Ports.listen``."""
        listener = self._ports.listen(
            self.engine, address, certfile, keyfile, max_connections=max_connections
        )
        self._stops.append(listener.close)
        return listener

    # ------------------------------------------------------------------ watching

    def observe(self, observer: Observer) -> None:
        """Have ``observer`` watch from now on."""
        observers = self._reactor.observers
        observers.add(observer)
        if observers.of_packets:
            self.engine.watch_packets()

    def unobserve(self, observer: Observer) -> None:
        """Have ``observer`` watch no more; then packets cost what they did before."""
        observers = self._reactor.observers
        observers.remove(observer)
        if not observers.of_packets:
            self.engine.unwatch_packets()

    # ------------------------------------------------------------------ the end

    def run(
        self, address: Address, *, workers: int = 1, **options: Unpack[RunSettings]
    ) -> None:
        """Serve on ``address`` until a signal comes, then close.

        Args:
            workers: How many processes serve; with more than one, this process only
                starts them.

        Raises:
            ConfigError: The processes cannot be made.

        Blocks:
            Until the server has closed.
        """
        if check_count(workers) == 1:
            with Service(scheme_of(options), self._reactor.clock) as service:
                self._run(address, service.serves, service.ends, **options)
            return
        if self._reactor.started:
            raise ConfigError(
                f"run(workers={workers}) makes the processes that serve, and this one "
                "has started to serve: call run() before start() and listen()"
            )
        self._ports.release()
        serve_together(address, workers, lambda: self, **options)

    def run_as_worker(
        self,
        listening: ListeningSocket,
        group: str,
        on_ready: Callable[[], object],
        **options: Unpack[RunSettings],
    ) -> None:
        """Serve until a signal comes, as one of several processes.

        Args:
            listening: The socket that they share.
            group: The name under which they find each other.
            on_ready: Called once it serves.

        Blocks:
            Until the server has closed.
        """
        self._group.meet_under(group)
        self._run(listening, lambda where: on_ready(), **options)

    def _run(
        self,
        address: Address | ListeningSocket,
        on_ready: Callable[[Any], object],
        on_end: Callable[[], object] = int,
        **options: Unpack[RunSettings],
    ) -> None:
        signals = Signals(self._reactor)
        patient = False
        try:
            with exiting():
                http_server = self.server.listen(address, **options)
            log.info("serving on %s", http_server.address)
            on_ready(http_server.address)
            self.on_serving(http_server)
            signum = signals.wait()
            on_end()
            patient = signum != signal.SIGINT
            if signum == signal.SIGTERM:
                patient = signals.let_end(self.server.drain)
        finally:
            if patient:
                patient = signals.let_end(self._close_patiently, GRACE)
            if not patient:
                self.server.close()
                self._reactor.settle()
            signals.close()
        log.info("closed")

    def _close_patiently(self, seconds: float) -> None:
        """Close; let requests and handlers end, above all those of ``disconnect``.

        Args:
            seconds: How long the requests may take, and then again the handlers.

        Blocks:
            Until they have ended, or the time is up.
        """
        self.operators.ending = True
        self._namespaces.close_sockets(Reason.SERVER_SHUTTING_DOWN)
        self._namespaces.hand_on(seconds)
        self.server.close(seconds)
        clock = self._reactor.clock
        end = clock.now() + seconds
        self.background.sleep()  # jobs that were queued just now get their workers
        while self._reactor.workers.busy and clock.now() < end:
            self.background.sleep(0.01)

    def drain(self, seconds: float, reason: str) -> None:
        """Accept no new clients, and disconnect the present ones one after the other.

        Other processes of this host take the new ones.

        Blocks:
            Until all are disconnected and know it, at most ``seconds``.
        """
        self.operators.ending = True
        self.engine.retry_after = seconds
        self._group.take_no_newcomers()
        see_off(self.engine, self._namespaces, self.background, seconds, reason)

    def close(self, timeout: float | None) -> None:
        """Disconnect everybody, and stop listening.

        Blocks:
            Until the HTTP servers have stopped.
        """
        self.operators.close()
        self._namespaces.close(Reason.SERVER_SHUTTING_DOWN)
        self.engine.close()
        self.background.close()
        stops, self._stops = self._stops, []
        for stop in reversed(stops):
            stop(timeout)
        self._namespaces.release_leases()
        WATCHDOG.forget(self._reactor.workers)
        self._reactor.observers.tell("server_closed")
