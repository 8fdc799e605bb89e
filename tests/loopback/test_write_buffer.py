"""The write buffer: what waits, when it leaves, and when a packet may be dropped."""

from __future__ import annotations

from typing import Any

import pytest

from sockio.protocol.engineio.packet import Packet, PacketType
from tests.support.engine import RunningEngine
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import RawWebSocket

#: More than the kernel keeps for one connection.
LARGE = 8 << 20


def message(text: str) -> Packet:
    return Packet(PacketType.MESSAGE, text)


@pytest.fixture
def session(engine: RunningEngine) -> PollingSession:
    return engine.raw.open_session()


@pytest.fixture
def websocket(engine: RunningEngine) -> RawWebSocket:
    websocket = engine.raw.open_websocket_session()[0]
    engine.clock.settle()
    return websocket


# ------------------------------------------------------------------ what waits


# Buffered until a GET is pending
def test_packets_wait_for_a_poll(
    engine: RunningEngine, session: PollingSession
) -> None:
    conn = engine.session
    conn.send("a").send("b")
    assert list(conn.write_buffer) == [message("a"), message("b")]
    assert conn.buffered_amount == 2

    session.poll()

    assert list(conn.write_buffer) == []
    assert conn.buffered_amount == 0


# Handed over at once while the WebSocket takes it
def test_packets_do_not_wait_for_a_websocket(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.session.send("a")

    assert list(engine.session.write_buffer) == []
    assert websocket.receive() == "4a"


# Behind what the kernel has not taken
def test_packets_wait_behind_one_that_is_being_written(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    conn = engine.session

    conn.send("x" * LARGE).send("a").send("b")

    assert list(conn.write_buffer) == [message("a"), message("b")]
    assert LARGE > conn.buffered_amount > 2
    assert len(websocket.receive()) == LARGE + 1
    assert [websocket.receive() for _ in range(2)] == ["4a", "4b"]
    engine.clock.settle()
    assert conn.buffered_amount == 0


# Order survives any mixture of sizes
def test_order_survives_a_slow_reader(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    sizes = [1, 3 << 20, 10, 100_000, 4 << 20, 0, 70_000, 5]

    for number, size in enumerate(sizes):
        engine.session.send(f"{number}:" + "x" * size)

    received = [websocket.receive() for _ in sizes]
    assert received == [f"4{n}:" + "x" * size for n, size in enumerate(sizes)]


# Still readable inside the close listener, emptied right after
@pytest.mark.parametrize("how", ["lost", "discarded", "timed out"])
def test_the_close_listener_sees_what_was_not_written(
    engine: RunningEngine, session: PollingSession, how: str
) -> None:
    conn = engine.session
    seen: list[list[Packet]] = []
    conn.on("close", lambda: seen.append(list(conn.write_buffer)))
    conn.send("unwritten")

    if how == "lost":
        session.post("x")
    elif how == "discarded":
        conn.close(discard=True)
    else:
        engine.clock.advance(45)
    engine.clock.settle()

    assert seen[0][0] == message("unwritten")
    assert list(conn.write_buffer) == []


# Also while an earlier listener is still running
def test_the_close_listener_sees_it_even_when_it_runs_late(
    engine: RunningEngine, session: PollingSession
) -> None:
    conn = engine.session
    gate = engine.engine.reactor.latch()
    seen: list[list[Packet]] = []
    conn.on("message", lambda: gate.wait())
    conn.on("close", lambda: seen.append(list(conn.write_buffer)))
    conn.send("unwritten")
    session.post("4busy\x1ex")
    engine.clock.settle()
    assert seen == []

    gate.set(None)
    engine.clock.settle()

    assert seen == [[message("unwritten")]]
    assert list(conn.write_buffer) == []


# A packet sent while a poll is being answered goes with the next one
def test_a_packet_after_the_answer_goes_with_the_next_poll(
    engine: RunningEngine, session: PollingSession
) -> None:
    conn = engine.session
    conn.on("drain", lambda: conn.send("next") if not sent else None)
    sent: list[Any] = []
    conn.send("first")

    assert session.poll().text == "4first"
    engine.clock.settle()
    sent.append(True)

    assert session.poll().text == "4next"


# ------------------------------------------------------------------ writable


# Polling is writable only while a GET is pending, for one flush
def test_polling_is_writable_for_one_packet_of_a_poll(
    engine: RunningEngine, session: PollingSession
) -> None:
    conn = engine.session
    assert not conn.writable

    poll = session.start_poll()
    engine.clock.settle()
    assert conn.writable
    conn.send("a")
    assert not conn.writable

    assert poll.receive().text == "4a"
    assert not conn.writable


# A WebSocket is not writable until the next pass of the loop
def test_a_websocket_is_writable_for_one_packet_of_a_pass(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    conn = engine.session
    assert conn.writable

    conn.send("a")
    assert not conn.writable

    engine.clock.settle()
    assert conn.writable


# Nor while the kernel has not taken everything
def test_a_websocket_that_is_not_read_is_not_writable(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    conn = engine.session
    conn.send("x" * LARGE)

    engine.clock.settle()
    assert not conn.writable
    websocket.receive()

    engine.clock.settle()
    assert conn.writable


# Nothing is writable once it is closing
def test_a_session_that_closes_is_not_writable(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.session.close()

    assert not engine.session.writable
