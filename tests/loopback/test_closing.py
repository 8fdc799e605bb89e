"""Closing a session: who learns what, in which order, and how long it takes."""

from __future__ import annotations

from typing import Any

import pytest

from sockio.protocol.engineio.packet import Packet, PacketType
from tests.support.engine import RunningEngine
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import NO_CODE, RawWebSocket

from .conftest import StartEngine

FORCED = ("forced close", None)
#: More than the kernel keeps for one connection.
LARGE = 8 << 20


@pytest.fixture
def websocket(engine: RunningEngine) -> RawWebSocket:
    return engine.raw.open_websocket_session()[0]


@pytest.fixture
def session(engine: RunningEngine) -> PollingSession:
    return engine.raw.open_session()


# ------------------------------------------------------------------ conn.close()


def test_a_websocket_is_closed_at_once(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    conn = engine.session

    conn.close()

    assert conn.ready_state == "closed"
    assert engine.closes == [FORCED]
    assert websocket.wait_closed().code == NO_CODE


def test_what_was_sent_before_the_close_arrives(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.session.send("a").send("x" * LARGE).send("b")
    engine.session.close()
    assert engine.session.ready_state == "closing"

    assert websocket.receive() == "4a"
    assert websocket.receive() == "4" + "x" * LARGE
    assert websocket.receive() == "4b"
    assert websocket.wait_closed().code == NO_CODE
    assert engine.closes == [FORCED]


@pytest.mark.parametrize("state", ["closing", "closed"])
def test_nothing_is_sent_after_the_close(
    engine: RunningEngine, websocket: RawWebSocket, state: str
) -> None:
    conn = engine.session
    if state == "closing":
        conn.send("x" * LARGE).send("more")
    conn.close()
    assert conn.ready_state == state

    conn.send("late")
    websocket.wait_closed()

    assert "4late" not in websocket.waiting


def test_nothing_arrives_after_the_close(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.session.send("x" * LARGE).send("more")
    engine.session.close()

    websocket.send("4late")
    websocket.send("2")

    assert engine.messages == []
    assert engine.closes == []
    websocket.wait_closed()


def test_a_discarded_websocket_waits_for_nothing(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    conn = engine.session
    conn.send("x" * LARGE).send("lost")

    conn.close(discard=True)

    assert conn.ready_state == "closed"
    assert engine.closes == [FORCED]
    websocket.wait_closed()
    assert "4lost" not in websocket.waiting


def test_a_waiting_poll_is_answered_with_the_close(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    engine.clock.settle()

    engine.session.close()

    assert poll.receive().text == "1"
    assert engine.closes == [FORCED]
    assert session.poll().status == 400


# The next GET gets 6, then 1
def test_without_a_poll_the_next_one_is_told(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.session.close()
    assert engine.closes == []
    assert engine.engine.clients_count == 1

    assert session.poll().text == "6\x1e1"

    assert engine.closes == [FORCED]
    assert session.poll().status == 400


def test_what_waits_leaves_before_the_close(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.session.send("last words")
    engine.session.close()

    assert session.poll().text == "4last words"
    assert engine.closes == []
    assert session.poll().text == "6\x1e1"
    assert engine.closes == [FORCED]


# After 30 s
def test_without_any_poll_the_close_is_completed_after_a_while(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.session.close()

    engine.clock.advance(29.9)
    assert engine.closes == []
    engine.clock.advance(0.1)

    assert engine.closes == [FORCED]
    assert session.poll().status == 400


# Packets that wait for a client that never polls again do not keep the session
def test_a_closing_session_of_a_client_that_is_gone_times_out(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.session.send("nobody reads this")
    engine.session.close()

    engine.clock.advance(45)

    assert engine.closes == [("ping timeout", None)]
    assert engine.engine.clients_count == 0


# The same for a WebSocket whose peer does not read
def test_a_closing_session_of_a_client_that_does_not_read_times_out(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.session.send("x" * LARGE).send("more")
    engine.session.close()

    engine.clock.advance(45)

    assert engine.closes == [("ping timeout", None)]
    engine.clock.advance(30)
    assert engine.clock.armed == 0


@pytest.mark.parametrize("closing", [False, True])
def test_a_discarded_polling_session_is_closed_at_once(
    engine: RunningEngine, session: PollingSession, closing: bool
) -> None:
    conn = engine.session
    conn.send("lost")
    if closing:
        conn.close()

    conn.close(discard=True)

    assert engine.closes == [FORCED]
    assert session.poll().status == 400
    assert engine.clock.armed == 0


@pytest.mark.parametrize("discard", [False, True])
def test_an_unfinished_post_is_cut(
    engine: RunningEngine, session: PollingSession, discard: bool
) -> None:
    post = engine.raw.http()
    post.wire.send(
        f"POST {session.target()} HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 10\r\n\r\n4a".encode()
    )
    engine.clock.settle()

    engine.session.close(discard)

    with pytest.raises(ConnectionError):
        post.receive()
    assert engine.messages == []
    engine.session.close(discard=True)


# An orderly close still takes posts that carry nothing but pongs
def test_a_post_while_closing_is_answered_and_ignored(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.session.close()

    assert session.post("4late").status == 200

    assert engine.messages == []
    assert session.poll().text == "6\x1e1"


@pytest.mark.parametrize("discard", [False, True])
def test_closing_twice_is_closing_once(
    engine: RunningEngine, websocket: RawWebSocket, discard: bool
) -> None:
    engine.session.close(discard)
    engine.session.close(discard)

    assert engine.closes == [FORCED]


# ------------------------------------------------------------------ the client closes


# It posts a close packet; the GET that waits is answered with 6
def test_a_client_that_says_goodbye_gets_its_poll_back(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    engine.clock.settle()

    answer = session.post("4last\x1e1\x1e4late")

    assert (answer.status, answer.text) == (200, "ok")
    assert poll.receive().text == "6"
    assert engine.messages == ["last"]
    assert engine.closes == [("transport close", None)]


def test_both_ends_may_close(engine: RunningEngine, session: PollingSession) -> None:
    engine.session.close()

    session.post("1")

    assert len(engine.closes) == 1
    assert session.poll().status == 400
    assert engine.clock.armed == 0


# ------------------------------------------------------------------ the close event


def test_the_close_listener_sees_reason_description_and_what_was_not_written(
    engine: RunningEngine, session: PollingSession
) -> None:
    conn = engine.session
    seen: list[Any] = []

    @conn.on("close")
    def closed(reason: str, description: object) -> None:
        seen.append((reason, description, conn.ready_state, list(conn.write_buffer)))

    conn.send("unwritten")
    poll = session.start_poll()
    poll.receive()
    conn.send("really unwritten")

    session.post("x")
    engine.clock.settle()

    ((reason, description, state, waiting),) = seen
    assert (reason, state) == ("parse error", "closed")
    assert "unknown packet type" in description
    assert waiting == [Packet(PacketType.MESSAGE, "really unwritten")]
    assert conn.write_buffer == []


def test_a_closed_session_is_forgotten_before_its_listeners_run(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    counts: list[int] = []
    engine.session.on("close", lambda: counts.append(engine.engine.clients_count))

    websocket.cut()
    engine.clock.settle()

    assert counts == [0]


# ------------------------------------------------------------------ engine.close()


# A GET that waits is answered with 1
def test_closing_the_engine_closes_every_session(engine: RunningEngine) -> None:
    polling = engine.raw.open_session()
    poll = polling.start_poll()
    idle = engine.raw.open_session()
    websocket, _ = engine.raw.open_websocket_session()
    upgraded = engine.raw.open_session().upgrade()
    engine.clock.settle()

    assert engine.engine.close() is engine.engine

    assert engine.closes == [FORCED] * 4
    assert poll.receive().text == "1"
    assert idle.poll().status == 400
    assert websocket.wait_closed().code == NO_CODE
    assert upgraded.wait_closed().code == NO_CODE
    assert engine.engine.clients_count == 0


def test_an_engine_may_be_closed_twice(engine: RunningEngine) -> None:
    engine.engine.close()
    engine.engine.close()

    assert engine.closes == []


# A closed engine still serves, as in Node: there the end of the HTTP server ends it
def test_new_clients_may_come_after_a_close(engine: RunningEngine) -> None:
    engine.engine.close()

    assert engine.raw.open_session().sid


def test_a_draining_engine_refuses_new_sessions_only(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.engine.retry_after = 29.5

    refused = engine.raw.request(transport="polling")

    assert refused.status == 503
    assert refused.headers["retry-after"] == "30"
    assert session.post("4still here").status == 200
    assert engine.messages == ["still here"]


def test_closing_works_under_plain_pywsgi(start_engine: StartEngine) -> None:
    engine = start_engine(kind="pywsgi")
    poll = engine.raw.open_session().start_poll()
    websocket, _ = engine.raw.open_websocket_session()
    engine.clock.settle()

    engine.engine.close()

    assert poll.receive().text == "1"
    assert websocket.wait_closed().code == NO_CODE
