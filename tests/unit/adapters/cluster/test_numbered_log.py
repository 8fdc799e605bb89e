from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters import BroadcastOptions, Session
from sockio.adapters.cluster.numbered_log import NumberedLog
from sockio.adapters.recovery import Limits
from sockio.testing import FakeClock


class Text(str):
    """An encoded event."""

    size = property(len)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def log(clock: FakeClock) -> NumberedLog:
    log = NumberedLog(clock, 10.0, Limits(packets=5))
    log.tag = "here"
    return log


def hear(log: NumberedLog, sender: str, *numbers: int, room: str = "") -> None:
    """Log the events of a sender."""
    for number in numbers:
        having = log.arrived(sender, number)
        options = BroadcastOptions(
            rooms=(room,) if room else (), except_=frozenset(having)
        )
        log.keep(log.new_offset(), Text(f"{sender}{number}"), options, sender, number)


def session(*rooms: str) -> Session:
    return Session(sid="s", pid="p", rooms=("s", *rooms), data=None)


def adopted(log: NumberedLog, **seen: int) -> Session | None:
    return log.adopt(session(), "o~away", [], seen)


def missed(found: Session | None) -> Any:
    return None if found is None else list(found.missed_packets)


def test_its_offsets_name_it(log: NumberedLog) -> None:
    first, second = log.new_offset(), log.new_offset()

    assert first != second
    assert first.endswith("~here")


def test_what_the_other_server_had_not_got_is_added(log: NumberedLog) -> None:
    hear(log, "a", 1, 2)
    hear(log, "b", 1)
    hear(log, "a", 3)

    assert missed(adopted(log, a=1, b=0)) == ["a2", "b1", "a3"]
    assert missed(log.adopt(session("r"), None, [], {"a": 3})) == ["b1"]


def test_what_the_other_server_had_got_is_left_out_when_it_arrives(
    log: NumberedLog,
) -> None:
    hear(log, "a", 1)
    assert missed(adopted(log, a=3)) == []
    assert log.vector("s") == {"a": 3}
    assert log.vector("t") == {"a": 1}

    assert [log.arrived("a", number) for number in (2, 3, 4)] == [{"s"}, {"s"}, ()]


def test_nobody_is_told_lies_after_a_gap(log: NumberedLog) -> None:
    hear(log, "a", 1, 2)
    log.persist(session())
    hear(log, "a", 4)

    assert log.restore("p", None) is None
    assert missed(adopted(log, a=1)) is None
    assert missed(adopted(log, a=3)) == ["a4"]


def test_what_was_dropped_for_the_limits_is_not_known(log: NumberedLog) -> None:
    hear(log, "a", 1, 2, 3, 4, 5, 6)

    assert missed(adopted(log, a=0)) is None
    assert missed(adopted(log, a=1)) == ["a2", "a3", "a4", "a5", "a6"]
    assert log.ranges == {"a": (2, 7)}


def test_what_has_expired_is_not_missed(log: NumberedLog, clock: FakeClock) -> None:
    hear(log, "a", 1)
    clock.advance(11.0)
    hear(log, "a", 2)

    assert missed(adopted(log, a=0)) == ["a2"]


def test_a_newcomer_does_not_know_what_came_before(log: NumberedLog) -> None:
    log.met("a", 7)
    hear(log, "a", 8)

    assert missed(adopted(log, a=6)) is None
    assert missed(adopted(log, a=7)) == ["a8"]


def test_what_others_tell_of_a_sender_counts_until_it_speaks(log: NumberedLog) -> None:
    log.told({"a": 7, "b": 1})
    log.told({"a": 5})
    assert log.vector() == {"a": 7, "b": 1}

    hear(log, "a", 6)  # it was under way

    assert log.vector() == {"a": 6, "b": 1}
    assert missed(adopted(log, a=7)) == []
    assert log.arrived("a", 7) == {"s"}


def test_senders_that_have_gone_are_forgotten(
    log: NumberedLog, clock: FakeClock
) -> None:
    hear(log, "a", 1)
    adopted(log, a=1, b=3)
    log.left("a")
    hear(log, "c", 1)
    assert log.vector("s") == {"a": 1, "b": 3, "c": 1}

    clock.advance(30.0)

    assert log.vector("s") == {"c": 1}
    assert clock.armed == 0


def test_a_client_names_what_it_got_when_it_came(log: NumberedLog) -> None:
    hear(log, "a", 1, 2, 3)
    found = adopted(log, a=1)
    assert found is not None
    hear(log, "a", 4)
    offsets = found.inherited.offsets

    for count, offset in enumerate(offsets):
        log.persist(found)
        again = log.restore("p", offset)
        assert again is not None
        wires = [piece.wire for piece in again.missed_packets]
        assert wires == ["a2", "a3", "a4"][count:]


def test_what_it_got_expires_but_for_the_last_offset(
    log: NumberedLog, clock: FakeClock
) -> None:
    hear(log, "a", 1, 2, 3)
    found = adopted(log, a=1)
    assert found is not None
    clock.advance(11.0)

    for offset, known in zip(
        found.inherited.offsets, (False, False, True), strict=True
    ):
        log.persist(found)
        assert (log.restore("p", offset) is not None) is known


def test_closing_forgets_everything(log: NumberedLog, clock: FakeClock) -> None:
    hear(log, "a", 1)
    adopted(log, a=0)

    log.close()

    assert (log.vector(), log.ranges) == ({}, {})
    assert clock.armed == 0
