"""socket.io-msgpack-parser with clients of version 4, and python-socketio's own.

Each client speaks MessagePack with a server that takes only this form, and with one
that takes JSON, too.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Literal

import pytest
from gevent.queue import SimpleQueue

import sockio
from tests.support.json_process import Ack
from tests.support.loopback import Loopback
from tests.support.node import Driver, JsClient
from tests.support.python_socketio import LEAVING_SOON, PythonDriver

Version = Literal[4, "4.0"]

over_each_transport = pytest.mark.parametrize(
    "transports",
    [["polling"], ["websocket"], ["polling", "websocket"]],
    ids=["polling", "websocket", "both"],
)
with_each_client = pytest.mark.parametrize("version", [4, "4.0"])
EVERYTHING: list[Any] = [
    *(None, True, False, 0, 127, 128, 255, 256, 65_535, 65_536, 2**32, 2**40, 2**53),
    *(-1, -32, -33, -128, -129, -32_768, -32_769, -(2**31) - 1, -(2**53)),
    *(1.5, -0.1, 5e-324, "", "x" * 31, "x" * 32, "x" * 256, "x" * 70_000),
    *("é😀\u2028", [], {}, list(range(16)), list(range(300))),
    *({str(n): n for n in range(16)}, {"3": [True, None, {"deep": [[[]]]}]}),
    *(b"", b"\0", bytes(8), b"\0\1\xff", b"x" * 256, b"y" * 70_000),
    [b"x", {"y": b"z"}],
]


class Running:
    """A server; notes what its clients send."""

    def __init__(self, **options: Any) -> None:
        self.io: sockio.Server = sockio.Server(**options)
        #: The sockets that connected, and the arguments of ``message``.
        self.sockets: SimpleQueue[sockio.Socket] = SimpleQueue()
        self.received: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self.reasons: SimpleQueue[str] = SimpleQueue()
        self.io.on("connection", self._connected)
        self.io.of("/second")
        self._loopback = Loopback(self.io)
        self.url = self._loopback.url
        self.close = self._loopback.close

    def _connected(self, socket: sockio.Socket) -> None:
        self.sockets.put(socket)
        socket.on("disconnect", lambda reason: self.reasons.put(reason))

        @socket.on("message")
        def message(*args: Any) -> None:
            self.received.put(args)
            socket.emit("message-back", *args)

        @socket.on("message-with-ack")
        def message_with_ack(*args: Any) -> tuple[Any, ...]:
            self.received.put(args)
            return args


@pytest.fixture(params=["msgpack", "auto"])
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    running = Running(parser=request.param)
    yield running
    running.close()


@pytest.fixture
def both() -> Iterator[Running]:
    """Give a server that takes both forms, with recovery."""
    running = Running(parser="auto", connection_state_recovery=True)
    yield running
    running.close()


def connect(node: Driver, server: Running, **options: Any) -> JsClient:
    client = node.connect(server.url, **{"parser": "msgpack", **options})
    assert client.next().event == "connect"
    return client


@with_each_client
@over_each_transport
def test_values_of_every_kind_come_back(
    node: Driver, server: Running, transports: list[str], version: Version
) -> None:
    client = connect(node, server, transports=transports, version=version)

    client.emit("message", *EVERYTHING)

    assert client.next() == ("socket", "message-back", EVERYTHING)
    assert list(server.received.get(timeout=30)) == EVERYTHING


@with_each_client
@over_each_transport
def test_acknowledgements_both_ways(
    node: Driver, server: Running, transports: list[str], version: Version
) -> None:
    client = connect(node, server, transports=transports, version=version)
    socket = server.sockets.get(timeout=30)
    answers: SimpleQueue[tuple[Any, ...]] = SimpleQueue()

    assert client.emit_with_ack("message-with-ack", *EVERYTHING) == EVERYTHING
    assert client.emit_with_ack("message-with-ack") == []
    socket.emit("question", b"?", ack=lambda *args: answers.put(args))
    event = client.next()
    assert event.args[0] == b"?"
    assert isinstance(event.args[1], Ack)
    client.ack(event.args[1], b"!", {"all": [1]})

    assert answers.get(timeout=30) == (b"!", {"all": [1]})


def array_buffer(data: bytes) -> dict[str, Any]:
    return {"$arrayBuffer": base64.b64encode(data).decode()}


UNDEFINED = {"$undefined": True}
MOMENT = datetime(2024, 5, 1, 12, 30, 0, 5000, tzinfo=timezone.utc)
DATE = {"$date": round(MOMENT.timestamp() * 1000)}


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (array_buffer(b"\0"), b"\0"),
        (array_buffer(b"x"), b"x"),
        (array_buffer(bytes(8)), bytes(8)),
        (array_buffer(b"12345678"), b"12345678"),
        (array_buffer(b""), b""),
        (array_buffer(b"x" * 70_000), b"x" * 70_000),
        (UNDEFINED, None),
        ({"a": UNDEFINED, "b": [UNDEFINED]}, {"a": None, "b": [None]}),
        (DATE, MOMENT),
        ({"at": [DATE, array_buffer(bytes(8))]}, {"at": [MOMENT, bytes(8)]}),
    ],
)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_what_only_javascript_has(
    node: Driver, server: Running, transport: str, value: Any, arrives: Any
) -> None:
    client = connect(node, server, transports=[transport])

    answer = client.emit_with_ack("message-with-ack", value, "end")

    received = server.received.get(timeout=30)
    assert received == (arrives, "end")
    assert type(received[0]) is type(arrives)
    assert answer[1] == "end"


@with_each_client
def test_an_orderly_end_from_either_side(
    node: Driver, server: Running, version: Version
) -> None:
    client = connect(node, server, version=version)
    server.sockets.get(timeout=30).disconnect()
    assert client.next() == ("socket", "disconnect", ["io server disconnect"])
    assert server.reasons.get(timeout=30) == "server namespace disconnect"

    client.reopen()
    assert client.next().event == "connect"
    client.disconnect()
    assert server.reasons.get(timeout=30) == "client namespace disconnect"


@with_each_client
@over_each_transport
def test_a_refusal_says_why(
    node: Driver, server: Running, transports: list[str], version: Version
) -> None:
    @server.io.use
    def refuse(socket: sockio.Socket) -> None:
        raise sockio.ConnectError("no", {"code": 7, "raw": b"x"})

    client = node.connect(
        server.url, transports=transports, version=version, parser="msgpack"
    )

    error = client.next("connect_error").args[0]
    assert (error["message"], error["data"]) == ("no", {"code": 7, "raw": b"x"})


@with_each_client
def test_namespaces_share_the_connection(
    node: Driver, server: Running, version: Version
) -> None:
    client = connect(node, server, version=version, auth={"token": b"x"})
    assert server.sockets.get(timeout=30).handshake.auth == {"token": b"x"}

    second = client.namespace("/second")
    unknown = client.namespace("/unknown")

    assert second.next().event == "connect"
    assert unknown.next().args[0]["message"] == "Invalid namespace"
    server.io.of("/second").emit("here", b"x")
    assert second.next() == ("socket", "here", [b"x"])
    second.disconnect()
    assert client.state()["connected"]


def test_it_upgrades_to_a_websocket(node: Driver, server: Running) -> None:
    client = connect(node, server)

    assert client.next("upgrade").args == ["websocket"]

    assert client.emit_with_ack("message-with-ack", b"x") == [b"x"]


@over_each_transport
def test_one_broadcast_for_both_forms(
    node: Driver, both: Running, transports: list[str]
) -> None:
    clients = [
        connect(node, both, transports=transports, parser=parser, version=version)
        for parser in ("json", "msgpack")
        for version in (4, "4.0")
    ]
    for _ in clients:
        both.sockets.get(timeout=30).join("room")
    moment = datetime(2024, 5, 1, tzinfo=timezone.utc)
    values = ["é", b"x", {"a": [1, b"", None]}, Decimal("1.5"), moment, float("nan")]
    arrive = ["é", b"x", {"a": [1, b"", None]}, "1.5", "2024-05-01T00:00:00+00:00"]

    both.io.to("room").emit("news", *values)

    for client in clients:
        event = client.next()
        assert event.event == "news"
        assert event.args[:-1] == [*arrive, None]  # and the offset for recovery


def test_acknowledgements_of_clients_of_both_forms(node: Driver, both: Running) -> None:
    clients = [connect(node, both, parser=parser) for parser in ("json", "msgpack")]
    answers: SimpleQueue[Any] = SimpleQueue()
    both.io.timeout(5).emit("vote", b"?", ack=lambda *answer: answers.put(answer))

    for number, client in enumerate(clients):
        event = client.next()
        assert (event.event, event.args[0]) == ("vote", b"?")
        client.ack(event.args[1], bytes([number]))

    error, votes = answers.get(timeout=30)
    assert error is None
    assert sorted(votes) == [b"\0", b"\1"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("parser", ["json", "msgpack"])
def test_what_was_missed_comes_in_the_form_of_the_client(
    node: Driver, both: Running, transport: str, parser: str
) -> None:
    client = connect(
        node,
        both,
        transports=[transport],
        parser=parser,
        reconnection=True,
        reconnectionDelay=1,
    )
    socket = both.sockets.get(timeout=30)
    both.io.emit("before", 1)
    client.next("before")

    client.cut()
    assert both.reasons.get(timeout=30)
    both.io.emit("missed", b"x", {"a": 1})
    socket.emit("missed", "too")

    assert client.next("missed").args[:2] == [b"x", {"a": 1}]
    assert client.next("missed").args[0] == "too"
    assert client.state()["recovered"]
    both.io.emit("after")
    assert client.next("after")


# ------------------------------------------------------------------ python-socketio


@over_each_transport
@pytest.mark.parametrize("parser", ["msgpack", "auto"])
def test_python_socketio_speaks_msgpack(
    python: PythonDriver, parser: str, transports: list[str]
) -> None:
    server = Running(parser=parser, **LEAVING_SOON)
    client = python.client("SimpleClient", serializer="msgpack")
    client.connect(server.url, transports=transports)
    socket = server.sockets.get(timeout=30)
    everything = tuple(EVERYTHING)

    assert client.call("call", "message-with-ack", everything) == everything
    assert server.received.get(timeout=30) == everything
    client.call("emit", "message", everything)
    assert client.call("receive") == ["message-back", *EVERYTHING]
    socket.emit("news", b"x", {"a": [1.5]})
    assert client.call("receive") == ["news", b"x", {"a": [1.5]}]
    python.reset()
    server.close()


def test_python_socketio_in_either_form(
    python: PythonDriver, node: Driver, both: Running
) -> None:
    clients = [
        python.client("SimpleClient", serializer=serializer)
        for serializer in ("default", "msgpack")
    ]
    for client in clients:
        client.connect(both.url, transports=["websocket"])
    browser = connect(node, both)

    both.io.emit("news", [b"x", 2**40])

    for client in clients:
        assert client.call("receive")[:2] == ["news", [b"x", 2**40]]
    assert browser.next("news").args[0] == [b"x", 2**40]
