"""How much may wait for a client that reads slowly."""

from __future__ import annotations

from typing import Any

import pytest

import sockio
from tests.support.engine import RunningEngine

from .conftest import StartEngine

MEGABYTE = 1 << 20
#: More than the kernel keeps for one connection.
LARGE = 8 * MEGABYTE


def check_full(engine: RunningEngine, limit: int) -> None:
    ((reason, description),) = engine.closes
    assert reason == "transport error"
    assert isinstance(description, sockio.BufferFull)
    assert str(limit) in str(description)
    assert engine.engine.clients_count == 0


# By default 16 MiB may wait
def test_a_polling_client_that_does_not_poll_is_closed(engine: RunningEngine) -> None:
    session = engine.raw.open_session()
    conn = engine.session

    for _ in range(17):  # one more: the oldest is never counted
        conn.send("x" * MEGABYTE)
    assert conn.buffered_amount == 17 * MEGABYTE
    assert engine.closes == []
    conn.send("x")

    check_full(engine, 16 * MEGABYTE)
    assert conn.buffered_amount == 0
    assert session.poll().status == 400


def test_a_websocket_client_that_does_not_read_is_closed(
    engine: RunningEngine,
) -> None:
    websocket, _ = engine.raw.open_websocket_session()
    conn = engine.session
    sent = 0

    while conn.ready_state == "open":
        conn.send(bytes(MEGABYTE))
        sent += MEGABYTE
        assert sent < 64 * MEGABYTE

    check_full(engine, 16 * MEGABYTE)
    assert sent > 16 * MEGABYTE
    websocket.cut()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_one_large_packet_is_never_refused(
    start_engine: StartEngine, transport: str
) -> None:
    engine = start_engine(buffer=sockio.BufferPolicy(high=1000, low=100))
    if transport == "polling":
        session = engine.raw.open_session()
        engine.session.send("x" * LARGE)
        assert len(session.poll().text) == LARGE + 1
    else:
        websocket, _ = engine.raw.open_websocket_session()
        engine.session.send("x" * LARGE)
        assert len(websocket.receive()) == LARGE + 1

    assert engine.closes == []


def test_the_limit_is_an_option(start_engine: StartEngine) -> None:
    engine = start_engine(buffer=sockio.BufferPolicy(high=1000, low=0))
    engine.raw.open_session()
    conn = engine.session

    conn.send("first").send("x" * 1000)
    assert engine.closes == []
    conn.send("y")

    check_full(engine, 1000)


# None is no limit, as in Node
def test_without_a_policy_there_is_no_limit(start_engine: StartEngine) -> None:
    engine = start_engine(buffer=None)
    session = engine.raw.open_session()

    for _ in range(20):
        engine.session.send("x" * MEGABYTE)

    assert engine.session.buffered_amount == 20 * MEGABYTE
    assert len(session.poll().text) == 20 * MEGABYTE + 20 + 19


# What was read does not count any more
def test_a_client_that_reads_in_between_stays(start_engine: StartEngine) -> None:
    engine = start_engine(buffer=sockio.BufferPolicy(high=1000, low=0))
    session = engine.raw.open_session()

    for _ in range(20):
        engine.session.send("a").send("x" * 1000)
        assert len(session.poll().text) == 1004

    assert engine.closes == []


def test_the_close_listener_is_told_what_is_wrong(start_engine: StartEngine) -> None:
    engine = start_engine(buffer=sockio.BufferPolicy(high=10, low=0))
    engine.raw.open_session()
    seen: list[tuple[str, Any]] = []
    engine.session.on("close", lambda *args: seen.append(args))

    engine.session.send("a").send("x" * 11)
    engine.clock.settle()

    ((reason, description),) = seen
    assert reason == "transport error"
    assert isinstance(description, sockio.BufferFull)


# Only the last ping of a peer that does not read is answered
def test_pings_of_a_peer_that_does_not_read_pile_up_nothing(
    engine: RunningEngine,
) -> None:
    websocket, _ = engine.raw.open_websocket_session()
    engine.session.send("x" * LARGE)
    engine.clock.settle()
    waiting = engine.session.buffered_amount

    for number in range(1000):
        websocket.ping(str(number).encode())
    engine.clock.settle()

    assert engine.session.buffered_amount == waiting
    websocket.receive()
    engine.clock.settle()
    engine.session.send("after")
    assert websocket.receive() == "4after"
    assert [control.payload for control in websocket.controls] == [b"999"]
