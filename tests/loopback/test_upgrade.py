"""From polling to a WebSocket: the probe, the move, and every way to fail."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import RunningEngine
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import NO_CODE, RawWebSocket, Refused

from .conftest import StartEngine


@pytest.fixture
def session(engine: RunningEngine) -> PollingSession:
    return engine.raw.open_session()


def probe(session: PollingSession) -> RawWebSocket:
    websocket = session.websocket()
    websocket.send("2probe")
    assert websocket.receive() == "3probe"
    return websocket


def check_polling_lives(engine: RunningEngine, session: PollingSession) -> None:
    engine.session.send("down")

    assert session.post("4up").status == 200
    assert engine.messages[-1] == "up"
    assert session.poll().text == "4down"
    assert (engine.session.upgrading, engine.session.upgraded) == (False, False)


# ------------------------------------------------------------------ the way


def test_a_session_moves_to_a_websocket(
    engine: RunningEngine, session: PollingSession
) -> None:
    websocket = probe(session)
    assert engine.session.upgrading

    websocket.send("5")
    websocket.send("4hello")
    engine.session.send("hi")

    assert engine.messages == ["hello"]
    assert websocket.receive() == "4hi"
    assert (engine.session.upgrading, engine.session.upgraded) == (False, True)
    assert engine.session.transport.name == "websocket"
    assert engine.session.id == session.sid
    assert engine.engine.clients_count == 1


def test_an_upgrade_is_told_with_its_transport(
    engine: RunningEngine, session: PollingSession
) -> None:
    told: list[tuple[str, Any]] = []
    conn = engine.session
    conn.on("upgrading", lambda transport: told.append(("upgrading", transport)))
    conn.on("upgrade", lambda transport: told.append(("upgrade", transport)))

    session.upgrade()
    engine.clock.settle()

    transport = conn.transport
    assert told == [("upgrading", transport), ("upgrade", transport)]


# Within 100 ms, but not at once
def test_a_waiting_poll_is_released_with_a_noop(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    probe(session)
    engine.clock.settle()
    assert engine.session.transport.writable

    engine.clock.advance(0.1)

    assert poll.receive().text == "6"
    assert not engine.session.transport.writable


def test_each_poll_during_the_probe_is_released(
    engine: RunningEngine, session: PollingSession
) -> None:
    probe(session)

    for _ in range(3):
        poll = session.start_poll()
        engine.clock.advance(0.1)
        assert poll.receive().text == "6"


def test_until_the_move_polling_carries_everything(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    websocket = probe(session)

    engine.session.send("during the probe")
    session.post("4as well")

    assert poll.receive().text == "4during the probe"
    assert engine.messages == ["as well"]
    engine.clock.settle()
    assert websocket.waiting == []


# Order is kept
def test_what_waits_at_the_move_follows_on_the_websocket(
    engine: RunningEngine, session: PollingSession
) -> None:
    websocket = probe(session)
    for number in range(10):
        engine.session.send(str(number))

    websocket.send("5")
    engine.clock.settle()
    engine.session.send("10")

    assert [websocket.receive() for _ in range(11)] == [f"4{n}" for n in range(11)]


def test_a_poll_that_still_waits_at_the_move_is_ended(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    engine.clock.settle()

    session.upgrade()

    assert poll.receive().text == "1"
    assert engine.closes == []


def test_after_the_move_polling_is_refused(
    engine: RunningEngine, session: PollingSession
) -> None:
    websocket = session.upgrade()
    engine.clock.settle()

    assert session.poll().status == 400
    assert session.post("4late").status == 400

    assert [info.context["name"] for info in engine.refusals] == [
        "TRANSPORT_MISMATCH"
    ] * 2
    websocket.send("4still here")
    assert engine.messages == ["still here"]


# The probe is optional, as in Node
def test_a_client_may_move_without_a_probe(
    engine: RunningEngine, session: PollingSession
) -> None:
    websocket = session.websocket()

    websocket.send("5")
    websocket.send("4hello")

    assert engine.messages == ["hello"]
    assert engine.session.upgraded


# ------------------------------------------------------------------ too late


def test_an_upgrade_of_nobody_is_refused(engine: RunningEngine) -> None:
    with pytest.raises(Refused) as refused:
        engine.raw.websocket(sid="nobody")

    assert refused.value.answer.status == 400
    assert refused.value.answer.text == "Session ID unknown"


def test_a_second_upgrade_at_once_is_accepted_and_closed(
    engine: RunningEngine, session: PollingSession
) -> None:
    first = probe(session)

    second = session.websocket()

    assert second.wait_closed().code == NO_CODE
    first.send("5")
    first.send("4hello")
    assert engine.messages == ["hello"]


def test_an_upgrade_after_the_move_is_accepted_and_closed(
    engine: RunningEngine, session: PollingSession
) -> None:
    websocket = session.upgrade()
    engine.clock.settle()

    assert session.websocket().wait_closed().code == NO_CODE

    websocket.send("4still here")
    assert engine.messages == ["still here"]


# ------------------------------------------------------------------ failing


# Any packet but a probe and an upgrade ends the trial
@pytest.mark.parametrize("packet", ["2", "2tobi", "3probe", "4hello", "1", "6", b"x"])
@pytest.mark.parametrize("probed", [False, True])
def test_any_other_packet_closes_the_new_transport_only(
    engine: RunningEngine, session: PollingSession, packet: str | bytes, probed: bool
) -> None:
    websocket = probe(session) if probed else session.websocket()

    websocket.send(packet)

    assert websocket.wait_closed().code == NO_CODE
    check_polling_lives(engine, session)


# So does a malformed packet or frame
@pytest.mark.parametrize(
    "send",
    [
        lambda websocket: websocket.send("x"),
        lambda websocket: websocket.send_frame("2probe", masked=False),
        lambda websocket: websocket.close(),
        lambda websocket: websocket.cut(),
        lambda websocket: websocket.wire.reset(),
    ],
    ids=["bad packet", "bad frame", "close", "cut", "reset"],
)
def test_a_new_transport_that_breaks_changes_nothing(
    engine: RunningEngine, session: PollingSession, send: Any
) -> None:
    websocket = probe(session)

    send(websocket)

    check_polling_lives(engine, session)


def test_a_client_that_takes_too_long_stays_on_polling(
    start_engine: StartEngine,
) -> None:
    engine = start_engine(upgrade_timeout=3)
    session = engine.raw.open_session()
    websocket = probe(session)

    engine.clock.advance(2.9)
    assert engine.session.upgrading
    engine.clock.advance(0.1)

    assert websocket.wait_closed().code == NO_CODE
    check_polling_lives(engine, session)


def test_an_upgrade_may_be_tried_again(
    engine: RunningEngine, session: PollingSession
) -> None:
    probe(session).cut()
    engine.clock.settle()

    websocket = session.upgrade()
    websocket.send("4hello")

    assert engine.messages == ["hello"]


@pytest.mark.parametrize("how", ["client", "server", "discard", "timeout"])
def test_a_session_that_closes_takes_the_new_transport_along(
    engine: RunningEngine, session: PollingSession, how: str
) -> None:
    websocket = probe(session)

    if how == "client":
        session.post("1")
        engine.clock.settle()
    elif how == "timeout":
        # The session ends later than the trial, so a new trial is begun.
        engine.clock.advance(40)
        websocket = probe(session)
        engine.clock.advance(5)
    else:
        engine.session.close(discard=how == "discard")
        if how == "server":
            assert session.poll().text == "6\x1e1"

    assert websocket.wait_closed().code == NO_CODE
    assert len(engine.closes) == 1
    assert engine.engine.clients_count == 0


def test_a_move_while_closing_closes_the_new_transport(
    engine: RunningEngine, session: PollingSession
) -> None:
    websocket = probe(session)
    engine.session.send("last words")
    engine.session.close()
    assert engine.closes == []

    websocket.send("5")

    assert websocket.receive() == "4last words"
    assert websocket.wait_closed().code == NO_CODE
    assert engine.closes == [("forced close", None)]


def test_a_move_while_closing_with_nothing_to_write_closes_too(
    engine: RunningEngine, session: PollingSession
) -> None:
    websocket = probe(session)
    engine.session.close()
    assert engine.closes == []

    websocket.send("5")

    assert websocket.wait_closed().code == NO_CODE
    assert engine.closes == [("forced close", None)]


# allow_upgrades=False only hides the upgrade, as in Node
def test_upgrades_that_are_not_offered_are_not_made_by_clients(
    start_engine: StartEngine,
) -> None:
    engine = start_engine(allow_upgrades=False)
    session = engine.raw.open_session()

    assert session.handshake["upgrades"] == []
    check_polling_lives(engine, session)


def test_a_session_moves_under_plain_pywsgi(start_engine: StartEngine) -> None:
    engine = start_engine(kind="pywsgi")
    session = engine.raw.open_session()
    poll = session.start_poll()

    websocket = session.websocket()
    websocket.send("2probe")
    assert websocket.receive() == "3probe"
    engine.clock.advance(0.1)
    assert poll.receive().text == "6"
    websocket.send("5")
    websocket.send("4hello")

    assert engine.messages == ["hello"]
