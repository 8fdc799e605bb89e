"""Volatile events: dropped where they could not leave at that instant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.errors import AckTimeout
from sockio.testing import FakeClock
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Served

from .conftest import Serve


def run(served: Served, socket: Any, *steps: str) -> None:
    """Emit events in one uninterrupted run; "v" means volatile."""
    for step in steps:
        target = socket.volatile if step.startswith("v") else socket
        target.emit(step)


def names(websocket: RawWebSocket, socket: Any) -> list[str]:
    """Return the names of the events that came."""
    gevent.idle()
    socket.emit("end")
    received = []
    while (name := websocket.receive_event()[0]) != "end":
        received.append(name)
    return received


@pytest.mark.parametrize(
    ("steps", "received"),
    [
        (["v1"], ["v1"]),
        (["r1", "v1"], ["r1"]),
        (["v1", "v2"], ["v1"]),
        (["v1", "v2", "r1"], ["v1", "r1"]),
        (["v1", "r1", "v2"], ["v1", "r1"]),
        (["r1", "v1", "r2"], ["r1", "r2"]),
    ],
)
def test_one_uninterrupted_run(
    served: Served, steps: list[str], received: list[str]
) -> None:
    websocket, socket = served.connect()
    gevent.idle()

    run(served, socket, *steps)

    assert names(websocket, socket) == received


def test_after_a_pass_of_the_loop_it_is_sent(served: Served) -> None:
    # The transport is not writable until the next pass of the loop.
    websocket, socket = served.connect()

    for number in range(3):
        gevent.idle()
        socket.volatile.emit(f"v{number}")

    assert names(websocket, socket) == ["v0", "v1", "v2"]


def test_the_first_volatile_event_of_a_handler_is_sent(served: Served) -> None:
    websocket, socket = served.connect()

    @socket.on("x")
    def handler() -> None:
        socket.volatile.emit("v1")
        socket.volatile.emit("v2")

    gevent.idle()
    websocket.send('42["x"]')

    assert websocket.receive_event() == ["v1"]
    assert names(websocket, socket) == []


def test_all_attachments_are_dropped(served: Served) -> None:
    websocket, socket = served.connect()
    gevent.idle()

    socket.emit("first")
    socket.volatile.emit("second", b"1", b"2")
    socket.emit("third")

    assert names(websocket, socket) == ["first", "third"]


def test_all_attachments_are_sent(served: Served) -> None:
    websocket, socket = served.connect()
    gevent.idle()

    socket.volatile.emit("first", b"1", b"2")

    assert str(websocket.receive()).startswith("452-")
    assert [websocket.receive(), websocket.receive()] == [b"1", b"2"]


def test_a_client_that_does_not_read_gets_no_volatile_events(served: Served) -> None:
    websocket, socket = served.connect()
    gevent.idle()
    while socket.conn.writable:
        socket.emit("fill", "x" * 1_000_000)
        gevent.idle()

    socket.volatile.emit("lost")
    socket.emit("kept")

    while (event := websocket.receive_event())[0] == "fill":
        pass
    assert event == ["kept"]


def test_polling_needs_a_waiting_poll(served: Served) -> None:
    session, socket = served.poll()

    socket.volatile.emit("lost")
    socket.emit("kept")

    assert session.poll().packets == ['42["kept"]']


@pytest.mark.parametrize(
    ("steps", "packets"),
    [(["v1"], ["v1"]), (["v1", "v2"], ["v1"]), (["r1", "v1", "r2"], ["r1", "r2"])],
)
def test_a_waiting_poll_takes_one(
    serve: Serve, clock: FakeClock, steps: list[str], packets: list[str]
) -> None:
    served = serve(clock=clock)
    session, socket = served.poll()
    poll = session.start_poll()
    clock.settle()

    run(served, socket, *steps)

    assert poll.receive().packets == [f'42["{name}"]' for name in packets]


@pytest.mark.parametrize(
    "target",
    [
        lambda served, socket: served.io.volatile,
        lambda served, socket: served.io.to(socket.id).volatile,
        lambda served, socket: served.io.volatile.local,
        lambda served, socket: served.newest().broadcast.volatile,
    ],
)
def test_broadcasts_are_volatile_too(
    served: Served, target: Callable[[Served, Any], Any]
) -> None:
    websocket, socket = served.connect()
    served.connect()
    gevent.idle()

    target(served, socket).emit("v1")
    target(served, socket).emit("v2")

    assert names(websocket, socket) == ["v1"]


def test_a_broadcast_drops_it_only_for_who_cannot_take_it(served: Served) -> None:
    busy_websocket, busy = served.connect()
    websocket, socket = served.connect()
    gevent.idle()

    busy.emit("r1")
    served.io.volatile.emit("v1")

    assert names(busy_websocket, busy) == ["r1"]
    assert names(websocket, socket) == ["v1"]


def test_an_answer_to_what_was_dropped_never_comes(
    serve: Serve, clock: FakeClock
) -> None:
    # The client is still counted as addressed, so the ack then times out.
    served = serve(clock=clock)
    _, socket = served.connect()
    gevent.idle()

    def ask() -> Any:
        socket.emit("r1")
        try:
            return served.io.volatile.timeout(5).emit_with_ack("q")
        except AckTimeout as exc:
            return exc.missing

    asked = gevent.spawn(ask)
    clock.settle()
    clock.advance(5)

    assert asked.get(timeout=30) == 1
