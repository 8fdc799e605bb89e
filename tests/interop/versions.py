"""What every version of the official client must be able to do, over each transport.

Versions that socket.io-msgpack-parser supports must be able to do it with that, too.
The tests run these checks one by one; the table in ``docs/compatibility.rst`` says how
many of them pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import sockio
from tests.support import suite_servers
from tests.support.node import Ack, Driver, JsClient, Version

VERSIONS: tuple[Version, ...] = (
    2,
    "3.1",
    "4.0",
    "4.1",
    "4.4",
    "4.5",
    "4.6",
    "4.7",
    4,
)
TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
PARSERS: tuple[Literal["json", "msgpack"], ...] = ("json", "msgpack")
#: Seconds that either side waits for what must come, enough for a busy machine.
PATIENCE = 30.0
EVERYTHING = [1, "2", {"3": [True, None, 1.5]}, "é😀\u2028", b"\0\1\xff", b"", [b"x"]]


class Kind(NamedTuple):
    """One version of the client, with one parser, over one transport."""

    version: Version
    parser: Literal["json", "msgpack"]
    transport: str

    def __str__(self) -> str:
        return f"{self.version}-{self.parser}-{self.transport}"


#: All that must work. The parser for version 2 has another format, which we do not
#: speak.
KINDS = tuple(
    Kind(version, parser, transport)
    for version in VERSIONS
    for parser in PARSERS
    for transport in TRANSPORTS
    if (version, parser) != (2, "msgpack")
)


def make_server() -> sockio.Server[Any]:
    """Make the server for all clients: the suite's, more patient, that also asks."""
    io = suite_servers.socket_server(
        allow_eio3=True,
        parser="auto",
        ping_timeout=PATIENCE,
        connect_timeout=PATIENCE,
    )

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("ask me")
        def ask_me() -> None:
            answer = socket.call("question", b"\1?", timeout=PATIENCE)
            socket.emit("you said", *answer)

        @socket.on("tell all")
        def tell_all(*args: Any) -> None:
            io.emit("news", *args)

    return io


class Way(NamedTuple):
    """One kind of client, and the server that it speaks with."""

    node: Driver
    url: str
    kind: Kind

    def start(self, namespace: str = "", **options: Any) -> JsClient:
        """Start a client, and take none of its events."""
        return self.node.connect(
            self.url + namespace,
            version=self.kind.version,
            parser=self.kind.parser,
            transports=TRANSPORTS[self.kind.transport],
            patience=PATIENCE,
            **options,
        )

    def connect(self, **options: Any) -> JsClient:
        """Connect, and take the two events with which a connection begins."""
        client = self.start(**options)
        for expected in ("connect", "auth"):
            came = client.next()
            assert came.event == expected, came
        return client


def arguments_come_back(way: Way) -> None:
    client = way.connect()

    client.emit("message", *EVERYTHING)

    assert client.next() == ("socket", "message-back", EVERYTHING)


def acks_carry_everything(way: Way) -> None:
    client = way.connect()

    assert client.emit_with_ack("message-with-ack", *EVERYTHING) == EVERYTHING


def the_server_may_ask(way: Way) -> None:
    client = way.connect()

    client.emit("ask me")
    question = client.next("question")
    data, ack = question.args
    assert data == b"\1?"
    assert isinstance(ack, Ack)
    client.ack(ack, "fine", b"\2")

    assert client.next("you said").args == ["fine", b"\2"]


def many_events_keep_their_order(way: Way) -> None:
    client = way.connect()

    for number in range(30):
        client.emit("message", number)

    assert [client.next().args for _ in range(30)] == [[n] for n in range(30)]


def a_large_message_comes_back(way: Way) -> None:
    client = way.connect()
    large = [b"\xff" * 100_000, "é" * 100_000]

    assert client.emit_with_ack("message-with-ack", *large) == large


def namespaces_share_a_connection(way: Way) -> None:
    client = way.connect()

    custom = client.namespace("/custom", {"token": "a b"})

    assert custom.next().event == "connect"
    assert custom.next() == ("socket", "auth", [{"token": "a b"}])
    custom.disconnect()
    assert custom.next().args == ["io client disconnect"]
    assert client.emit_with_ack("message-with-ack", 1) == [1]


def an_unknown_namespace_is_refused(way: Way) -> None:
    client = way.start("/unknown")

    refused = client.next()

    assert refused.event == ("error" if way.kind.version == 2 else "connect_error")
    assert refused.args[0]["message"] == "Invalid namespace"


def it_comes_back_after_a_cut(way: Way) -> None:
    client = way.connect(reconnection=True, reconnectionDelay=1)

    client.cut()

    assert client.next("disconnect")
    assert client.next("reconnect")
    assert client.next("auth")
    assert client.emit_with_ack("message-with-ack", 1) == [1]


def it_ends_on_the_transport_it_was_told(way: Way) -> None:
    client = way.connect()

    if way.kind.transport == "upgrade":
        assert client.next("upgrade").args == ["websocket"]

    assert client.emit_with_ack("message-with-ack", b"x") == [b"x"]
    expected = "polling" if way.kind.transport == "polling" else "websocket"
    assert client.state()["transport"] == expected


CHECKS: tuple[Callable[[Way], None], ...] = (
    arguments_come_back,
    acks_carry_everything,
    the_server_may_ask,
    many_events_keep_their_order,
    a_large_message_comes_back,
    namespaces_share_a_connection,
    an_unknown_namespace_is_refused,
    it_comes_back_after_a_cut,
    it_ends_on_the_transport_it_was_told,
)
