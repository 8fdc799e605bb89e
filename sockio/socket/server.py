"""Server: namespaces, options, the WSGI handler.

It is a WSGI callable, has the calls of its main namespace ``/``, and knows the engine
below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from sockio.adapters.adapter import AdapterFactory
from sockio.adapters.registry import adapter_factory
from sockio.engine.http import mount
from sockio.engine.http.compression import HttpCompression
from sockio.engine.http.cookie import Cookie
from sockio.engine.http.cors import Cors
from sockio.engine.http.http_server import HTTPServer
from sockio.engine.http.mount import Mount
from sockio.engine.http.request import Request
from sockio.engine.options import BufferPolicy, EngineOptions
from sockio.engine.server import EngineServer
from sockio.engine.session import EngineSession
from sockio.errors import ConfigError
from sockio.protocol.socketio import JsonCodec, Parser
from sockio.protocol.websocket.deflate import Deflate
from sockio.runtime import logs
from sockio.runtime.clock import Clock
from sockio.runtime.listeners import EventEmitter
from sockio.runtime.reactor import Reactor
from sockio.runtime.tasks import Task
from sockio.types import Environ, StartResponse, WSGIApp

from .broadcast import BroadcastOperator, Targets
from .connection import Connection
from .data import DataT
from .dynamic_namespace import ParentNamespace, Predicate
from .events import Event
from .handler import NamespaceHandler, instance_of
from .namespace import Namespace
from .options import ConnectionHandler, ServerOptions
from .running import Running

if TYPE_CHECKING:
    from typing_extensions import Self

log = logs.get("server")


class Server(EventEmitter, Targets, Running, Generic[DataT]):
    """A Socket.IO server; every call of a namespace acts on ``/``."""

    def __init__(
        self,
        server: HTTPServer | Any | int | None = None,
        *,
        path: str = "/socket.io",
        add_trailing_slash: bool = True,
        transports: Sequence[str] = ("polling", "websocket"),
        ping_interval: float = 25.0,
        ping_timeout: float = 20.0,
        upgrade_timeout: float = 10.0,
        connect_timeout: float = 45.0,
        allow_upgrades: bool = True,
        max_http_buffer_size: int = 1_000_000,
        max_attachments: int = 10,
        allow_request: Callable[[Request], None] | None = None,
        check_origin: bool = False,
        cors: Cors
        | str
        | Sequence[str]
        | bool
        | Callable[[str, Request], bool]
        | None = None,
        cookie: Cookie | bool = False,
        trusted_proxies: int | Sequence[str] = 0,
        per_message_deflate: Deflate | bool = False,
        http_compression: HttpCompression | bool = True,
        parser: Parser | Literal["default"] = "default",
        json: JsonCodec | None = None,
        adapter: AdapterFactory | str | None = None,
        cleanup_empty_child_namespaces: bool = False,
        buffer: BufferPolicy | None = BufferPolicy(),  # noqa: B008 - it is immutable
        cancel_on_disconnect: bool = False,
        error_acks: bool = False,
        strict_args: bool = True,
        generate_id: Callable[[Request], str] | None = None,
        initial_packet: str | bytes | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make a server; it starts with ``listen``, ``run`` or the first request.

        Times are in seconds, sizes in bytes.

        Args:
            server: An HTTP server to attach to, or a port to listen on at once.
            path: Where clients look for the server.
            add_trailing_slash: Serve ``/socket.io/`` rather than ``/socket.io``.
            transports: What clients may use, among "polling" and "websocket".
            ping_interval: Between two pings to a client.
            ping_timeout: A client that does not answer a ping for so long is gone.
            upgrade_timeout: How long a client may take to change its transport.
            connect_timeout: How long a client may stay without joining a namespace.
            allow_upgrades: Let clients that poll change to a WebSocket.
            max_http_buffer_size: Largest request body or message.
            max_attachments: Most binary attachments of one packet.
            allow_request: Called with each handshake; raises ``Forbidden("why")``.
            check_origin: Refuse handshakes of pages neither our own nor allowed by
                ``cors``.
            cors: Which pages of other origins may read answers.
            cookie: Set a cookie with the session's id, for sticky load balancers.
            trusted_proxies: How many proxies, or which networks, to believe.
            per_message_deflate: Compress WebSocket messages.
            http_compression: Compress answers to polls.
            parser: Codec of packets.
            json: ``dumps`` and ``loads`` in place of orjson.
            adapter: Who receives broadcasts; None: the sockets of this server.
            cleanup_empty_child_namespaces: Remove a namespace made on demand when its
                last socket has left.
            buffer: How much may wait for a client; None: any amount.
            cancel_on_disconnect: Kill a handler whose client goes away.
            error_acks: Answer an event whose handler failed.
            strict_args: Reject events with the wrong number of arguments.
            generate_id: Makes the id of a session.
            initial_packet: A message that every new session gets at once.
            clock: For tests.

        Raises:
            ConfigError: An option is wrong; the text says how to mend it.
        """
        self.options = ServerOptions(
            connect_timeout=connect_timeout,
            max_attachments=max_attachments,
            parser=parser,
            json=json,
            adapter=adapter,
            cleanup_empty_child_namespaces=cleanup_empty_child_namespaces,
            cancel_on_disconnect=cancel_on_disconnect,
            error_acks=error_acks,
            strict_args=strict_args,
        )
        engine_options = EngineOptions(
            path=path,
            add_trailing_slash=add_trailing_slash,
            transports=tuple(transports),
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            upgrade_timeout=upgrade_timeout,
            max_http_buffer_size=max_http_buffer_size,
            allow_upgrades=allow_upgrades,
            allow_request=allow_request,
            check_origin=check_origin,
            cors=cors,
            cookie=cookie,
            trusted_proxies=trusted_proxies,
            per_message_deflate=per_message_deflate,
            http_compression=http_compression,
            generate_id=generate_id,
            initial_packet=initial_packet,
            buffer=buffer,
        )
        self.reactor = Reactor(clock)
        self._parser = self.options.make_parser()
        self._make_adapter = adapter_factory(adapter)
        self._namespaces: dict[str, Namespace] = {}
        self._parents: list[ParentNamespace] = []
        self._connections: set[Connection] = set()
        self._http_servers: list[HTTPServer] = []
        self._repeated: list[tuple[float, Callable[[], object]]] = []
        self._tasks: list[Task[Any]] = []
        #: The main namespace.
        self.sockets = self.of("/")
        self._listeners = self.sockets._listeners
        #: The Engine.IO server below.
        self.engine: EngineServer
        self.bind(EngineServer(engine_options, reactor=self.reactor))
        if type(server) is int:
            self.listen(server)
        elif server is not None:
            self._attach_to(server)

    # ------------------------------------------------------------------ running

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve the requests below ``path``; all others get 404."""
        return self.engine(environ, start_response)

    def _handle(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        return self.engine.handle_request(environ, start_response)

    def serve_handler(self) -> WSGIApp:
        """The WSGI callable that serves clients, and nothing else."""
        return self.engine

    def attach(self, app: Any) -> WSGIApp:
        """Serve in front of ``app``; returns the callable to give to a WSGI server.

        Of an object with an attribute ``wsgi_app``, as Flask's, that is replaced too.
        """
        return mount.attach(self._handle, self.engine.options.prefix, app)

    def _attach_to(self, server: Any) -> None:
        for name in ("app", "application"):  # ours; gevent.pywsgi's
            if hasattr(server, name):
                mounted = Mount(
                    self._handle, self.engine.options.prefix, getattr(server, name)
                )
                setattr(server, name, mounted)
                if isinstance(server, HTTPServer):
                    self._http_servers.append(server)
                return
        raise ConfigError(
            f"Server({server!r}): give an HTTP server made by sockio.create_server() "
            "or gevent.pywsgi.WSGIServer, a port, or nothing"
        )

    def bind(self, engine: EngineServer) -> Self:
        """Use this Engine.IO server; it must share our reactor or not have started."""
        engine.on_session = self._on_session
        engine.on_start = self._start
        engine.reactor = self.reactor
        self.engine = engine
        return self

    def _start(self) -> None:
        for namespace in list(self._namespaces.values()):
            namespace.adapter.init()
        for seconds, fn in self._repeated:
            self._repeat(seconds, fn)

    # ------------------------------------------------------------------ namespaces

    @overload
    def of(self, name: str, fn: ConnectionHandler | None = None) -> Namespace: ...
    @overload
    def of(
        self,
        name: re.Pattern[str] | Predicate,
        fn: ConnectionHandler | None = None,
    ) -> ParentNamespace: ...
    def of(self, name: Any, fn: ConnectionHandler | None = None) -> Namespace:
        """The namespace of that name, made where there is none.

        Args:
            name: Its name; or a pattern, or a predicate ``(name, auth) -> bool``, which
                lets clients make the namespaces it accepts.
            fn: A listener for ``connection``.
        """
        namespace: Namespace
        if isinstance(name, str):
            namespace = self._named(name if name.startswith("/") else f"/{name}")
        else:
            namespace = self._parent(name)
        if fn is not None:
            namespace.on("connection", fn)
        return namespace

    def _named(self, name: str) -> Namespace:
        namespace = self._namespaces.get(name)
        if namespace is not None:
            return namespace
        for parent in self._parents:
            if not parent.blocking and parent.accepts(name, None):
                return self._adopt(parent, name)
        return self._add(Namespace(name, **self._parts()))

    def _parent(self, test: Any) -> ParentNamespace:
        if not isinstance(test, re.Pattern) and not callable(test):
            raise ConfigError(
                f"of({test!r}): give a name, a compiled pattern or a function "
                "(name, auth) -> bool"
            )
        parent = ParentNamespace(f"/_{len(self._parents)}", test, **self._parts())
        self._parents.append(parent)
        return parent

    def _parts(self) -> dict[str, Any]:
        return {
            "options": self.options,
            "reactor": self.reactor,
            "parser": self._parser,
            "make_adapter": self._make_adapter,
        }

    def _adopt(self, parent: ParentNamespace, name: str) -> Namespace:
        child = parent.make_child(name)
        if self.options.cleanup_empty_child_namespaces:
            child.on_removed = lambda namespace: self._clean_up(parent, namespace)
        return self._add(child)

    def _clean_up(self, parent: ParentNamespace, child: Namespace) -> None:
        if child.empty and self._namespaces.get(child.name) is child:
            log.debug("namespace %s is empty and goes", child.name)
            del self._namespaces[child.name]
            parent.children.discard(child)
            child.adapter.close()

    def _add(self, namespace: Namespace) -> Namespace:
        self._namespaces[namespace.name] = namespace
        if self.reactor.started:
            namespace.adapter.init()
        if namespace.name != "/" and self._listeners.get("new_namespace"):
            if self.reactor.in_hub:
                self.reactor.workers.spawn(self._fire, "new_namespace", namespace)
            else:
                self._fire("new_namespace", namespace)
        return namespace

    def find_now(self, name: str) -> Namespace | None:
        """The namespace of that name, as far as no user code must be asked."""
        namespace = self._namespaces.get(name)
        if namespace is None:
            for parent in self._parents:
                if parent.blocking:
                    break
                if parent.accepts(name, None):
                    return self._adopt(parent, name)
        return namespace

    def may_find(self) -> bool:
        """Whether ``find`` might find what ``find_now`` did not."""
        return any(parent.blocking for parent in self._parents)

    def find(self, name: str, auth: Any) -> Namespace | None:
        """The namespace of that name, made if a parent wants it.

        Blocks:
            As long as the predicates do.
        """
        for parent in list(self._parents):
            try:
                accepted = parent.accepts(name, auth)
            except Exception:
                # A boundary: a predicate is user code; the next one is asked.
                log.exception("the predicate of a dynamic namespace failed")
                continue
            if name in self._namespaces:
                break
            if accepted:
                return self._adopt(parent, name)
        return self._namespaces.get(name)

    def _operator(self) -> BroadcastOperator:
        return self.sockets._operator()

    def register(self, handler: type[NamespaceHandler] | NamespaceHandler) -> Namespace:
        """Let a class handle the namespace it names; see ``NamespaceHandler``."""
        instance = instance_of(handler)
        namespace = self.of(instance.namespace)
        instance.attach_to(namespace)
        return namespace

    def use(self, fn: Callable[..., object]) -> Callable[..., object]:
        """Run ``fn(socket)`` for each client of ``/``; raise to refuse it."""
        return self.sockets.use(fn)

    def adapter(self, factory: AdapterFactory | None = None) -> Any:
        """The factory of adapters; given one, every namespace changes to it."""
        if factory is None:
            return self._make_adapter
        self._make_adapter = adapter_factory(factory)
        for namespace in self._namespaces.values():
            namespace.swap_adapter(self._make_adapter)
        return self

    def server_side_emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Callable[..., object] | None = None,
    ) -> None:
        """Fire an event on the other servers; see ``Namespace.server_side_emit``."""
        self.sockets.server_side_emit(event, *args, ack=ack)

    def server_side_emit_with_ack(
        self, event: str | Event[..., Any], *args: Any, timeout: float = 5.0
    ) -> list[Any]:
        """Fire an event on the other servers and return their answers.

        Blocks:
            Until all have answered, at most ``timeout`` seconds.
        """
        return self.sockets.server_side_emit_with_ack(event, *args, timeout=timeout)

    # ------------------------------------------------------------------ connections

    def _on_session(self, session: EngineSession) -> None:
        connection = Connection(self, session, self._parser)
        session.consumer = connection
        self._connections.add(connection)

    def on_gone(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
