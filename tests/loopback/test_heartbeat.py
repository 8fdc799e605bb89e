"""Pings, pongs, and silence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import RunningEngine
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import NO_CODE, RawWebSocket
from tests.support.stopwatch import Stopwatch

from .conftest import StartEngine

TIMEOUT = ("ping timeout", None)


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def websocket(engine: RunningEngine) -> RawWebSocket:
    return engine.raw.open_websocket_session()[0]


@pytest.fixture
def session(engine: RunningEngine) -> PollingSession:
    return engine.raw.open_session()


# A ping comes ping_interval after the opening, and after each pong
def test_the_server_pings_and_the_client_answers(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    for _ in range(3):
        engine.clock.advance(24.9)
        assert websocket.waiting == []
        engine.clock.advance(0.1)
        assert websocket.receive() == "2"
        engine.clock.advance(10)
        websocket.send("3")
        engine.clock.settle()

    assert engine.closes == []


def test_the_pace_is_an_option(start_engine: StartEngine) -> None:
    engine = start_engine(ping_interval=3, ping_timeout=2)
    websocket, _ = engine.raw.open_websocket_session()

    engine.clock.advance(3)
    assert websocket.receive() == "2"
    engine.clock.advance(1.9)
    assert engine.closes == []
    engine.clock.advance(0.1)

    assert engine.closes == [TIMEOUT]


def test_a_silent_websocket_is_closed(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.clock.advance(45)

    assert engine.closes == [TIMEOUT]
    assert websocket.receive() == "2"
    assert websocket.wait_closed().code == NO_CODE


# The timer runs although no poll waits
def test_a_session_that_does_not_poll_is_closed(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.clock.advance(45)

    assert engine.closes == [TIMEOUT]
    assert session.poll().status == 400


# The poll that waits carries the ping, and then the end
def test_a_poll_carries_the_ping(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()

    engine.clock.advance(25)
    assert poll.receive().text == "2"
    session.post("3")
    engine.clock.advance(24)

    assert engine.closes == []


def test_a_poll_that_waits_at_the_end_is_told(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.clock.advance(30)
    assert session.poll().text == "2"
    poll = session.start_poll()

    engine.clock.advance(15)

    assert poll.receive().text == "1"
    assert engine.closes == [TIMEOUT]


# A poll that comes when the time is over is too late, even if no timer has fired yet
@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
@pytest.mark.parametrize("protocol", [3, 4])
def test_a_poll_that_comes_later_is_refused(
    clock: Stopwatch, start_engine: StartEngine, kind: str, protocol: int
) -> None:
    engine = start_engine(kind=kind, allow_eio3=True)
    session = engine.client(protocol=protocol).open_session()
    engine.clock.advance(44)

    clock.spent = 1
    poll = session.start_poll()
    assert engine.closes == []
    clock.spent = 0
    engine.clock.advance(1)

    assert engine.closes == [TIMEOUT]
    assert poll.receive().status == 400


# Unless a sign of life arrived with it
@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
def test_a_poll_that_comes_with_the_pong_is_answered(
    clock: Stopwatch, start_engine: StartEngine, kind: str
) -> None:
    engine = start_engine(kind=kind)
    session = engine.raw.open_session()
    engine.clock.advance(44)

    clock.spent = 1
    poll = session.start_poll()
    engine.clock.settle()
    session.post("3")
    clock.spent = 0
    engine.clock.advance(1)

    assert poll.receive().text == "2"
    assert engine.closes == []


# The first other packet extends the wait, once
@pytest.mark.parametrize("packet", ["4busy", "6", b"busy"])
def test_other_traffic_extends_the_wait_once(
    engine: RunningEngine, websocket: RawWebSocket, packet: Any
) -> None:
    engine.clock.advance(25 + 19)

    for _ in range(2):
        websocket.send(packet)
        engine.clock.advance(9)

    assert engine.closes == []
    engine.clock.advance(2)
    assert engine.closes == [TIMEOUT]


# The next wait may be extended again
def test_each_wait_may_be_extended_once(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    for _ in range(3):
        engine.clock.advance(25 + 15)
        websocket.send("4busy")
        engine.clock.advance(15)
        websocket.send("3")
        engine.clock.settle()

    assert engine.closes == []


def test_a_pong_is_a_heartbeat(engine: RunningEngine, websocket: RawWebSocket) -> None:
    beats: list[float] = []
    engine.session.on("heartbeat", lambda: beats.append(engine.clock.now()))

    engine.clock.advance(25)
    websocket.send("3")
    engine.clock.advance(25)
    websocket.send("3")
    engine.clock.settle()

    assert beats == [25, 50]


def test_an_unsolicited_pong_is_ignored(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.clock.advance(20)
    websocket.send("3")

    engine.clock.advance(5)

    assert websocket.receive() == "2"


# A client's ping is answered with its data, and is a sign of life (Node closes)
@pytest.mark.parametrize("data", ["", "probe", "é😀"])
def test_a_client_that_pings_is_answered(
    engine: RunningEngine, websocket: RawWebSocket, data: str
) -> None:
    for _ in range(3):
        engine.clock.advance(25)
        assert websocket.receive() == "2"
        engine.clock.advance(19)
        websocket.send("2" + data)
        assert websocket.receive() == "3" + data

    assert engine.closes == []
    engine.clock.advance(45)
    assert engine.closes == [TIMEOUT]


# The same, by polling
def test_a_polling_client_that_pings_is_answered(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    engine.clock.settle()

    assert session.post("2x\x1e4next").text == "ok"

    assert poll.receive().text == "3x"
    assert engine.messages == ["next"]
    assert engine.closes == []


# A client that pings and does not poll gets one answer
def test_answers_to_pings_are_not_collected(
    engine: RunningEngine, session: PollingSession
) -> None:
    for start in range(0, 300, 100):
        session.post("\x1e".join(f"2{start + n}" for n in range(100)))

    assert session.poll().text == "3299"


# The upgrade stops the wait for the pong, and starts the next one (Node does not)
def test_a_pong_lost_in_an_upgrade_is_not_missed_for_ever(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.clock.advance(25)
    assert session.poll().text == "2"
    engine.clock.advance(19)

    websocket = session.upgrade()
    engine.clock.advance(24.9)
    assert engine.closes == []
    engine.clock.advance(0.1)

    assert websocket.receive() == "2"


# A ping that no poll took leaves on the WebSocket
def test_a_ping_that_waited_leaves_after_the_upgrade(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.clock.advance(25)

    websocket = session.upgrade()

    assert websocket.receive() == "2"
    websocket.send("3")
    engine.clock.settle()
    assert engine.closes == []


# An idle session costs one timer
def test_sessions_share_the_timers_of_the_clock(engine: RunningEngine) -> None:
    for _ in range(5):
        engine.raw.open_websocket_session()
    assert engine.clock.armed == 1

    engine.clock.advance(30)

    assert engine.clock.armed == 1


def test_they_share_them_after_a_standstill_too(
    clock: Stopwatch, engine: RunningEngine
) -> None:
    # For each of them the deadline is late by a different time.
    for _ in range(5):
        engine.raw.open_websocket_session()
        clock.advance(0.25)
    clock.advance(25)

    clock.spent += 60
    clock.advance(19)

    assert clock.armed == 1
    assert engine.closes == []
