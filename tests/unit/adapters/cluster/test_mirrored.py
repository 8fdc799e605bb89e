from __future__ import annotations

from typing import Any

import pytest

import sockio
from sockio.adapters import BroadcastOptions
from sockio.adapters.cluster import mirrored as module
from sockio.adapters.cluster.mirrored import Mirrors
from sockio.adapters.cluster.numbered_log import NumberedLog
from sockio.errors import ProtocolError
from sockio.protocol.socketio.msgpack_parser import write
from sockio.testing import FakeClock

BEGIN: list[Any] = ["begin", {}, False]
CONTENT = write({"sid": "s", "rooms": ["s"], "data": None})
#: A session that has seen nothing.
SESSION: list[Any] = ["session", "p", CONTENT, None, None, True, {}, None]


class Text(str):
    """An encoded event."""

    size = property(len)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def own(clock: FakeClock) -> NumberedLog:
    return NumberedLog(clock, 10.0)


@pytest.fixture
def mirrors(clock: FakeClock, own: NumberedLog) -> Mirrors:
    nsp: Any = sockio.Server(clock=clock).sockets
    return Mirrors(nsp, 10.0, own)


def hear(own: NumberedLog, number: int, sender: str = "x") -> None:
    """Log an event here."""
    own.arrived(sender, number)
    text = Text(f"{sender}{number}")
    own.keep(own.new_offset(), text, BroadcastOptions(), sender, number)


def restored(mirrors: Mirrors, offset: str | None) -> list[str] | None:
    """Return what a client has missed whose server was killed."""
    log = mirrors.left("a")
    assert log is not None
    session = log.restore("p", offset)
    return None if session is None else [str(p.wire) for p in session.missed_packets]


def test_what_was_told_is_there_when_the_server_is_killed(
    mirrors: Mirrors, own: NumberedLog
) -> None:
    for number in (1, 2, 3):
        hear(own, number)
    events = [["event", f"o{n}~a", "x", n] for n in (1, 2, 3)]

    mirrors.take("a", [BEGIN, SESSION, *events])

    assert restored(mirrors, "o1~a") == ["x2", "x3"]


def test_an_event_is_waited_for(mirrors: Mirrors, own: NumberedLog) -> None:
    mirrors.take("a", [BEGIN, SESSION, ["event", "o1~a", "x", 1]])
    mirrors.take("a", [["event", "o2~a", "x", 2]])

    hear(own, 1)
    mirrors.go_on()
    hear(own, 2)

    assert restored(mirrors, "o1~a") == ["x2"]


def test_what_others_have_sent_before_is_known(mirrors: Mirrors) -> None:
    news = [["met", "y", 2], ["told", {"z": 3}], ["left", "y"], ["met", "y", 4]]
    mirrors.take("a", [["begin", {"x": 1}, False], *news, SESSION])

    log = mirrors.left("a")

    assert log is not None
    assert log.vector() == {"x": 1, "y": 4, "z": 3}


def test_who_has_got_what_did_not_arrive_is_not_recovered(
    mirrors: Mirrors, own: NumberedLog
) -> None:
    hear(own, 1)
    mirrors.take("a", [BEGIN, ["event", "o1~a", "x", 1], ["event", "o2~a", "x", 2]])
    mirrors.take("a", [SESSION])

    assert restored(mirrors, "o2~a") is None


def test_what_was_dropped_here_cannot_be_recovered(
    mirrors: Mirrors, own: NumberedLog, clock: FakeClock
) -> None:
    hear(own, 1)
    clock.advance(11)
    mirrors.take("a", [BEGIN, SESSION, ["event", "o1~a", "x", 1]])

    assert restored(mirrors, None) is None


def test_nobody_waits_for_the_events_of_a_server_that_has_gone(
    mirrors: Mirrors, own: NumberedLog
) -> None:
    own.met("x", 0)
    mirrors.take("a", [BEGIN, ["event", "o1~a", "x", 1], SESSION])

    own.left("x")
    mirrors.go_on()

    log = mirrors.left("a")
    assert log is not None
    assert list(log.sessions) == ["p"]


def test_news_that_wait_are_bounded(
    mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    mirrors.take("a", [BEGIN, ["event", "o~a", "x", 9], SESSION, ["kept", "p"]])
    mirrors.take("a", [["change", "p", CONTENT]])

    log = mirrors.left("a")

    assert log is not None
    assert list(log.sessions) == ["p"]


def test_sessions_are_bounded(
    mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SESSIONS", 2)

    mirrors.take("a", [BEGIN, *[["session", f"p{n}", *SESSION[2:]] for n in range(4)]])

    log = mirrors.left("a")
    assert log is not None
    assert list(log.sessions) == ["p2", "p3"]


def test_a_session_is_kept_from_the_break_on(
    mirrors: Mirrors, clock: FakeClock
) -> None:
    for pid in "pqr":
        mirrors.take("a", [BEGIN] if pid == "p" else [])
        mirrors.take("a", [["session", pid, *SESSION[2:]]])
    mirrors.take("a", [["kept", "q"], ["over", "r"], ["kept", "nobody"]])
    clock.advance(11)

    log = mirrors.left("a")

    assert log is not None
    assert list(log.sessions) == ["p"]


def test_a_session_that_cannot_be_read_is_lost(mirrors: Mirrors) -> None:
    garbage = ["session", "q", b"\xc1", *SESSION[3:]]
    strange = ["session", "r", *SESSION[2:7], "strange"]
    mirrors.take("a", [BEGIN, garbage, strange, SESSION])

    log = mirrors.left("a")

    assert log is not None
    assert list(log.sessions) == ["p"]


@pytest.mark.parametrize(
    "news",
    [
        None,
        "begin",
        {},
        [7],
        [[]],
        [["nothing"]],
        [["own", None]],
        [["session", "p"]],
        [["session", 1, *SESSION[2:]]],
        [["change", "p", "text"]],
        [["kept", 1]],
        [["begin", [], False]],
        [["met", "x", "1"]],
        [["told", []]],
        [["left", 1]],
    ],
)
def test_news_that_cannot_be_read_end_it(mirrors: Mirrors, news: Any) -> None:
    mirrors.take("a", [BEGIN, SESSION])

    with pytest.raises(ProtocolError):
        mirrors.take("a", news)

    mirrors.take("a", [SESSION])  # it has no beginning any more
    if isinstance(news, list):
        assert mirrors.left("a") is None


def test_news_that_waited_and_cannot_be_read_end_it_too(
    mirrors: Mirrors, own: NumberedLog
) -> None:
    waiting = ["event", "o1~a", "x", 1]
    mirrors.take("a", [BEGIN, SESSION, waiting, ["nothing"]])
    mirrors.take("b", [BEGIN, SESSION, waiting, ["nothing"]])

    assert mirrors.left("b") is None
    hear(own, 1)
    mirrors.go_on()

    assert mirrors.left("a") is None


def test_who_asks_is_answered_when_it_is_known_who_lives(mirrors: Mirrors) -> None:
    told: list[str] = []
    mirrors.take("a", [BEGIN, SESSION])
    mirrors.take("b", [BEGIN, ["session", "q", *SESSION[2:]]])

    mirrors.when_known("nobody", lambda: told.append("nobody"))
    mirrors.when_known("p", lambda: told.append("p"))
    mirrors.when_known("q", lambda: told.append("q"))
    assert told == ["nobody"]

    mirrors.take("b", [["over", "q"]])
    assert told == ["nobody", "q"]

    mirrors.left("a")
    mirrors.settle()
    assert told == ["nobody", "q", "p"]
    mirrors.close()
