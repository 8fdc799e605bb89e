"""Server: namespaces, options, the WSGI handler.

It is a WSGI callable, has the calls of its main namespace ``/``, and knows the engine
below it.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from sockio.adapters.adapter import Adapter, AdapterFactory
from sockio.engine import foreign_options
from sockio.engine.http.client_files import ClientFiles
from sockio.engine.http.compression import HttpCompression
from sockio.engine.http.cookie import Cookie
from sockio.engine.http.cors import Cors, OriginJudge, OriginRules
from sockio.engine.http.request import Request, TrustedProxies
from sockio.engine.intake import InboxPolicy
from sockio.engine.option_checks import flag
from sockio.engine.options import BufferPolicy, EngineOptions, HandleProtocols
from sockio.engine.server import EngineServer
from sockio.httpd.listening_socket import Address, ListeningSocket
from sockio.httpd.options import ListenSettings, RunSettings
from sockio.httpd.server import HTTPServer
from sockio.protocol.socketio import JsonCodec
from sockio.protocol.websocket.deflate import Deflate
from sockio.runtime.clock import Clock
from sockio.runtime.listeners import EventEmitter, H
from sockio.runtime.observers import Observer
from sockio.runtime.option_fields import chosen
from sockio.runtime.reactor import Reactor
from sockio.runtime.surroundings import Around
from sockio.runtime.tasks import Task
from sockio.runtime.unknown_names import tells_unknown
from sockio.socket.data import DataT
from sockio.socket.many_sockets.addressing import Targets
from sockio.socket.many_sockets.broadcast import BroadcastOperator
from sockio.socket.namespace.handler import NamespaceHandler
from sockio.socket.namespace.namespace import Namespace
from sockio.socket.namespace.parent import ParentNamespace, Predicate
from sockio.socket.namespace.server_events import ServerSide
from sockio.socket.one_socket.socket import Socket
from sockio.socket.options import Metrics, ParserChoice, Recovery, ServerOptions
from sockio.socket.reasons import Reason
from sockio.types import Environ, StartResponse, WSGIApp

from . import stats
from .background import F, P, R
from .lifecycle import Lifecycle
from .namespaces import ConnectionHandler, Namespaces
from .stats import ServerStats
from .webtransport import Listening

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

AroundT = TypeVar("AroundT", bound=Around)
V = TypeVar("V")


@tells_unknown("Server", foreign_options.SERVER)
class Server(EventEmitter, ServerSide, Targets, Generic[DataT]):
    """A Socket.IO server; every call of a namespace acts on ``/``."""

    def __init__(
        self,
        server: HTTPServer | Any | int | None = None,
        *,
        path: str = "/socket.io",
        add_trailing_slash: bool = True,
        serve_client: bool = True,
        transports: Sequence[str] = ("polling", "websocket"),
        ping_interval: float = 25.0,
        ping_timeout: float = 20.0,
        upgrade_timeout: float = 10.0,
        connect_timeout: float = 45.0,
        allow_upgrades: bool = True,
        allow_eio3: bool = False,
        max_http_buffer_size: int = 1_000_000,
        max_attachments: int = 10,
        allow_request: Callable[[Request], object] | None = None,
        check_origin: bool = False,
        cors: Cors | OriginRules | OriginJudge = None,
        cookie: Cookie | bool | None = False,
        trusted_proxies: TrustedProxies | int | Sequence[str] | None = 0,
        per_message_deflate: Deflate | bool | None = False,
        http_compression: HttpCompression | bool | None = True,
        parser: ParserChoice = "default",
        json: JsonCodec | None = None,
        adapter: AdapterFactory | str | None = None,
        connection_state_recovery: Recovery | bool | None = None,
        cleanup_empty_child_namespaces: bool = False,
        workers: Literal["auto", "off"] = "auto",
        advertise: str | None = None,
        advertise_secret: str | None = None,
        buffer: BufferPolicy | None = BufferPolicy(),
        inbox: InboxPolicy | None = InboxPolicy(),
        cancel_on_disconnect: bool = False,
        error_acks: bool = False,
        strict_args: bool = True,
        validate: bool = False,
        error_in_connection: Literal["disconnect", "keep"] = "disconnect",
        metrics: Metrics | bool = False,
        health: str | None = None,
        ready: str | None = None,
        metrics_path: str | None = None,
        slow_handler: float | None = 1.0,
        generate_id: Callable[[Request], str] | None = None,
        handle_protocols: HandleProtocols | None = None,
        initial_packet: str | bytes | None = None,
        client_dist: str | Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make a server; it starts with ``listen``, ``run`` or the first request.

        Times are in seconds, sizes in bytes.

        Args:
            server: An HTTP server to attach to, or a port to listen on immediately.
            path: Where clients look for the server.
            add_trailing_slash: Serve ``/socket.io/`` rather than ``/socket.io``.
            serve_client: Serve the JavaScript client below ``path``.
            transports: What clients may use: "polling", "websocket", "webtransport".
            ping_interval: Between two pings to a client.
            ping_timeout: A client that does not answer a ping for so long is dead.
            upgrade_timeout: How long a client may take to change its transport.
            connect_timeout: How long a client may stay without joining a namespace.
            allow_upgrades: Let clients that poll change to a WebSocket.
            allow_eio3: Let clients of Socket.IO 2 in.
            max_http_buffer_size: Largest request body or message.
            max_attachments: Most binary attachments of one packet.
            allow_request: Called with each handshake; raises ``Forbidden("why")`` or
                returns False to refuse it.
            check_origin: Refuse handshakes of pages that are neither from our own
                origin nor allowed by ``cors``.
            cors: Which pages of other origins may read answers.
            cookie: Set a cookie with the session's id, for sticky load balancers.
            trusted_proxies: How many proxies, or which networks, to believe.
            per_message_deflate: Compress WebSocket messages.
            http_compression: Compress answers to polls.
            parser: "default" (JSON), "msgpack", "auto" (each client's), or your own.
            json: ``dumps`` and ``loads`` in place of orjson.
            adapter: Delivers broadcasts; None: only to the sockets of this server.
            connection_state_recovery: Give a client whose connection broke its socket
                back, with its rooms, its data and the events it missed.
            cleanup_empty_child_namespaces: Remove a namespace made on demand when its
                last socket has gone.
            workers: "auto": the workers of gunicorn on this host are one server; "off":
                each serves alone, behind a load balancer with sticky sessions.
            advertise: "host:port" where other machines reach this process: they proxy
                the requests for its sessions to it.
            advertise_secret: What these processes know each other by; None: drawn, and
                shared through the broker.
            buffer: How much may wait for a client; None: any amount.
            inbox: How much from a client may wait for handlers; None: any amount.
            cancel_on_disconnect: Kill a handler whose client goes away.
            error_acks: Answer an event whose handler failed.
            strict_args: Reject events with the wrong number of arguments.
            validate: Convert arguments to the types that listeners declare, and reject
                events that have others.
            error_in_connection: What happens to a client if its connection handler
                fails: "disconnect" or "keep".
            metrics: Count for Prometheus.
            health: Path of a page that says that the process answers.
            ready: Path of a page that says whether new clients may come.
            metrics_path: Path of a page for Prometheus.
            slow_handler: A handler that holds the loop for longer is logged, with its
                stack; None: never.
            generate_id: Makes the id of a session.
            handle_protocols: ``fn(offered, request)`` returns the WebSocket subprotocol
                to use, or None; without ``fn``, the first one offered is used.
            initial_packet: A message that every new session gets first.
            client_dist: The folder of the JavaScript client's files; None: they are
                looked for in ``node_modules``.
            clock: For tests.

        Raises:
            ConfigError: An option is wrong; the text says how to mend it.
        """
        given = dict(locals())  # all the arguments above
        options = ServerOptions(**chosen(ServerOptions, given))
        engine_options = EngineOptions(**chosen(EngineOptions, given))
        self.options = options
        self.reactor = Reactor(clock)
        self._namespaces = Namespaces(options, self.reactor, self.listener_count)
        #: The main namespace.
        self.sockets = self._namespaces.main
        self._listeners = self.sockets._listeners
        files = ClientFiles(client_dist) if flag("serve_client", serve_client) else None
        engine = EngineServer(engine_options, reactor=self.reactor)
        self._lifecycle = Lifecycle(self, engine, self._namespaces, files)
        if server is not None:
            self._lifecycle.attach_to(server)

    # ------------------------------------------------------------------ serving

    @property
    def engine(self) -> EngineServer:
        """The Engine.IO server below."""
        return self._lifecycle.engine

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve the requests below ``path``, and the pages; all others get 404."""
        return self._lifecycle.serve_alone(environ, start_response)

    @property
    def shortcut(self) -> Any:
        """What serves polling clients without WSGI, for our own HTTP server."""
        return self.engine.shortcut if type(self).__call__ is Server.__call__ else None

    def serve_handler(self) -> WSGIApp:
        """The WSGI callable that serves clients, and nothing else."""
        return self.engine

    @property
    def metrics_app(self) -> WSGIApp:
        """A WSGI callable that tells Prometheus about all workers of this host."""
        return self._lifecycle.operators.metrics

    @property
    def health_app(self) -> WSGIApp:
        """A WSGI callable that answers 200: the process is alive."""
        return self._lifecycle.operators.health.alive

    @property
    def ready_app(self) -> WSGIApp:
        """A WSGI callable that answers 200 if new clients may come, else 503."""
        return self._lifecycle.operators.health.ready

    def attach(self, app: WSGIApp) -> WSGIApp:
        """Serve in front of ``app``; returns the callable to give to a WSGI server.

        If ``app`` has an attribute ``wsgi_app``, as in Flask, that is replaced too.
        """
        return self._lifecycle.attach(app)

    def bind(self, engine: EngineServer) -> Self:
        """Use this Engine.IO server; it must share our reactor or not have started.

        Raises:
            ConfigError: The engine has started on its own.
        """
        self._lifecycle.bind(engine)
        return self

    def start(self) -> None:
        """Start the adapters and tasks now, instead of with the first request."""
        self.engine.start()

    def listen(
        self,
        address: Address | ListeningSocket = 3000,
        *,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        **options: Unpack[ListenSettings],
    ) -> HTTPServer:
        """Serve on ``address`` with an HTTP server of our own; returns once bound.

        An application given to ``attach`` is served too.

        Args:
            address: ``3000``, ``"127.0.0.1:3000"``, ``"unix:/path"``, ``"systemd"``.
            certfile: PEM file with the certificate chain: the server speaks TLS.
            keyfile: PEM file with the key, if ``certfile`` does not contain it.
            ssl_context: A ``gevent.ssl.SSLContext``, instead of both files.
            options: Those of ``create_server``.
        """
        return self._lifecycle.listen(
            address,
            certfile=certfile,
            keyfile=keyfile,
            ssl_context=ssl_context,
            **options,
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

        Call it beside ``listen`` or ``run``; one of several workers has the port.

        Args:
            address: ``3000``, ``"127.0.0.1:3000"``, ``("::", 0)``.
            certfile: PEM file with the certificate and its intermediate certificates.
            keyfile: PEM file with its private key.
            max_connections: Most connections at a time; further clients get no answer.

        Raises:
            ConfigError: "webtransport" is not among the transports, or a package that
                it needs is not installed.
        """
        return self._lifecycle.listen_webtransport(
            address, certfile, keyfile, max_connections=max_connections
        )

    def run(
        self,
        address: Address = 3000,
        *,
        workers: int = 1,
        **options: Unpack[RunSettings],
    ) -> None:
        """Serve on ``address`` until SIGINT, SIGTERM, SIGHUP or SIGQUIT, then close.

        On SIGTERM, clients are first disconnected one after the other. Requests and
        handlers under way get some seconds to end. After SIGINT, or a second signal,
        the server does not wait for handlers. While a handler computes, a second signal
        ends the process immediately.

        Args:
            address: ``3000``, ``"127.0.0.1:3000"``, ``"unix:/path"``, ``"systemd"``.
            workers: How many processes serve. With more than one, they are forked from
                this one, and together they are one server.
            options: Those of ``listen``.

        Raises:
            ConfigError: An option is wrong, or several workers are to be made by a
                process that has started to serve.

        Blocks:
            Until the server has closed.
        """
        self._lifecycle.run(address, workers=workers, **options)

    def drain(
        self, seconds: float = 30.0, *, reason: str = Reason.SERVER_SHUTTING_DOWN
    ) -> None:
        """Accept no new clients, and disconnect the present ones one after the other.

        That takes at most ``seconds``, and less if there are few clients. They
        reconnect by themselves, to another server if there is one. New handshakes are
        answered with 503 and ``Retry-After``.

        Blocks:
            Until all are disconnected and know it; 2 s for who does not ask.
        """
        self._lifecycle.drain(seconds, reason)

    def close(self, timeout: float | None = None) -> None:
        """Disconnect everybody with "server shutting down", and stop listening.

        Args:
            timeout: Seconds that requests under way may take to end.

        Blocks:
            Until the HTTP servers have stopped.
        """
        self._lifecycle.close(timeout)

    # ------------------------------------------------------------------ tasks

    def spawn(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Task[R]:
        """Run ``fn`` in a greenlet of its own; a failure is logged."""
        return self._lifecycle.background.spawn(fn, *args, **kwargs)

    def every(self, seconds: float, *, singleton: bool = False) -> Callable[[F], F]:
        """Decorator: run a function every ``seconds``, from the start of the server.

        A run that takes longer delays the next; a failure is logged. With
        ``singleton``, only one of all servers that the adapter connects runs it.
        """
        return self._lifecycle.background.every(seconds, singleton=singleton)

    def sleep(self, seconds: float = 0) -> None:
        """Let other greenlets run for at least ``seconds``.

        Blocks:
            For that long.
        """
        self._lifecycle.background.sleep(seconds)

    def run_in_thread(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking or computing code in a native thread and return its result.

        Blocks:
            Until it has returned; other greenlets continue.
        """
        return self._lifecycle.background.run_in_thread(fn, *args, **kwargs)

    def stats(self) -> ServerStats:
        """Return what the server is busy with; it looks at each client."""
        return stats.look(self.engine, self._namespaces)

    # ------------------------------------------------------------------ namespaces

    @property
    def namespaces(self) -> Mapping[str, Namespace]:
        """The existing namespaces by name; a view that changes as they come and go."""
        return self._namespaces.by_name

    @overload
    def of(self, name: str, fn: ConnectionHandler | None = None) -> Namespace: ...
    @overload
    def of(
        self,
        name: re.Pattern[str] | Predicate,
        fn: ConnectionHandler | None = None,
    ) -> ParentNamespace: ...
    def of(self, name: Any, fn: ConnectionHandler | None = None) -> Namespace:
        """Return the namespace of that name; make it if there is none.

        Args:
            name: Its name. Or a pattern or a predicate ``(name, auth) -> bool``: then
                clients may make the namespaces that it accepts.
            fn: A listener for ``connection``.
        """
        return self._namespaces.of(name, fn)

    def register(self, handler: type[NamespaceHandler] | NamespaceHandler) -> Namespace:
        """Let a class handle the namespace it names; see ``NamespaceHandler``."""
        return self._namespaces.register(handler)

    def _operator(self) -> BroadcastOperator:
        return self.sockets._operator()

    def _to_servers(self) -> Adapter:
        return self.sockets.adapter

    def use(self, fn: Callable[[Socket[DataT]], V]) -> Callable[[Socket[DataT]], V]:
        """Run ``fn(socket)`` for each client of ``/``; see ``Namespace.use``."""
        return self.sockets.use(fn)

    def on_error(self, fn: H) -> H:
        """Call ``fn(socket, event, args, error)`` if a listener of any namespace fails.

        It is asked after the error handlers of the socket and of its namespace; see
        ``Socket.on_error``. A decorator.
        """
        return self._namespaces.errors.add(fn)

    def around(self, fn: AroundT) -> AroundT:
        """Run every call of the application's code within ``fn(call)``; a decorator.

        ``fn`` is a generator function with one ``yield``, or returns a context manager.
        The first one added is outermost. If ``fn`` raises before the ``yield``, the
        call itself fails with that error. ``fn`` sees the errors of the call, and may
        raise others in their place, but not suppress them.

        Args:
            fn: Called with a ``Call``, which has ``kind``, ``socket``, ``namespace``,
                ``event``, ``args`` and ``request``.

        Raises:
            ConfigError: ``fn`` is async, or takes other arguments.
        """
        self.reactor.around.add(fn)
        return fn

    def observe(self, observer: Observer) -> None:
        """Have ``observer`` watch the server: its methods are called as things happen.

        Args:
            observer: An instance of a class that is derived from ``Observer``.

        Raises:
            ConfigError: ``observer`` is something else.
        """
        self._lifecycle.observe(observer)

    @overload
    def adapter(self, factory: None = None) -> AdapterFactory: ...
    @overload
    def adapter(self, factory: AdapterFactory | str) -> Self: ...
    def adapter(
        self, factory: AdapterFactory | str | None = None
    ) -> AdapterFactory | Self:
        """Return the factory of adapters; or let every namespace use a new one."""
        if factory is None:
            return self._namespaces.adapter
        self._namespaces.use_adapter(factory)
        return self
