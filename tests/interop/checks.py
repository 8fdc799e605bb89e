"""What every client must be able to do, whatever its language, over each transport.

The tests run these checks one by one; the tables in ``docs/compatibility.rst`` say how
many of them pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import sockio
from tests.support import suite_servers
from tests.support.json_process import Ack, ClientEvent
from tests.support.waiting import wait_until

TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
#: Seconds that either side waits for what must come, enough for a busy machine.
PATIENCE = 30.0
#: Seconds between two heartbeats, few enough for a check to wait for some.
PING_INTERVAL = 0.1
EVERYTHING = [1, "2", {"3": [True, None, 1.5]}, "é😀\u2028", b"\0\1\xff", b"", [b"x"]]
WHY = {"code": 7, "until": ["é", None]}


class Client(Protocol):
    """One socket of a client, whatever its language."""

    def next(self, event: str | None = None) -> ClientEvent:
        """Take the oldest event of this socket, or the oldest of that name."""

    def emit(self, event: str, *args: Any) -> None:
        """Send an event."""

    def emit_with_ack(self, event: str, *args: Any) -> list[Any]:
        """Send an event and return what the server acknowledged it with."""

    def ack(self, ack: Ack, *args: Any) -> None:
        """Answer an event that came with an ``Ack`` as its last argument."""

    def namespace(self, name: str, auth: Any = None) -> Client:
        """Join another namespace over the same connection."""

    def cut(self) -> None:
        """Lose the connection without a close, as when the network fails."""

    def disconnect(self) -> None:
        """Disconnect from the namespace in the orderly way."""


class Way(Protocol):
    """One kind of client, with one server to speak with."""

    @property
    def transport(self) -> str:
        """What it was told to use: a key of ``TRANSPORTS``."""

    @property
    def protocol(self) -> int:
        """The revision of Engine.IO that it speaks."""

    def start(
        self, namespace: str = "", *, auth: Any = None, reconnection: bool = False
    ) -> Client:
        """Start a client, and take none of its events.

        Args:
            reconnection: It comes back soon when its connection was lost.
        """


Check: TypeAlias = Callable[[Way], None]


def make_server() -> sockio.Server[Any]:
    """Make the server for all clients: the suite's, more patient, that also asks."""
    io = suite_servers.socket_server(
        allow_eio3=True,
        parser="auto",
        ping_interval=PING_INTERVAL,
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

        @socket.on("tell two heartbeats")
        def tell_two_heartbeats() -> None:
            heartbeats: list[None] = []

            @socket.conn.on("heartbeat")
            def heartbeat() -> None:
                heartbeats.append(None)
                if len(heartbeats) == 2:
                    socket.emit("heartbeats", 2)

        @socket.on("which transport")
        def which_transport(last: str) -> str:
            conn = socket.conn
            wait_until(lambda: conn.transport.name == last or not socket.connected)
            return conn.transport.name

        @socket.on("disconnect me")
        def disconnect_me(close: bool) -> None:
            socket.disconnect(close=close)

        @socket.on("tell of my end")
        def tell_of_my_end(name: str) -> None:
            socket.on("disconnect", lambda reason: io.emit(f"end of {name}", reason))

    refusing = io.of("/refusing")

    @refusing.use
    def refuse(socket: sockio.Socket[Any]) -> None:
        raise sockio.ConnectError("not today", WHY)

    return io


def connect(way: Way, *, reconnection: bool = False) -> Client:
    """Connect, and take the two events with which a connection begins."""
    client = way.start(reconnection=reconnection)
    for expected in ("connect", "auth"):
        came = client.next()
        assert came.event == expected, came
    return client


def the_server_gets_its_auth(way: Way) -> None:
    client = way.start("/custom", auth={"token": "é &="})

    assert client.next().event == "connect"
    came = client.next()
    assert came.args == [{"token": "é &="}], came


def arguments_come_back(way: Way) -> None:
    client = connect(way)

    client.emit("message", *EVERYTHING)

    came = client.next()
    assert came == ("socket", "message-back", EVERYTHING), came


def acks_carry_everything(way: Way) -> None:
    client = connect(way)

    answer = client.emit_with_ack("message-with-ack", *EVERYTHING)
    assert answer == EVERYTHING, answer


def the_server_may_ask(way: Way) -> None:
    client = connect(way)

    client.emit("ask me")
    question = client.next("question")
    assert len(question.args) == 2, question
    data, ack = question.args
    assert data == b"\1?", data
    assert isinstance(ack, Ack), ack
    client.ack(ack, "fine", b"\2")

    said = client.next("you said")
    assert said.args == ["fine", b"\2"], said


def many_events_keep_their_order(way: Way) -> None:
    client = connect(way)

    for number in range(30):
        client.emit("message", number)

    came = [client.next().args for _ in range(30)]
    assert came == [[n] for n in range(30)], came


def a_large_message_comes_back(way: Way) -> None:
    client = connect(way)
    large = [b"\xff" * 100_000, "é" * 100_000]

    assert client.emit_with_ack("message-with-ack", *large) == large


def namespaces_share_a_connection(way: Way) -> None:
    client = connect(way)

    custom = client.namespace("/custom", {"token": "a b"})

    assert custom.next().event == "connect"
    came = custom.next()
    assert came.args == [{"token": "a b"}], came
    custom.disconnect()
    left = custom.next()
    assert left.args == ["io client disconnect"], left
    assert client.emit_with_ack("message-with-ack", 1) == [1]


def an_unknown_namespace_is_refused(way: Way) -> None:
    client = way.start("/unknown")

    refused = client.next()

    event = "error" if way.protocol == 3 else "connect_error"
    assert refused.event == event, refused
    assert refused.args[0]["message"] == "Invalid namespace", refused


def a_refusal_says_why(way: Way) -> None:
    client = way.start("/refusing")

    refused = client.next()

    if way.protocol == 3:
        assert refused == ("socket", "error", [WHY]), refused
    else:
        told = {"message": "not today", "data": WHY}
        assert refused == ("socket", "connect_error", [told]), refused


def both_sides_know_that_the_client_left(way: Way) -> None:
    witness, client = connect(way), connect(way)
    client.emit("tell of my end", "a client")
    assert client.emit_with_ack("message-with-ack", 1) == [1]

    client.disconnect()

    told = witness.next("end of a client")
    assert told.args == ["client namespace disconnect"], told
    left = client.next()
    assert left.args == ["io client disconnect"], left


def the_server_may_disconnect_it(way: Way) -> None:
    for close in (False, True):
        client = connect(way)

        client.emit("disconnect me", close)

        left = client.next()
        assert left == ("socket", "disconnect", ["io server disconnect"]), left


def it_answers_heartbeats(way: Way) -> None:
    client = connect(way)

    client.emit("tell two heartbeats")

    came = client.next()
    assert came == ("socket", "heartbeats", [2]), came
    assert client.emit_with_ack("message-with-ack", 1) == [1]


def it_comes_back_after_a_cut(way: Way) -> None:
    client = connect(way, reconnection=True)
    # A client that loses both transports while it changes notices by a ping timeout.
    client.emit_with_ack("which transport", last_transport(way))

    client.cut()

    assert client.next("disconnect")
    assert client.next("connect")
    assert client.next("auth")
    assert client.emit_with_ack("message-with-ack", 1) == [1]


def it_ends_on_the_transport_it_was_told(way: Way) -> None:
    client = connect(way)

    name = client.emit_with_ack("which transport", last_transport(way))
    assert name == [last_transport(way)], name
    assert client.emit_with_ack("message-with-ack", b"x") == [b"x"]


def last_transport(way: Way) -> str:
    """Return the name of the transport that the client shall end on."""
    return TRANSPORTS[way.transport][-1]


CHECKS: tuple[Check, ...] = (
    the_server_gets_its_auth,
    arguments_come_back,
    acks_carry_everything,
    the_server_may_ask,
    many_events_keep_their_order,
    a_large_message_comes_back,
    namespaces_share_a_connection,
    an_unknown_namespace_is_refused,
    a_refusal_says_why,
    both_sides_know_that_the_client_left,
    the_server_may_disconnect_it,
    it_answers_heartbeats,
    it_comes_back_after_a_cut,
    it_ends_on_the_transport_it_was_told,
)
