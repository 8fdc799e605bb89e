"""What surrounds the application's code: every kind of call goes through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

import sockio
from sockio.adapters import Cluster, Exchange
from sockio.runtime.surroundings import Call
from sockio.testing import FakeClock
from tests.support.served import Heard, Served

from .conftest import Serve


class Around:
    """Remembers the calls that it surrounds."""

    def __init__(self, io: sockio.Server[Any]) -> None:
        self.calls: list[Call] = []
        self.errors: list[str] = []
        io.around(self.remember)

    def remember(self, call: Call) -> Iterator[None]:
        self.calls.append(call)
        try:
            yield
        except Exception as exc:
            self.errors.append(type(exc).__name__)
            raise

    def of(self, kind: str) -> list[tuple[str | None, tuple[Any, ...]]]:
        """Return event and arguments of the calls of a kind."""
        return [(call.event, call.args) for call in self.calls if call.kind == kind]


@pytest.fixture
def around(io: sockio.Server[Any]) -> Around:
    return Around(io)


def test_events(served: Served, around: Around) -> None:
    websocket, socket = served.connect()
    socket.on("add", lambda a, b: a + b)
    socket.on("ask", lambda a, *, ack: ack(a))
    socket.on("beside", lambda: "beside", concurrent=True)
    socket.on_any(lambda *args: None)

    websocket.send('420["add",1,2]')
    assert websocket.receive_message() == "430[3]"
    websocket.send('421["ask",1]')
    assert websocket.receive_message() == "431[1]"
    websocket.send('422["beside"]')
    assert websocket.receive_message() == '432["beside"]'

    events = [(name, args) for name, args in around.of("event") if name == "add"]
    catch_all, listener = events
    assert catch_all[1][:3] == ("add", 1, 2)
    assert listener == ("add", (1, 2))
    assert {name for name, _ in around.of("event")} == {"add", "ask", "beside"}
    call = around.calls[-1]
    assert (call.socket, call.namespace) == (socket, "/")


def test_what_goes_out(served: Served, around: Around) -> None:
    websocket, socket = served.connect()
    socket.on_any_outgoing(lambda *args: None)

    socket.emit("hello", 1)

    assert websocket.receive_event() == ["hello", 1]
    assert around.of("event") == [("hello", ("hello", 1))]


def test_connections_and_their_ends(served: Served, around: Around) -> None:
    gone = Heard()
    served.io.of("/chat").use(lambda socket: None)

    websocket, socket = served.connect("/chat")
    socket.on("disconnecting", lambda reason: None)
    socket.on("disconnect", gone)
    websocket.send("41/chat,")
    gone.next()

    (middleware,) = [call for call in around.calls if call.kind == "middleware"]
    assert (middleware.socket, middleware.namespace) == (socket, "/chat")
    ends = [(event, args[0]) for event, args in around.of("disconnect")]
    assert ends == [
        ("disconnecting", "client namespace disconnect"),
        ("disconnect", "client namespace disconnect"),
    ]


def test_connection_handlers(served: Served, around: Around) -> None:
    served.io.on("connection", lambda socket: None)

    _, socket = served.connect()

    assert around.of("connection") == [("connection", (socket,))]


def test_guards_of_a_socket(served: Served, around: Around) -> None:
    websocket, socket = served.connect()
    socket.use(lambda event, args: None)
    socket.on("e", lambda a: a)

    websocket.send('420["e",1]')
    assert websocket.receive_message() == "430[1]"

    assert around.of("guard") == [("e", ("e", [1]))]


def test_acknowledgements(served: Served, around: Around) -> None:
    heard, all_heard = Heard(), Heard()
    websocket, socket = served.connect()

    socket.emit("q", ack=heard)
    websocket.receive_message()
    websocket.send('430["a"]')
    assert heard.next() == ("a",)
    served.io.timeout(20).emit("q", ack=all_heard)
    id = str(websocket.receive_message())[2:].partition("[")[0]
    websocket.send(f'43{id}["b"]')
    assert all_heard.next() == (None, ["b"])

    assert [args for _, args in around.of("ack")] == [("a",), (None, ["b"])]


def test_tasks(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    around = Around(served.io)
    served.io.start()

    assert served.io.spawn(lambda a, b: a + b, 1, b=2).wait(20) == 3
    served.io.every(5)(lambda: None)
    clock.settle()
    clock.advance(11)

    assert [call.kind for call in around.calls] == ["task", "every", "every"]


def test_requests(serve: Serve) -> None:
    served = serve(allow_request=lambda request: None)
    around = Around(served.io)
    served.io.engine.use(lambda request, response: None)
    served.io.engine.on("initial_headers", lambda headers, request: None)
    served.io.engine.generate_id = lambda request: "an id"

    served.raw.open_session()

    calls = [call for call in around.calls if call.kind == "http"]
    assert len(calls) == 4
    assert [call.event for call in calls if call.event] == ["initial_headers"]
    assert all(call.request is not None for call in calls if not call.event)


def test_events_of_other_servers(serve: Serve) -> None:
    exchange = Exchange()
    first, second = (serve(adapter=Cluster(exchange.bus())) for _ in range(2))
    first.io.start()
    second.io.start()
    around = Around(second.io)
    second.io.on("q", lambda a: a)

    assert first.io.server_side_emit_with_ack("q", 1) == [1]

    assert around.of("event") == [("q", (1,))]


def test_a_failure_is_the_handlers(serve: Serve) -> None:
    served = serve(error_acks=True)
    websocket, socket = served.connect()
    socket.on("e", lambda: "answer")
    errors = Heard()
    socket.on("error", errors)

    @served.io.around
    def refuse(call: Call) -> Iterator[None]:
        if call.event == "e":
            raise PermissionError("not you")
        yield

    websocket.send('420["e"]')

    assert websocket.receive_message() == '430[{"error":{"message":"not you"}}]'
    assert str(errors.next()[0]) == "not you"


def test_it_runs_in_the_context_of_the_job(served: Served) -> None:
    user: ContextVar[str] = ContextVar("user")
    websocket, socket = served.connect()

    @served.io.around
    def as_somebody(call: Call) -> Iterator[None]:
        assert user.get("nobody") == "nobody"
        user.set(call.args[0])
        yield
        assert user.get() == call.args[0]

    socket.on("who", lambda name: user.get())

    for name in ("Ann", "Bob"):
        websocket.send(f'420["who","{name}"]')
        assert websocket.receive_message() == f'430["{name}"]'


def test_one_that_is_added_later_counts_from_then_on(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("e", lambda: 1)
    websocket.send('420["e"]')
    assert websocket.receive_message() == "430[1]"

    around = Around(served.io)
    websocket.send('421["e"]')
    assert websocket.receive_message() == "431[1]"

    assert around.of("event") == [("e", ())]
