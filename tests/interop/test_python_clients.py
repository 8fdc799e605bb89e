"""python-socketio's four clients: blocking and asyncio, full and simple."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gevent.queue import SimpleQueue

import sockio
from tests.support.cutting_proxy import CuttingProxy
from tests.support.python_socketio import (
    LEAVING_SOON,
    Kind,
    PythonClient,
    PythonDriver,
    PythonError,
)

over_each_transport = pytest.mark.parametrize(
    "transports",
    [["polling"], ["websocket"], ["polling", "websocket"]],
    ids=["polling", "websocket", "both"],
)
with_either_client = pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
with_either_simple_client = pytest.mark.parametrize(
    "kind", ["SimpleClient", "AsyncSimpleClient"]
)
EVERYTHING = (1, "2", {"3": [True, None, 1.5]}, "é😀\u2028", b"\0\1\xff", b"", [b"x"])


#: Options of a client that tries again soon.
QUICK = {
    "reconnection_delay": 0.05,
    "reconnection_delay_max": 0.1,
    "randomization_factor": 0,
}


class Running:
    """A server that echoes; notes what its clients do."""

    def __init__(self, port: int = 0, **options: Any) -> None:
        self.io: sockio.Server = sockio.Server(**{**LEAVING_SOON, **options})
        self.sockets: SimpleQueue[sockio.Socket] = SimpleQueue()
        self.reasons: SimpleQueue[str] = SimpleQueue()
        for namespace in ("/", "/second"):
            self.io.of(namespace).on("connection", self._connected)
        #: Where it listens.
        address = self.io.listen(("127.0.0.1", port)).address
        assert isinstance(address, tuple)
        self.port = address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def socket(self) -> sockio.Socket:
        """Return the next socket that connects.

        Blocks:
            Until there is one.
        """
        socket: sockio.Socket = self.sockets.get(timeout=30)
        return socket

    def reason(self) -> str:
        """Return the reason of the next disconnect.

        Blocks:
            Until there is one.
        """
        return str(self.reasons.get(timeout=30))

    def close(self) -> None:
        """Close the server.

        Blocks:
            Until the requests under way have ended.
        """
        self.io.close(timeout=2)

    def _connected(self, socket: sockio.Socket) -> None:
        self.sockets.put(socket)
        socket.on("disconnect", lambda reason: self.reasons.put(reason))

        @socket.on("message")
        def message(*args: Any) -> None:
            socket.emit("message-back", *args)

        @socket.on("message-with-ack")
        def message_with_ack(*args: Any) -> tuple[Any, ...]:
            return args


@pytest.fixture
def server(python: PythonDriver) -> Iterator[Running]:
    running = Running()
    yield running
    python.reset()
    running.close()


def connect(
    python: PythonDriver, server: Running, kind: Kind, **options: Any
) -> tuple[PythonClient, sockio.Socket]:
    """Make a client, connect it, and return it with its socket."""
    client = python.client(kind)
    client.connect(server.url, **options)
    return client, server.socket()


# ----------------------------------------------------------------------- connecting


@pytest.mark.parametrize(
    "kind", ["Client", "AsyncClient", "SimpleClient", "AsyncSimpleClient"]
)
@over_each_transport
def test_it_connects_with_its_auth(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    auth = {"token": "é", "raw": [1, None]}

    client, socket = connect(python, server, kind, transports=transports, auth=auth)

    assert socket.handshake.auth == auth
    sid = client.ask("sid") if "Simple" in kind else client.call("get_sid")
    assert sid == socket.id
    assert client.ask("transport") == transports[-1]


@with_either_client
def test_headers_and_query_are_in_the_handshake(
    python: PythonDriver, server: Running, kind: Kind
) -> None:
    client = python.client(kind)

    client.connect(server.url + "?room=a%20b", headers={"X-Tenant": "acme"})

    handshake = server.socket().handshake
    assert handshake.query["room"] == "a b"
    assert handshake.headers["x-tenant"] == "acme"


@with_either_client
def test_it_upgrades_to_a_websocket(
    python: PythonDriver, server: Running, kind: Kind
) -> None:
    client, socket = connect(python, server, kind)

    assert client.call("call", "message-with-ack", b"x") == b"x"
    assert socket.conn.transport.name == "websocket"
    assert socket.conn.upgraded


@with_either_client
@over_each_transport
def test_namespaces_share_the_connection(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    client, first = connect(
        python,
        server,
        kind,
        namespaces=["/", "/second"],
        transports=transports,
        wait_timeout=5,
    )
    second = server.socket()
    assert {first.nsp.name, second.nsp.name} == {"/", "/second"}
    assert first.conn is second.conn

    server.io.of("/second").emit("news", [b"x"])
    client.call("emit", "message", "y", namespace="/second")

    assert client.next_event("news") == ("/second", "news", ([b"x"],))
    assert client.next_event("message-back") == ("/second", "message-back", ("y",))
    assert client.call("call", "message-with-ack", "z", namespace="/second") == "z"
    assert server.io.engine.clients_count == 1


@with_either_client
def test_an_unknown_namespace_is_refused(
    python: PythonDriver, server: Running, kind: Kind
) -> None:
    client = python.client(kind)

    with pytest.raises(PythonError, match="ConnectionError"):
        client.connect(server.url, namespaces=["/unknown"])

    error = client.next_event("connect_error")
    assert (error.namespace, error.args) == (
        "/unknown",
        ({"message": "Invalid namespace"},),
    )


@with_either_client
@over_each_transport
def test_a_refusal_says_why(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    @server.io.use
    def refuse(socket: sockio.Socket) -> None:
        raise sockio.ConnectError("no", {"code": 7})

    client = python.client(kind)

    with pytest.raises(PythonError, match="ConnectionError"):
        client.connect(server.url, transports=transports)

    assert client.next("connect_error") == ({"message": "no", "data": {"code": 7}},)


# ------------------------------------------------------ events and acknowledgements


@with_either_client
@over_each_transport
def test_arguments_of_every_kind_come_back(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    client, _ = connect(python, server, kind, transports=transports)

    client.call("emit", "message", EVERYTHING)
    assert client.next("message-back") == EVERYTHING
    client.call("emit", "message")
    assert client.next("message-back") == ()


@with_either_client
@over_each_transport
def test_the_server_answers(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    client, _ = connect(python, server, kind, transports=transports)

    client.emit_with_callback("message-with-ack", EVERYTHING)

    assert client.next("callback") == EVERYTHING
    assert client.call("call", "message-with-ack", EVERYTHING) == EVERYTHING
    assert client.call("call", "message-with-ack", [1, 2]) == [1, 2]
    assert client.call("call", "message-with-ack") is None


@with_either_client
@over_each_transport
def test_the_client_answers(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    _, socket = connect(python, server, kind, transports=transports)
    answers: SimpleQueue[tuple[Any, ...]] = SimpleQueue()

    assert socket.timeout(5).emit_with_ack("how?", b"x", 2) == b"x"
    assert socket.call("how?", *EVERYTHING, timeout=5) == EVERYTHING
    socket.emit("how?", {"a": b"y"}, ack=lambda *args: answers.put(args))
    assert answers.get(timeout=30) == ({"a": b"y"},)
    assert server.io.timeout(5).emit_with_ack("all?", 1) == [1]


@with_either_client
def test_a_client_asks_while_it_is_asked(
    python: PythonDriver, server: Running, kind: Kind
) -> None:
    client, socket = connect(python, server, kind)

    @socket.on("report")
    def report(year: int) -> Any:
        return [year, socket.timeout(5).emit_with_ack("which?", "all")]

    assert client.call("call", "report", 2024) == [2024, "all"]


@with_either_client
@over_each_transport
def test_large_messages_pass_in_both_directions(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    client, _ = connect(python, server, kind, transports=transports)
    large = b"0123456789abcdef" * 40_000  # bytes; as base64 still below the limit

    assert client.call("call", "message-with-ack", large) == large


@with_either_client
@over_each_transport
def test_many_messages_arrive_in_order(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    client, socket = connect(python, server, kind, transports=transports)
    assert client.call("call", "message-with-ack", 0) == 0  # the upgrade is over

    received: SimpleQueue[int] = SimpleQueue()
    socket.on("number", received.put)

    # A polling client of this library takes at most 16 packets from a response.
    many = 16 if transports == ["polling"] else 100
    for number in range(many):
        socket.emit("count", number)
        client.call("emit", "number", number)

    assert [received.get(timeout=30) for _ in range(many)] == list(range(many))
    counted = [client.next("count")[0] for _ in range(many)]
    if kind == "Client":
        counted.sort()  # it handles each event in a thread of its own
    assert counted == list(range(many))


# ------------------------------------------------------------- the ends of connections


@with_either_client
@over_each_transport
def test_it_stays_while_it_answers_pings(
    python: PythonDriver, kind: Kind, transports: list[str]
) -> None:
    server = Running(ping_interval=0.1)
    client, socket = connect(python, server, kind, transports=transports)
    heartbeats: SimpleQueue[None] = SimpleQueue()
    socket.conn.on("heartbeat", lambda: heartbeats.put(None))

    for _ in range(3):
        heartbeats.get(timeout=30)

    assert client.call("call", "message-with-ack", 1) == 1
    python.reset()
    server.close()


@with_either_client
@over_each_transport
def test_the_client_leaves(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    client, _ = connect(python, server, kind, transports=transports)

    client.wait_until_sent()
    client.call("disconnect")

    # Over a WebSocket it closes the connection right after the disconnect packet.
    assert server.reason() in ("client namespace disconnect", "transport close")
    assert client.next("disconnect") == ("client disconnect",)


@with_either_client
@over_each_transport
@pytest.mark.parametrize("close", [False, True], ids=["namespace", "connection"])
def test_the_server_disconnects(
    python: PythonDriver,
    server: Running,
    kind: Kind,
    transports: list[str],
    close: bool,
) -> None:
    # Without this option it sometimes comes back: it learns two things at once.
    client = python.client(kind, reconnection=False)
    client.connect(server.url, transports=transports)
    socket = server.socket()

    socket.disconnect(close=close)

    assert server.reason() == "server namespace disconnect"
    assert client.next("disconnect") == ("server disconnect",)
    client.wait_until_disconnected()


# Not with polling alone: this library ignores a POST that is lost between two polls, so
# nothing would break.
@with_either_client
@pytest.mark.parametrize(
    "transports",
    [["websocket"], ["polling", "websocket"]],
    ids=["websocket", "upgrade"],
)
def test_it_comes_back_when_its_connection_breaks(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    proxy = CuttingProxy(server.url)
    client = python.client(kind, **QUICK)
    client.connect(proxy.url, transports=transports, auth={"token": "1"})
    first = server.socket()
    assert client.call("call", "message-with-ack", 0) == 0
    assert client.next("connect") == ()

    proxy.cut_after(0, silently=False)
    client.call("emit", "lost")

    assert client.next("disconnect") == ("transport error",)
    assert client.next("connect") == ()
    second = server.socket()
    assert second.handshake.auth == {"token": "1"}
    assert second.id != first.id
    assert client.call("call", "message-with-ack", 1) == 1
    python.reset()
    proxy.close()


@with_either_client
def test_it_comes_back_when_the_server_does(python: PythonDriver, kind: Kind) -> None:
    # Only with a WebSocket: polling clients of this library do not come back after the
    # orderly end of a session.
    server = Running()
    client = python.client(kind, **QUICK)
    client.connect(server.url, namespaces=["/", "/second"])
    assert client.call("call", "message-with-ack", 0) == 0
    assert {client.next_event("connect").namespace for _ in "12"} == {"/", "/second"}

    server.close()
    assert client.next("disconnect") == ("transport error",)
    server = Running(port=server.port)

    assert {client.next_event("connect").namespace for _ in "12"} == {"/", "/second"}
    assert client.call("call", "message-with-ack", 1, namespace="/second") == 1
    python.reset()
    server.close()


# ------------------------------------------------------------------- simple clients


@with_either_simple_client
@over_each_transport
def test_a_simple_client_sends_asks_and_receives(
    python: PythonDriver, server: Running, kind: Kind, transports: list[str]
) -> None:
    client, socket = connect(
        python, server, kind, transports=transports, namespace="/second"
    )
    assert socket.nsp.name == "/second"

    assert client.call("call", "message-with-ack", EVERYTHING) == EVERYTHING
    client.call("emit", "message", EVERYTHING)
    assert client.call("receive", timeout=2) == ["message-back", *EVERYTHING]
    server.io.of("/second").emit("news")
    assert client.call("receive", timeout=2) == ["news"]


@with_either_simple_client
def test_a_simple_client_goes_on_after_a_restart(
    python: PythonDriver, kind: Kind
) -> None:
    server = Running()
    client = python.client(kind, **QUICK)
    client.connect(server.url)
    assert client.call("call", "message-with-ack", 0) == 0

    server.close()
    server = Running(port=server.port)

    assert server.socket().connected
    assert client.call("call", "message-with-ack", 1) == 1
    python.reset()
    server.close()


# ------------------------------------------------------------------------ MessagePack


@with_either_client
@over_each_transport
def test_it_may_speak_messagepack(
    python: PythonDriver, kind: Kind, transports: list[str]
) -> None:
    server = Running(parser="auto")
    plain, _ = connect(python, server, kind, transports=transports)
    packed = python.client(kind, serializer="msgpack")
    packed.connect(server.url, transports=transports, auth={"key": b"x"})
    socket = server.socket()
    assert socket.handshake.auth == {"key": b"x"}

    server.io.emit("news", [b"x", 2**40])

    for client in (plain, packed):
        assert client.next("news") == ([b"x", 2**40],)
        assert client.call("call", "message-with-ack", EVERYTHING) == EVERYTHING
    assert socket.timeout(5).emit_with_ack("how?", b"y") == b"y"
    python.reset()
    server.close()
