"""Server: namespaces, options, the WSGI handler.

It is a WSGI callable, has the calls of its main namespace ``/``, and knows the engine
below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from sockio.adapters.adapter import AdapterFactory
from sockio.adapters.registry import adapter_factory, given
from sockio.engine import foreign_options
from sockio.engine.http import mount
from sockio.engine.http.client_files import NAMES as CLIENT_FILES
from sockio.engine.http.client_files import ClientFiles
from sockio.engine.http.compression import HttpCompression
from sockio.engine.http.cookie import Cookie
from sockio.engine.http.cors import Cors
from sockio.engine.http.mount import Mount
from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.intake import InboxPolicy
from sockio.engine.option_checks import flag
from sockio.engine.options import BufferPolicy, EngineOptions, HandleProtocols
from sockio.engine.server import EngineServer
from sockio.engine.session import EngineSession
from sockio.errors import ConfigError
from sockio.httpd.server import HTTPServer
from sockio.protocol.socketio import JsonCodec, Parser
from sockio.protocol.websocket.deflate import Deflate
from sockio.runtime.clock import Clock
from sockio.runtime.reactor import Reactor
from sockio.runtime.unknown_names import tells_unknown
from sockio.runtime.watchdog import WATCHDOG
from sockio.types import Environ, StartResponse, WSGIApp

from . import gunicorn, stats
from .broadcast import BroadcastOperator, Targets
from .connection import Connection
from .connection_v2 import ConnectionV2
from .data import DataT
from .events import Event
from .namespace import G
from .naming import Naming
from .options import Recovery, ServerOptions
from .running import Running
from .stats import ServerStats

if TYPE_CHECKING:
    from typing_extensions import Self


@tells_unknown("Server", foreign_options.SERVER)
class Server(Naming, Targets, Running, Generic[DataT]):
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
        parser: Parser | Literal["default", "msgpack", "auto"] = "default",
        json: JsonCodec | None = None,
        adapter: AdapterFactory | str | None = None,
        connection_state_recovery: Recovery | bool | None = None,
        cleanup_empty_child_namespaces: bool = False,
        buffer: BufferPolicy | None = BufferPolicy(),  # noqa: B008 - it is immutable
        inbox: InboxPolicy | None = InboxPolicy(),  # noqa: B008 - likewise
        cancel_on_disconnect: bool = False,
        error_acks: bool = False,
        strict_args: bool = True,
        error_in_connection: Literal["disconnect", "keep"] = "disconnect",
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
            server: An HTTP server to attach to, or a port to listen on at once.
            path: Where clients look for the server.
            add_trailing_slash: Serve ``/socket.io/`` rather than ``/socket.io``.
            serve_client: Serve the JavaScript client below ``path``.
            transports: What clients may use: "polling", "websocket", "webtransport".
            ping_interval: Between two pings to a client.
            ping_timeout: A client that does not answer a ping for so long is gone.
            upgrade_timeout: How long a client may take to change its transport.
            connect_timeout: How long a client may stay without joining a namespace.
            allow_upgrades: Let clients that poll change to a WebSocket.
            allow_eio3: Let clients of Socket.IO 2 in.
            max_http_buffer_size: Largest request body or message.
            max_attachments: Most binary attachments of one packet.
            allow_request: Called with each handshake; raises ``Forbidden("why")`` or
                returns False to refuse it.
            check_origin: Refuse handshakes of pages neither our own nor allowed by
                ``cors``.
            cors: Which pages of other origins may read answers.
            cookie: Set a cookie with the session's id, for sticky load balancers.
            trusted_proxies: How many proxies, or which networks, to believe.
            per_message_deflate: Compress WebSocket messages.
            http_compression: Compress answers to polls.
            parser: "default" is JSON; "msgpack"; "auto": each client's; or your own.
            json: ``dumps`` and ``loads`` in place of orjson.
            adapter: Who receives broadcasts; None: the sockets of this server.
            connection_state_recovery: Give clients back what they had when their
                connection broke.
            cleanup_empty_child_namespaces: Remove a namespace made on demand when its
                last socket has left.
            buffer: How much may wait for a client; None: any amount.
            inbox: How much of a client may wait for its handlers; None: any amount.
            cancel_on_disconnect: Kill a handler whose client goes away.
            error_acks: Answer an event whose handler failed.
            strict_args: Reject events with the wrong number of arguments.
            error_in_connection: "disconnect" lets a client go whose connection handler
                fails, "keep" leaves it as it is.
            slow_handler: A handler that holds the loop for longer is logged, with its
                stack; None: none is.
            generate_id: Makes the id of a session.
            handle_protocols: ``fn(offered, request)`` returns the WebSocket subprotocol
                to answer, or None for none; None: the first one offered.
            initial_packet: A message that every new session gets at once.
            client_dist: The folder of the JavaScript client's files; None: they are
                looked for in ``node_modules``.
            clock: For tests.

        Raises:
            ConfigError: An option is wrong; the text says how to mend it.
        """
        options = ServerOptions(
            connect_timeout=connect_timeout,
            max_attachments=max_attachments,
            parser=parser,
            json=json,
            adapter=adapter,
            connection_state_recovery=connection_state_recovery,
            cleanup_empty_child_namespaces=cleanup_empty_child_namespaces,
            cancel_on_disconnect=cancel_on_disconnect,
            error_acks=error_acks,
            strict_args=strict_args,
            error_in_connection=error_in_connection,
            slow_handler=slow_handler,
        )
        engine_options = EngineOptions(
            path=path,
            add_trailing_slash=add_trailing_slash,
            transports=transports,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            upgrade_timeout=upgrade_timeout,
            max_http_buffer_size=max_http_buffer_size,
            allow_upgrades=allow_upgrades,
            allow_eio3=allow_eio3,
            allow_request=allow_request,
            check_origin=check_origin,
            cors=cors,
            cookie=cookie,
            trusted_proxies=trusted_proxies,
            per_message_deflate=per_message_deflate,
            http_compression=http_compression,
            generate_id=generate_id,
            handle_protocols=handle_protocols,
            initial_packet=initial_packet,
            buffer=buffer,
            inbox=inbox,
        )
        Naming.__init__(self, options, Reactor(clock))
        Running.__init__(self)
        self._client_files = (
            ClientFiles(client_dist) if flag("serve_client", serve_client) else None
        )
        #: The Engine.IO server below.
        self.engine: EngineServer
        self._front: WSGIApp = self
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

    @property
    def shortcut(self) -> Any:
        """What serves polling clients without WSGI, for our own HTTP server."""
        return self.engine.shortcut if type(self).__call__ is Server.__call__ else None

    def _handle(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        return self.engine.handle_request(environ, start_response)

    def serve_handler(self) -> WSGIApp:
        """The WSGI callable that serves clients, and nothing else."""
        return self.engine

    def attach(self, app: WSGIApp) -> WSGIApp:
        """Serve in front of ``app``; returns the callable to give to a WSGI server.

        Of an object with an attribute ``wsgi_app``, as Flask's, that is replaced too.
        """
        self._front = mount.attach(self._handle, self.engine.options.prefix, app)
        return self._front

    def _attach_to(self, server: Any) -> None:
        for name in ("app", "application"):  # ours; gevent.pywsgi's
            if hasattr(server, name):
                mounted = Mount(
                    self._handle, self.engine.options.prefix, getattr(server, name)
                )
                setattr(server, name, mounted)
                self._stops.append(
                    getattr(server, "close" if name == "app" else "stop")
                )
                return
        other = ""
        if isinstance(server, (str, tuple)):
            other = "; an address belongs into run() or listen()"
        elif callable(server):
            other = "; to serve in front of an application call attach(app)"
        raise ConfigError(
            f"Server({server!r}): give an HTTP server made by sockio.create_server() "
            f"or gevent.pywsgi.WSGIServer, a port, or nothing{other}"
        )

    def bind(self, engine: EngineServer) -> Self:
        """Use this Engine.IO server; it must share our reactor or not have started."""
        engine.on_session = self._on_session
        engine.on_start = self._start
        engine.reactor = self.reactor
        if self._client_files is not None:
            engine.middlewares.add(self._serve_client, own=True)
        self.engine = engine
        return self

    def _serve_client(self, request: Request, response: Response) -> None:
        """Answer requests for the JavaScript client, as an HTTP middleware."""
        name = request.environ.get("PATH_INFO", "").rpartition("/")[2]
        if name in CLIENT_FILES and self._client_files is not None:
            path = f"{self.engine.options.path.rstrip('/')}/{name}"
            if path in (request.path, request.environ["PATH_INFO"]):
                self._client_files.answer(name, request, response)

    def _start(self) -> None:
        if self.options.slow_handler is not None:
            WATCHDOG.watch(self.reactor.workers, self.options.slow_handler)
        self._make_adapter.start(self.reactor)
        self._stops.append(lambda _: self._make_adapter.close())
        gunicorn.follow(self, self._close_patiently)
        for namespace in list(self._namespaces.values()):
            namespace.adapter.init()
        for seconds, fn in self._repeated:
            self._repeat(seconds, fn)

    def stats(self) -> ServerStats:
        """Tell what the server is busy with; it looks at each client."""
        return stats.look(self.engine, list(self._namespaces.values()))

    # ------------------------------------------------------------------ namespaces

    def _operator(self) -> BroadcastOperator:
        return self.sockets._operator()

    def use(self, fn: G) -> G:
        """Run ``fn(socket)`` for each client of ``/``; see ``Namespace.use``."""
        return self.sockets.use(fn)

    @overload
    def adapter(self, factory: None = None) -> AdapterFactory: ...
    @overload
    def adapter(self, factory: AdapterFactory | str) -> Self: ...
    def adapter(
        self, factory: AdapterFactory | str | None = None
    ) -> AdapterFactory | Self:
        """The factory of adapters; given one, every namespace changes to it."""
        if factory is None:
            return given(self._make_adapter)
        old, new = self._make_adapter, adapter_factory(factory)
        if self.reactor.started:
            new.start(self.reactor)
        self._make_adapter = new
        for namespace in self._namespaces.values():
            namespace.swap_adapter(new)
        old.close()
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
        make = Connection if session.protocol == 4 else ConnectionV2
        connection = make(self, session, self._parser)
        session.consumer = connection
        self._connections.add(connection)

    def on_gone(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
