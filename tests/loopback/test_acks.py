"""Acknowledgements, in both directions, and how every wait for one ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.errors import AckError, AckTimeout, Disconnected
from sockio.testing import FakeClock
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Gate, Heard, Served

from .conftest import Serve


def outcome(fn: Callable[..., Any], *args: Any) -> gevent.Greenlet:
    """Return a greenlet whose value is what ``fn`` returns or raises."""

    def run() -> Any:
        try:
            return fn(*args)
        except AckError as exc:
            return exc

    task = gevent.spawn(run)
    gevent.idle()
    return task


def answer_to(served: Served, handler: Callable[..., Any], args: str = "") -> Any:
    """Register ``handler``, send one event that asks for an ack; return the answer."""
    websocket, socket = served.connect()
    socket.on("x", handler)
    websocket.send(f'427["x"{args}]')
    return websocket.receive()


# ------------------------------------------------------------------ by the server


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (None, "437[]"),
        ("ok", '437["ok"]'),
        (0, "437[0]"),
        (False, "437[false]"),
        ("", '437[""]'),
        ((1, "b"), '437[1,"b"]'),
        ((), "437[]"),
        ((None,), "437[null]"),
        ([1, 2], "437[[1,2]]"),
        ({"a": 1}, '437[{"a":1}]'),
    ],
)
def test_the_return_value_is_the_answer(
    served: Served, value: Any, answer: str
) -> None:
    assert answer_to(served, lambda: value) == answer


def test_a_handler_may_answer_by_hand(served: Served) -> None:
    # A keyword-only parameter `ack` gets the function.
    def handler(name: str, *, ack: Callable[..., None]) -> str:
        ack("hello", name)
        return "not this"

    assert answer_to(served, handler, ',"me"') == '437["hello","me"]'


def test_only_the_first_call_of_ack_sends(served: Served) -> None:
    def handler(*, ack: Callable[..., None]) -> None:
        ack(1)
        ack(2)

    websocket, socket = served.connect()
    socket.on("x", handler)
    websocket.send('427["x"]')
    websocket.send('428["x"]')

    assert websocket.receive() == "437[1]"
    assert websocket.receive() == "438[1]"


def test_ack_is_none_when_nobody_asks(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()

    @socket.on("x")
    def handler(*, ack: Callable[..., None] | None) -> None:
        heard(ack)

    websocket.send('42["x"]')

    assert heard.next() == (None,)


def test_a_return_value_nobody_asked_for_is_not_sent(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("x", lambda: "unasked")
    socket.on("end", lambda: socket.emit("end"))

    websocket.send('42["x"]')
    websocket.send('42["end"]')

    assert websocket.receive() == '42["end"]'


def test_without_a_call_by_hand_nothing_is_sent(served: Served) -> None:
    def handler(*, ack: Callable[..., None]) -> str:
        return "not this"

    websocket, socket = served.connect()
    socket.on("x", handler)
    socket.on("end", lambda: socket.emit("end"))

    websocket.send('427["x"]')
    websocket.send('42["end"]')

    assert websocket.receive() == '42["end"]'


def test_the_first_listener_to_answer_wins(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("x", lambda: "first")
    socket.on("x", lambda: "second")
    socket.on("end", lambda: socket.emit("end"))

    websocket.send('427["x"]')
    websocket.send('42["end"]')

    assert websocket.receive() == '437["first"]'
    assert websocket.receive() == '42["end"]'


def test_an_answer_by_hand_may_come_late_and_from_elsewhere(served: Served) -> None:
    acks = Heard()

    def handler(*, ack: Callable[..., None]) -> None:
        acks(ack)

    websocket, socket = served.connect()
    socket.on("x", handler)
    websocket.send('420["x"]')
    websocket.send('421["x"]')
    first, second = acks.next()[0], acks.next()[0]

    second("second")
    gevent.spawn(first, "first")

    assert websocket.receive() == '431["second"]'
    assert websocket.receive() == '430["first"]'


def test_an_answer_carries_bytes(served: Served) -> None:
    # It leaves as a BINARY_ACK.
    websocket, socket = served.connect()
    socket.on("x", lambda: (b"\1\2", {"file": b""}))

    websocket.send('427["x"]')

    first = '{"_placeholder":true,"num":0}'
    second = '{"_placeholder":true,"num":1}'
    assert websocket.receive() == f'462-7[{first},{{"file":{second}}}]'
    assert websocket.receive() == b"\1\2"
    assert websocket.receive() == b""


def test_an_answer_in_another_namespace(served: Served) -> None:
    served.io.of("/chat").on(
        "connection", lambda socket: socket.on("x", lambda: (1, b"\3"))
    )
    websocket, _ = served.connect("/chat")

    websocket.send('42/chat,456["x"]')

    assert websocket.receive() == '461-/chat,456[1,{"_placeholder":true,"num":0}]'
    assert websocket.receive() == b"\3"


def test_a_handler_that_fails_does_not_answer(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    # As in Node.
    websocket, socket = served.connect()
    socket.on("x", lambda: 1 / 0)
    socket.on("end", lambda: socket.emit("end"))

    websocket.send('427["x"]')
    websocket.send('42["end"]')

    assert websocket.receive() == '42["end"]'


def test_a_handler_that_fails_answers_where_that_is_wanted(serve: Serve) -> None:
    def handler() -> None:
        raise ValueError("too late")

    answer = answer_to(serve(error_acks=True), handler)

    assert answer == '437[{"error":{"message":"too late"}}]'


def test_an_answer_that_cannot_travel_is_a_failure_of_the_handler(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    errors = Heard()
    websocket, socket = served.connect()
    socket.on("x", lambda: object())
    socket.on("error", errors)

    websocket.send('427["x"]')

    assert "cannot be sent" in str(errors.next()[0])


def test_an_answer_after_the_disconnect_is_not_sent(served: Served) -> None:
    gate = Gate()
    websocket, socket = served.connect()
    other = served.also(websocket, "/other") if served.io.of("/other") else None

    @socket.on("x")
    def handler() -> str:
        gate.stop()
        return "late"

    websocket.send('427["x"]')
    gate.wait_reached()
    socket.disconnect()
    gate.open()
    gevent.idle()

    assert websocket.receive() == "41"
    assert other is not None
    other.emit("end")
    assert websocket.receive() == '42/other,["end"]'


def test_the_smallest_and_the_largest_id(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("x", lambda: "ok")

    for ack_id in (0, 2**53 - 1):
        websocket.send(f'42{ack_id}["x"]')

        assert websocket.receive() == f'43{ack_id}["ok"]'


# ------------------------------------------------------------------ by the client


def test_a_callback_gets_the_answer(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()

    socket.emit("q", 1, ack=heard)

    assert websocket.receive() == '420["q",1]'
    websocket.send('430["a",{"b":2}]')
    assert heard.next() == ("a", {"b": 2})


def test_a_trailing_callable_is_the_callback(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()

    socket.emit("q", 1, heard)

    assert websocket.receive() == '420["q",1]'
    websocket.send("430[]")
    assert heard.next() == ()


def test_with_a_timeout_the_callback_gets_the_error_first(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(clock=clock)
    heard = Heard()
    websocket, socket = served.connect()

    socket.timeout(5).emit("q", ack=heard)
    socket.timeout(5).emit("q", heard)
    websocket.send('430["a",1]')

    assert heard.next() == (None, "a", 1)
    clock.advance(5)
    (error,) = heard.next()
    assert isinstance(error, AckTimeout)
    assert str(error) == "operation has timed out"
    assert (error.event, error.seconds) == ("q", 5)


def test_an_answer_after_the_timeout_is_ignored(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    heard = Heard()
    websocket, socket = served.connect()
    socket.timeout(5).emit("q", ack=heard)
    clock.advance(5)
    heard.next()

    websocket.send('430["late"]')
    clock.settle()

    assert len(heard.calls) == 1
    assert socket.connected


def blocking(target: Any, heard: Heard) -> None:
    heard(None, target.emit_with_ack("q"))


def with_a_callback(target: Any, heard: Heard) -> None:
    target.emit("q", ack=heard)


@pytest.mark.parametrize("ask", [blocking, with_a_callback])
@pytest.mark.parametrize("everybody", [False, True])
def test_an_answer_that_came_in_time_counts_though_it_is_read_late(
    served: Served, ask: Callable[[Any, Heard], None], everybody: bool
) -> None:
    websocket, socket = served.connect()
    heard = Heard()
    seconds = 0.01
    target = (served.io if everybody else socket).timeout(seconds)

    def answer_and_compute() -> None:
        websocket.send('430["in time"]')
        end = time.monotonic() + 2 * seconds
        while time.monotonic() < end:  # as a handler may do
            pass

    gevent.spawn(ask, target, heard)
    gevent.spawn(answer_and_compute)

    assert heard.next() == (None, ["in time"] if everybody else "in time")


def test_emit_with_ack_returns_the_first_argument(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(socket.emit_with_ack, "q", 1)

    assert websocket.receive() == '420["q",1]'
    websocket.send('430["first","second"]')

    assert task.get(timeout=30) == "first"


def test_emit_with_ack_returns_none_for_an_empty_answer(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(socket.timeout(2).emit_with_ack, "q")
    websocket.send("430[]")

    assert task.get(timeout=30) is None


def test_call_returns_all_arguments(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(socket.call, "q")
    websocket.send('430["first","second"]')

    assert task.get(timeout=30) == ("first", "second")


def test_blocking_waits_time_out(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock, ping_interval=1000.0)
    _, socket = served.connect()
    first = outcome(socket.timeout(5).emit_with_ack, "q")
    second = outcome(lambda: socket.call("q", timeout=6))
    third = outcome(socket.call, "q")

    clock.advance(5)
    assert isinstance(first.get(timeout=30), AckTimeout)
    assert not second.ready()
    clock.advance(1)
    assert isinstance(second.get(timeout=30), TimeoutError)
    clock.advance(54)
    assert isinstance(third.get(timeout=30), AckTimeout)


def test_an_answer_with_bytes(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(socket.call, "q")

    websocket.send('461-0["a",{"_placeholder":true,"num":0}]')
    websocket.send(b"\1\2")

    assert task.get(timeout=30) == ("a", b"\1\2")


def test_a_question_with_bytes(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(socket.emit_with_ack, "q", b"\1")

    assert websocket.receive() == '451-0["q",{"_placeholder":true,"num":0}]'
    assert websocket.receive() == b"\1"
    websocket.send('430["ok"]')

    assert task.get(timeout=30) == "ok"


def test_ids_are_counted_by_the_namespace(served: Served) -> None:
    # Each namespace counts from 0.
    served.io.of("/chat")
    one, first = served.connect()
    two, second = served.connect()
    chat = served.also(one, "/chat")

    first.emit("q", ack=Heard())
    second.emit("q", ack=Heard())
    chat.emit("q", ack=Heard())

    assert one.receive() == '420["q"]'
    assert two.receive() == '421["q"]'
    assert one.receive() == '42/chat,0["q"]'


@pytest.mark.parametrize("packet", ["437[1]", "43[]", "43", "431"])
def test_an_answer_nobody_waits_for_is_ignored(served: Served, packet: str) -> None:
    websocket, socket = served.connect()

    websocket.send(packet)

    task = outcome(socket.emit_with_ack, "still here?")
    assert websocket.receive() == '420["still here?"]'
    websocket.send("430[true]")
    assert task.get(timeout=30) is True


def test_an_answer_counts_once(served: Served) -> None:
    heard, rest = Heard(), Heard()
    websocket, socket = served.connect()
    socket.emit("q", ack=heard)
    socket.on("end", rest)

    websocket.send("430[1]")
    websocket.send("430[2]")
    websocket.send('42["end"]')

    rest.next()
    assert heard.calls == [(1,)]


def test_an_answer_of_another_client_is_ignored(served: Served) -> None:
    heard, rest = Heard(), Heard()
    _, socket = served.connect()
    stranger, other = served.connect()
    socket.emit("q", ack=heard)
    other.on("end", rest)

    stranger.send("430[1]")
    stranger.send('42["end"]')

    rest.next()
    assert heard.calls == []


# ------------------------------------------------------------------ past the inbox


def test_a_handler_may_wait_for_an_ack(served: Served) -> None:
    # Acks do not wait behind the running handler.
    websocket, socket = served.connect()
    socket.on("x", lambda: socket.emit_with_ack("zone?"))

    websocket.send('425["x"]')

    assert websocket.receive() == '420["zone?"]'
    websocket.send('430["UTC"]')
    assert websocket.receive() == '435["UTC"]'


def test_a_handler_may_wait_for_what_an_ack_callback_sets(served: Served) -> None:
    # Nor do the callbacks of acks.
    gate, done = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("x")
    def handler() -> None:
        socket.emit("q", ack=lambda *args: gate.open())
        gate.stop()
        done()

    websocket.send('42["x"]')
    websocket.receive()
    websocket.send("430[]")

    assert done.next() == ()


def test_callbacks_run_one_at_a_time_in_order(served: Served) -> None:
    gate, order = Gate(), Heard()
    websocket, socket = served.connect()

    def first(*args: Any) -> None:
        gate.stop()
        order("first")

    socket.emit("q", ack=first)
    socket.emit("q", ack=lambda: order("second"))
    websocket.send("430[]")
    websocket.send("431[]")
    gate.wait_reached()
    gate.open()

    assert order.next() == ("first",)
    assert order.next() == ("second",)


def test_a_callback_that_fails_is_logged(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.emit("q", ack=lambda: 1 / 0)
    socket.emit("q", ack=heard)

    websocket.send("430[]")
    websocket.send("431[]")

    assert heard.next() == ()
    assert "ZeroDivisionError" in caplog.text


# ------------------------------------------------------------------ disconnects


def _leave(websocket: RawWebSocket, socket: Any) -> str:
    websocket.send("41")
    return "client namespace disconnect"


def _close(websocket: RawWebSocket, socket: Any) -> str:
    websocket.close()
    return "transport close"


def _be_thrown_out(websocket: RawWebSocket, socket: Any) -> str:
    socket.disconnect()
    return "server namespace disconnect"


@pytest.mark.parametrize("leave", [_leave, _close, _be_thrown_out])
def test_a_disconnect_ends_blocking_waits(
    served: Served, leave: Callable[[RawWebSocket, Any], str]
) -> None:
    # In Node emitWithAck waits for ever.
    websocket, socket = served.connect()
    tasks = [
        outcome(socket.emit_with_ack, "q"),
        outcome(socket.timeout(60).emit_with_ack, "q"),
        outcome(socket.call, "q"),
    ]

    reason = leave(websocket, socket)

    for task in tasks:
        error = task.get(timeout=30)
        assert isinstance(error, Disconnected)
        assert error.reason == reason


def test_callbacks_after_a_disconnect(served: Served) -> None:
    # With a timeout they get Disconnected as the error; without one nothing calls them.
    plain, timed = Heard(), Heard()
    websocket, socket = served.connect()
    socket.emit("q", ack=plain)
    socket.timeout(60).emit("q", ack=timed)

    websocket.close()

    (error,) = timed.next()
    assert isinstance(error, Disconnected)
    gevent.idle()
    assert plain.calls == []
    assert len(timed.calls) == 1


def test_after_the_disconnect_no_wait_begins(served: Served) -> None:
    heard = Heard()
    _, socket = served.connect()
    socket.disconnect()

    with pytest.raises(Disconnected):
        socket.emit_with_ack("q")
    with pytest.raises(Disconnected):
        socket.call("q")
    socket.timeout(5).emit("q", ack=heard)
    assert isinstance(heard.next()[0], Disconnected)


def test_an_answer_and_a_goodbye_in_one_breath(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.emit("q", ack=heard)

    websocket.send('430["a"]')
    websocket.send("41")

    assert heard.next() == ("a",)


# ------------------------------------------------------------------ modifiers


def test_modifiers_do_not_stick_to_the_socket(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    heard = Heard()
    websocket, socket = served.connect()
    operator = socket.timeout(1)
    patient = operator.timeout(50).compress(False)

    socket.emit("q", ack=heard)
    patient.emit("q", ack=heard)
    operator.emit("q", ack=heard)
    clock.advance(1)

    assert isinstance(heard.next()[0], AckTimeout)
    assert len(heard.calls) == 1
    websocket.send("431[1]")
    assert heard.next() == (None, 1)
    websocket.send("430[0]")
    assert heard.next() == (0,)


def test_a_handler_whose_client_goes_while_it_waits_is_no_error(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    websocket, socket = served.connect()
    asking, ended = Heard(), Heard()

    @socket.on("ask")
    def ask() -> None:
        asking()
        try:
            socket.emit_with_ack("question")
        finally:
            ended()

    websocket.send('42["ask"]')
    asking.next()
    websocket.cut()

    ended.next()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
