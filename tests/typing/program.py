"""A program that uses the public surface; mypy and pyright know all of its types.

``test_program.py`` also runs it, as far as that is possible without a client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from typing_extensions import assert_type

import sockio
import sockio.testing
from sockio.types import Environ, StartResponse, WSGIApp


@dataclass
class Account:
    """What the application keeps with a socket."""

    name: str
    admin: bool = False


class ToClient(Protocol):
    """Events that the server sends."""

    def order_new(self, order: dict[str, object]) -> None: ...


chat: sockio.Event[[str, int], bool] = sockio.event("chat")


# ------------------------------------------------------------------ options


def allow(request: sockio.Request) -> None:
    """Judge a handshake."""
    assert_type(request.headers, Mapping[str, str])
    assert_type(request.query, Mapping[str, str])
    assert_type(request.header("origin"), str | None)
    assert_type(request.remote_address, str)
    if request.path != "/socket.io/":
        raise sockio.Forbidden("elsewhere")


def subprotocol(offered: Sequence[str], request: sockio.Request) -> str | None:
    """Choose a WebSocket subprotocol."""
    return offered[0] if request.secure and offered else None


def make_server() -> sockio.Server:
    """Make a server with every option."""
    return sockio.Server(
        path="/socket.io",
        add_trailing_slash=True,
        serve_client=False,
        transports=["polling", "websocket"],
        ping_interval=25,
        ping_timeout=20.0,
        upgrade_timeout=10.0,
        connect_timeout=45.0,
        allow_upgrades=True,
        allow_eio3=False,
        max_http_buffer_size=1_000_000,
        max_attachments=10,
        allow_request=allow,
        check_origin=True,
        cors=sockio.Cors(origin=["https://app.example"], credentials=True),
        cookie=sockio.Cookie(name="io", same_site="strict"),
        trusted_proxies=["10.0.0.0/8"],
        per_message_deflate=sockio.Deflate(threshold=2048),
        http_compression=sockio.HttpCompression(threshold=2048),
        parser="default",
        json=None,
        adapter=None,
        connection_state_recovery=sockio.Recovery(max_disconnection_duration=60.0),
        cleanup_empty_child_namespaces=True,
        buffer=sockio.BufferPolicy(high=1 << 20, low=1 << 18),
        inbox=sockio.InboxPolicy(high_events=100, low_events=10),
        cancel_on_disconnect=True,
        error_acks=True,
        strict_args=True,
        validate=True,
        error_in_connection="keep",
        slow_handler=None,
        generate_id=None,
        handle_protocols=subprotocol,
        initial_packet="hello",
        client_dist=None,
        clock=sockio.testing.FakeClock(),
    )


# ------------------------------------------------------------------ a server


def use_server(io: sockio.Server) -> None:
    """Register what a server calls, and call what it offers."""

    @io.use
    def authenticate(socket: sockio.Socket) -> None:
        socket.data.user = socket.handshake.auth["user"]

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        use_socket(socket)

    @io.once("connection")
    def first(socket: sockio.Socket) -> None:
        socket.emit("welcome")

    @io.event
    def new_namespace(namespace: sockio.Namespace) -> None:
        assert_type(namespace.name, str)

    @io.on_error
    def failed(
        socket: sockio.Socket | None, event: str, args: Sequence[Any], error: Exception
    ) -> dict[str, str]:
        return {"event": event, "error": str(error)}

    assert_type(io.off("connection", first), sockio.Server)
    assert_type(io.sockets, sockio.Namespace)
    assert_type(io.of("/news"), sockio.Namespace)
    assert_type(io.of("/chat", use_socket), sockio.Namespace)
    assert_type(io.of(re.compile(r"^/tenant-\d+$")), sockio.ParentNamespace)
    assert_type(io.of(lambda name, auth: name == "/x"), sockio.ParentNamespace)
    assert_type(io.register(Orders), sockio.Namespace)
    assert_type(io.engine, sockio.EngineServer)
    assert_type(io.stats(), sockio.ServerStats)
    assert_type(io.adapter(io.adapter()), sockio.Server)
    assert_type(io.send("to everybody"), sockio.Server)


def use_tasks(io: sockio.Server) -> str:
    """Run work beside the handlers."""

    def upper(text: str, *, times: int = 1) -> str:
        return text.upper() * times

    task = io.spawn(upper, "a", times=2)
    assert_type(task.wait(timeout=1.0), str)
    assert_type(io.run_in_thread(upper, "b"), str)

    @io.every(60.0)
    def clean() -> None:
        pause: Callable[[float], None] = io.sleep
        pause(0.1)

    return task.wait()


def use_http(io: sockio.Server, app: WSGIApp) -> sockio.HTTPServer:
    """Serve an application and the clients of ``io``."""
    assert_type(io.attach(app), WSGIApp)
    assert_type(io.serve_handler(), WSGIApp)
    assert_type(
        io.listen("127.0.0.1:0", keep_alive=5.0, max_head=32768), sockio.HTTPServer
    )
    server = sockio.create_server(app, keep_alive=5.0)
    assert_type(server, sockio.HTTPServer)
    assert_type(server.listen(("127.0.0.1", 0)), sockio.HTTPServer)
    assert_type(server.address, tuple[str, int] | str | None)
    sockio.Server(server)
    return server


def answer(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """Answer each request; the application behind the server."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield environ["PATH_INFO"].encode()


# ------------------------------------------------------------------ a socket


def use_socket(socket: sockio.Socket) -> None:
    """Use what a handler is given."""
    assert_type(socket.id, str)
    assert_type(socket.nsp, sockio.Namespace)
    assert_type(socket.client, sockio.Client)
    assert_type(socket.conn, sockio.EngineSession)
    assert_type(socket.request, sockio.Request)
    assert_type(socket.handshake, sockio.Handshake)
    assert_type(socket.rooms, frozenset[str])
    assert_type(socket.connected, bool)
    assert_type(socket.disconnected, bool)
    assert_type(socket.recovered, bool)
    assert_type(socket.buffered_amount, int)

    @socket.on("order:create")
    def create(order: dict[str, object]) -> dict[str, str]:
        socket.join("orders", 7)
        socket.to("orders").except_(socket.id).emit("order:new", order)
        return {"status": "ok"}

    @socket.on(chat)
    def say(text: str, times: int) -> bool:
        return text.isascii() and times > 0

    @socket.on("upload", concurrent=True)
    def upload(blob: bytes, *, ack: Callable[..., None]) -> None:
        ack("stored", len(blob))

    @socket.use
    def allowed(event: str, args: Sequence[Any]) -> None:
        if event == "admin":
            raise sockio.EventRejected("not allowed")

    @socket.on_any
    def seen(event: str, *args: object) -> None:
        assert socket.listeners_any()

    @socket.on("disconnect")
    def gone(reason: str, description: object) -> None:
        assert reason != sockio.Reason.PING_TIMEOUT

    socket.prepend_listener("order:create", create)
    assert_type(socket.off("order:create", create), sockio.Socket)
    assert_type(socket.off_any(seen), sockio.Socket)
    assert_type(socket.send("hello"), sockio.Socket)
    assert_type(socket.timeout(5), sockio.SocketOperator)
    assert_type(socket.volatile.compress(False), sockio.SocketOperator)
    assert_type(socket.broadcast, sockio.BroadcastOperator)
    assert_type(socket.to("a", ["b", 3]).local, sockio.BroadcastOperator)
    assert_type(socket.listeners("order:create"), list[Callable[..., Any]])
    use_connection(socket)


def use_connection(socket: sockio.Socket) -> None:
    """Use the connection of a client."""
    session = socket.conn
    assert_type(session.protocol, Literal[3, 4])
    assert_type(session.ready_state, Literal["opening", "open", "closing", "closed"])
    assert_type(session.transport.name, str)
    assert_type(session.request, sockio.Request | None)
    assert_type(socket.client.conn, sockio.EngineSession)
    assert_type(socket.client.request, sockio.Request)
    for other in socket.client.sockets.values():
        if other is not None:
            assert_type(other.nsp.sockets[other.id].nsp, sockio.Namespace)
    assert_type(socket.handshake.headers, Mapping[str, str])
    assert_type(socket.handshake.address, str)


def ask(socket: sockio.Socket) -> str:
    """Wait for answers and events of a client."""
    try:
        answers = socket.call("zone?", timeout=5.0)
        assert_type(answers, tuple[Any, ...])
        assert_type(socket.wait_for("ready", timeout=1.0), tuple[Any, ...])
    except sockio.AckTimeout as exc:
        assert_type(exc.responses, list[Any])
        assert_type(exc.missing, int)
        return "unknown"
    except sockio.Disconnected as exc:
        assert_type(exc.reason, str)
        return "gone"
    assert_type(socket.timeout(1.0).emit_with_ack(chat, "hi", 3), bool)
    assert_type(socket.emit_with_ack("zone?"), Any)
    assert_type(socket.call(chat, "hi", 3), tuple[Any, ...])
    assert_type(socket.call(chat, "hi", 3, timeout=5.0), tuple[Any, ...])
    socket.emit(chat, "hi", 3, ack=print)
    everybody = socket.nsp.timeout(2)
    assert_type(everybody.emit_with_ack(chat, "hi", 3), list[bool])
    everybody.emit(chat, "hi", 3, ack=print)
    for args in socket.stream("tick", maxsize=10):
        assert_type(args, tuple[Any, ...])
    assert_type(socket.disconnect(close=True), sockio.Socket)
    return str(answers[0])


def use_own_data(socket: sockio.Socket[Account]) -> bool:
    """Keep an object of one's own with a socket."""
    socket.data = Account("ann")
    assert_type(socket.data, Account)
    return socket.data.admin


def make_server_with_own_data() -> sockio.Server[Account]:
    """Make a server whose sockets have an object of one's own."""
    io: sockio.Server[Account] = sockio.Server()

    @io.use
    def authenticate(socket: sockio.Socket[Account]) -> None:
        socket.data = Account(socket.handshake.auth["name"])

    io.use(use_own_data)
    assert_type(sockio.Server[Account](), sockio.Server[Account])
    return io


# ------------------------------------------------------------------ many sockets


def use_namespace(namespace: sockio.Namespace) -> list[str]:
    """Address the sockets of a namespace."""
    assert_type(namespace.to("shop").timeout(2).emit_with_ack("vote?"), list[Any])
    assert_type(namespace.volatile, sockio.BroadcastOperator)
    namespace.to("shop").only_typed(ToClient).order_new({"id": 1})
    for sid, socket in namespace.sockets.items():
        assert_type(sid, str)
        assert_type(socket.conn, sockio.EngineSession)
    names: list[str] = []
    for found in namespace.fetch_sockets():
        assert_type(found.id, str)
        assert_type(found.rooms, frozenset[str])
        found.join("found")
        found.emit("you were found")
        if isinstance(found, sockio.RemoteSocket):
            assert_type(found.timeout(1.0), sockio.RemoteSocket)
        else:
            assert_type(found.nsp, sockio.Namespace)
            names.append(found.data.name)
    namespace.sockets_join("everybody")
    namespace.except_("everybody").disconnect_sockets(close=True)
    namespace.server_side_emit("reload", 1)
    assert_type(namespace.server_side_emit_with_ack("count"), list[Any])
    return names


class Orders(sockio.NamespaceHandler):
    """The handlers of a namespace as the methods of a class."""

    namespace = "/orders"

    def on_connect(self, socket: sockio.Socket, auth: dict[str, str]) -> bool:
        assert_type(self.nsp, sockio.Namespace)
        return "token" in auth

    def on_create(self, socket: sockio.Socket, name: str) -> str:
        self.nsp.emit("created", name)
        return name

    def trigger_event(self, event: str, socket: sockio.Socket, *args: Any) -> Any:
        return super().trigger_event(event, socket, *args)


# ------------------------------------------------------------------ the engine


def use_engine() -> sockio.EngineServer:
    """Use Engine.IO alone."""
    engine = sockio.EngineServer(path="/engine.io", ping_interval=10.0)

    @engine.on("connection")
    def connected(session: sockio.EngineSession) -> None:
        @session.on("message")
        def echo(message: str | bytes) -> None:
            sent = session.send(message, compress=False)
            assert_type(sent, sockio.EngineSession)

    def add_header(request: sockio.Request, response: sockio.Response) -> None:
        response.headers["X-Path"] = request.path

    def around(app: WSGIApp) -> WSGIApp:
        return app

    assert_type(engine.use(add_header).use(around), sockio.EngineServer)
    assert_type(engine.clients, Mapping[str, sockio.EngineSession])
    assert_type(engine.clients_count, int)
    return engine


# ------------------------------------------------------------------ watching


def use_test_client(io: sockio.Server) -> str:
    """Test a server."""
    with sockio.testing.TestClient(io, auth={"user": "ann"}) as client:
        assert_type(client, sockio.testing.TestClient)
        assert_type(client.socket, sockio.Socket[Any])
        assert_type(client.id, str | None)
        assert_type(client.received, list[sockio.testing.Received])
        assert_type(client.expect("message", "hello").wants_ack, bool)
        assert_type(client.call("chat", "hi", 3), tuple[Any, ...])

        @client.on("question")
        def answer(text: str) -> str:
            return text

        assert_type(answer("?"), str)
        client.emit(chat, "hi", 3, ack=answer)
        assert_type(client.take_received(), list[sockio.testing.Received])
        other: sockio.testing.ClientSocket = client
        assert_type(other.reason, str | None)
        client.drop()
        return client.expect_disconnect()


class Traffic(sockio.Observer):
    """Counts."""

    def packet_in(
        self, session: sockio.EngineSession, packet: sockio.Packet, size: int
    ) -> None:
        assert_type(session.id, str)
        assert_type(packet.nsp, str)

    def socket_disconnected(self, socket: sockio.Socket[Any], reason: str) -> None:
        assert_type(socket.nsp, sockio.Namespace)

    def handler_ended(self, call: sockio.Call, error: BaseException | None) -> None:
        assert_type(call.event, str | None)


sockio.Server().observe(Traffic())


# ------------------------------------------------------------------ the admin page

watched = sockio.Server()
pages = sockio.instrument(watched, auth=False, mode="production", readonly=True)
assert_type(pages, sockio.Namespace)


def hidden_behind(password_hash: bytes) -> sockio.Basic:
    return sockio.Basic("admin", password_hash)
