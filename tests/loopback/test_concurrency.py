"""Concurrency: what waits for what, and what never does."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Any

import gevent
import pytest
from gevent.monkey import get_original

import sockio
from sockio.protocol.websocket.frames import frame
from sockio.testing import FakeClock
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Gate, Heard, Served
from tests.support.stopwatch import Stopwatch

from .conftest import Serve

#: Does not let others run, not even in a patched process.
select = get_original("select", "select")


def send_at_once(websocket: RawWebSocket, *messages: str) -> None:
    """Send several messages so that the server gets them in one read."""
    frames = [frame(message, mask=os.urandom(4)) for message in messages]
    websocket.send_bytes(b"".join(frames))


# ------------------------------------------------------------------ blocking handlers


def test_a_blocked_handler_holds_no_other_client(served: Served) -> None:
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    other_websocket, other = served.connect()
    socket.on("slow", gate.stop)
    other.on("quick", heard)

    websocket.send('42["slow"]')
    gate.wait_reached()
    other_websocket.send('42["quick"]')

    assert heard.next() == ()
    gate.open()


def test_many_handlers_may_be_blocked_at_once(served: Served) -> None:
    gate, heard = Gate(), Heard()

    @served.io.on("connection")
    def connected(socket: Any) -> None:
        socket.on("slow", slow)

    def slow() -> None:
        heard("before")
        gate.stop()
        heard("after")

    websockets = [served.connect()[0] for _ in range(100)]
    for websocket in websockets:
        websocket.send('42["slow"]')

    assert [heard.next() for _ in websockets] == [("before",)] * 100
    gate.open()
    assert [heard.next() for _ in websockets] == [("after",)] * 100


def test_what_a_handler_emits_leaves_before_it_blocks(served: Served) -> None:
    # Collecting writes never delays them.
    gate = Gate()
    websocket, socket = served.connect()

    @socket.on("x")
    def handler() -> None:
        socket.emit("one")
        socket.emit("two")
        gate.stop()

    send_at_once(websocket, '42["x"]', '42["x"]', '42["x"]')

    assert websocket.receive_event() == ["one"]
    assert websocket.receive_event() == ["two"]
    gate.open()


def test_a_blocked_handler_does_not_hold_what_others_of_the_read_emit(
    served: Served,
) -> None:
    gate = Gate()
    served.io.of("/chat")
    websocket, socket = served.connect()
    chat = served.also(websocket, "/chat")
    socket.on("slow", gate.stop)
    chat.on("quick", lambda: "done")

    send_at_once(websocket, '42["slow"]', '42/chat,1["quick"]')

    assert websocket.receive() == '43/chat,1["done"]'
    gate.open()


def test_once_a_handler_has_computed_what_is_emitted_leaves_at_once(
    serve: Serve,
) -> None:
    # Writes are collected only while all handlers are quick.
    clock = Stopwatch()
    served = serve(clock=clock)
    websocket, socket = served.connect()
    left: list[bool] = []

    @socket.on("x")
    def handler() -> None:
        socket.emit("a")
        client = websocket.wire.socket.fileno()
        left.append(bool(select([client], [], [], 0)[0]))
        clock.spent += 0.01

    for _ in range(2):
        websocket.send('42["x"]')
        assert websocket.receive_event() == ["a"]

    assert left == [False, True]


def test_pings_are_answered_while_a_handler_blocks(
    serve: Serve, clock: FakeClock
) -> None:
    # Reading is never done by the greenlet that runs user code.
    gate = Gate()
    served = serve(clock=clock)
    websocket, socket = served.connect()
    socket.on("slow", gate.stop)
    websocket.send('42["slow"]')
    gate.wait_reached()

    for _ in range(3):
        clock.advance(25)
        assert websocket.receive() == "2"
        websocket.send("3")
        clock.settle()

    assert socket.connected
    gate.open()


def test_a_handler_may_wait_for_another_client(served: Served) -> None:
    websocket, socket = served.connect()
    other_websocket, other = served.connect()
    socket.on("ask", lambda: other.emit_with_ack("question"))

    websocket.send('421["ask"]')
    assert other_websocket.receive() == '420["question"]'
    other_websocket.send('430["answer"]')

    assert websocket.receive() == '431["answer"]'


def test_two_handlers_may_wait_for_each_others_clients(served: Served) -> None:
    one_websocket, one = served.connect()
    two_websocket, two = served.connect()
    one.on("ask", lambda: two.emit_with_ack("q1"))
    two.on("ask", lambda: one.emit_with_ack("q2"))
    one_websocket.send('421["ask"]')
    assert two_websocket.receive() == '420["q1"]'
    two_websocket.send('422["ask"]')
    assert one_websocket.receive() == '421["q2"]'

    one_websocket.send("431[2]")
    two_websocket.send("430[1]")

    assert one_websocket.receive() == "431[1]"
    assert two_websocket.receive() == "432[2]"


# ------------------------------------------------------------------ concurrent=True


def test_a_concurrent_listener_runs_beside_the_others(served: Served) -> None:
    # concurrent=True runs it in a worker of its own.
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("slow", concurrent=True)
    def slow(number: int) -> None:
        heard("before", number)
        gate.stop()
        heard("after", number)

    socket.on("quick", lambda: heard("quick"))
    send_at_once(websocket, '42["slow",1]', '42["quick"]', '42["slow",2]')

    first_three = {heard.next() for _ in range(3)}
    assert first_three == {("before", 1), ("quick",), ("before", 2)}
    gate.open()
    assert {heard.next(), heard.next()} == {("after", 1), ("after", 2)}


def test_a_concurrent_listener_acknowledges(served: Served) -> None:
    gate = Gate()
    websocket, socket = served.connect()

    @socket.on("x", concurrent=True)
    def handler(number: int) -> int:
        if number == 0:
            gate.stop()
        return number

    for number in range(3):
        websocket.send(f'42{number}["x",{number}]')

    assert websocket.receive() == "431[1]"
    assert websocket.receive() == "432[2]"
    gate.open()
    assert websocket.receive() == "430[0]"


def test_a_concurrent_listener_that_fails_is_reported(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    errors = Heard()
    websocket, socket = served.connect()
    socket.on("error", errors)
    socket.on("x", lambda: 1 / 0, concurrent=True)

    websocket.send('42["x"]')

    assert isinstance(errors.next()[0], ZeroDivisionError)
    assert "ZeroDivisionError" in caplog.text


def test_disconnect_handlers_do_not_wait_for_concurrent_ones(served: Served) -> None:
    gate, gone = Gate(), Heard()
    websocket, socket = served.connect()
    socket.on("slow", gate.stop, concurrent=True)
    socket.on("disconnect", gone)
    websocket.send('42["slow"]')
    gate.wait_reached()

    websocket.close()

    assert gone.next() == ("transport close", None)
    gate.open()


# ------------------------------------------------------------------ contexts


def test_nothing_is_carried_over_from_job_to_job(served: Served) -> None:
    # Each job runs in a fresh contextvars.Context.
    variable: ContextVar[str] = ContextVar("variable", default="fresh")
    heard = Heard()
    websocket, socket = served.connect()

    @socket.on("x")
    def handler() -> None:
        heard(variable.get())
        variable.set("stale")

    @socket.on("y", concurrent=True)
    def concurrent() -> None:
        heard(variable.get())
        variable.set("stale")

    variable.set("the test's")
    for name in "xyxy":
        websocket.send(f'42["{name}"]')

    assert [heard.next() for _ in range(4)] == [("fresh",)] * 4


# ------------------------------------------------------------------ tasks


def test_spawn_runs_beside_the_handlers(served: Served) -> None:
    websocket, socket = served.connect()

    def add(a: int, *, b: int) -> int:
        socket.emit("sum", a + b)
        return a + b

    task = served.io.spawn(add, 1, b=2)

    assert task.wait(2) == 3
    assert websocket.receive_event() == ["sum", 3]


def test_sleep_lets_time_pass(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    task = gevent.spawn(served.io.sleep, 5)

    clock.advance(4.9)
    assert not task.ready()

    clock.advance(0.1)
    assert task.ready()


def test_every_runs_again_and_again(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock, ping_interval=1000.0)
    heard = Heard()
    assert served.io.every(10)(heard) is heard
    served.connect()

    clock.advance(9.9)
    assert heard.calls == []
    clock.advance(20.1)
    assert heard.calls == [(), (), ()]


def test_every_survives_a_run_that_fails(
    serve: Serve, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(clock=clock, ping_interval=1000.0)
    heard = Heard()

    @served.io.every(10)
    def failing() -> None:
        heard()
        raise ValueError("once more")

    served.connect()
    clock.advance(20)

    assert len(heard.calls) == 2
    assert "once more" in caplog.text


def test_every_that_was_there_before_the_start_runs_too(
    serve: Serve, clock: FakeClock
) -> None:
    io: sockio.Server[Any] = sockio.Server(clock=clock, ping_interval=1000.0)
    heard = Heard()
    io.every(10)(heard)
    served = serve(io)
    clock.advance(20)
    assert heard.calls == []  # nothing starts before the first request

    served.connect()
    clock.advance(10)

    assert heard.calls == [()]


def test_a_pong_that_came_while_a_handler_computed_counts(serve: Serve) -> None:
    # The pong arrives in time, but nobody reads it before its deadline.
    clock = Stopwatch()
    served = serve(clock=clock)
    websocket, socket = served.connect()

    @socket.on("compute")
    def handler() -> str:
        clock.spent += 30
        return "done"

    clock.advance(25)
    assert websocket.receive() == "2"
    websocket.send('420["compute"]')
    assert websocket.receive() == '430["done"]'
    clock.advance(20)

    assert socket.connected
    websocket.send("3")
    clock.advance(24)
    assert socket.connected
