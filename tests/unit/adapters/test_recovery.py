from __future__ import annotations

from collections.abc import Iterable

import pytest

from sockio.adapters import BroadcastOptions, Session
from sockio.adapters.recovery import MARKS, Limits, RecoveryLog
from sockio.testing import FakeClock

DURATION = 120.0


class Log(RecoveryLog):
    """A log that is easy to write to."""

    def __init__(self, clock: FakeClock, **limits: int) -> None:
        super().__init__(clock, DURATION, Limits(**limits) if limits else None)

    def send(
        self, packet: str, *rooms: str, but: Iterable[str] = (), size: int = 1
    ) -> str:
        """Log a packet for ``rooms``; return its offset."""
        offset = self.new_offset()
        options = BroadcastOptions(rooms=rooms, except_=frozenset(but))
        self.add(offset, packet, size, options)
        return offset

    def lose(self, *rooms: str, since: str | None = None, pid: str = "p") -> Session:
        """Persist the session of a socket in ``rooms`` and in its own room."""
        session = Session(
            sid="s", pid=pid, rooms=("s", *rooms), data={"a": 1}, since=since
        )
        self.persist(session)
        return session

    def missed(self, offset: str | None, pid: str = "p") -> list[str] | None:
        session = self.restore(pid, offset)
        return None if session is None else list(session.missed_packets)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def log(clock: FakeClock) -> Log:
    return Log(clock)


# ------------------------------------------------------------------ what was missed


def test_a_session_comes_back_with_what_it_missed(log: Log) -> None:
    offset = log.send("seen", "s")
    log.send("before the loss was noticed", "r")
    session = log.lose("r")
    log.send("after it", "s")

    restored = log.restore("p", offset)

    assert restored is not None
    assert (restored.sid, restored.pid) == ("s", "p")
    assert (restored.rooms, restored.data) == (("s", "r"), {"a": 1})
    assert restored.missed_packets == ["before the loss was noticed", "after it"]
    assert session.missed_packets == ()


def test_only_what_was_for_the_client_comes_in_order_and_once(log: Log) -> None:
    offset = log.send("seen")
    log.lose("r1", "r2")
    log.send("1: two of its rooms", "r2", "r1", "r2")
    log.send("another room", "r3")
    log.send("2: everybody")
    log.send("not this client", "r1", but=["s"])
    log.send("everybody but a room of it", but=["r2"])
    log.send("3: but others", "r1", but=["r3"])
    log.send("4: itself", "s")

    missed = log.missed(offset)

    assert missed is not None
    assert [packet[:1] for packet in missed] == ["1", "2", "3", "4"]


def test_the_offset_may_be_that_of_a_packet_for_others(log: Log) -> None:
    log.send("a", "s")
    offset = log.send("b", "r")
    log.lose()
    log.send("c", "s")

    assert log.missed(offset) == ["c"]


def test_the_newest_offset_is_known(log: Log) -> None:
    assert log.newest is None

    offset = log.send("a")
    log.new_offset()  # nothing is logged under it

    assert log.newest == offset


# ------------------------------------------------------------------ who may come back


def test_an_unknown_client_is_a_new_one(log: Log) -> None:
    offset = log.send("a")

    assert log.missed(offset, "nobody") is None


@pytest.mark.parametrize("offset", ["garbage", "", "é", "1-0"])
def test_an_unknown_offset_makes_a_new_client(log: Log, offset: str) -> None:
    log.send("a", "s")
    log.lose()

    assert log.missed(offset) is None


def test_a_session_comes_back_once(log: Log) -> None:
    offset = log.send("a")
    log.lose()

    assert log.missed(offset) == []
    assert log.missed(offset) is None


def test_a_wrong_offset_uses_the_session_up(log: Log) -> None:
    offset = log.send("a")
    log.lose()

    assert log.missed("garbage") is None
    assert log.missed(offset) is None


def test_a_session_that_was_not_used_can_be_put_back(log: Log) -> None:
    offset = log.send("a", "s")
    log.lose()
    log.missed(offset)
    log.lose()
    log.send("b", "s")

    assert log.missed(offset) == ["b"]


def test_a_session_expires(log: Log, clock: FakeClock) -> None:
    for pid, age in [("p", 119.5), ("q", 120)]:
        offset = log.send("a", "s")
        log.lose(pid=pid)
        clock.advance(age)

        # In one case the sweep has not run yet, in the other it has.
        assert (log.missed(offset, pid) is None) == (age == 120)


# ------------------------------------------------------------------ no event so far


def test_a_client_may_have_seen_nothing(log: Log) -> None:
    log.lose()
    log.send("a", "s")

    assert log.missed(None) == ["a"]


def test_what_was_there_before_a_session_is_not_missed(log: Log) -> None:
    offset = log.send("seen by a session that the client gave up")
    since = log.send("while it was away")
    log.lose(since=since)
    log.send("missed")

    assert log.missed(offset) == ["missed"]


def test_what_was_there_before_a_client_is_not_missed(log: Log) -> None:
    since = log.send("before")
    log.send("a", "s")
    log.lose(since=since)
    log.send("b")

    assert log.missed(None) == ["a", "b"]


def test_a_client_that_heard_nothing_for_long_comes_back(
    log: Log, clock: FakeClock
) -> None:
    since = log.send("before", "s")
    clock.advance(1000)
    log.lose(since=since)
    log.send("a", "s")

    assert log.missed(None) == ["a"]


def test_a_client_of_a_quiet_server_comes_back(log: Log, clock: FakeClock) -> None:
    log.send("for others", "r")
    clock.advance(1000)
    log.lose()

    assert log.missed(None) == []


def test_what_it_missed_is_gone(log: Log, clock: FakeClock) -> None:
    since = log.send("before", "s")
    log.send("never seen", "s")
    clock.advance(1000)
    for pid, value in [("p", since), ("q", None)]:
        log.lose(since=value, pid=pid)

        assert log.missed(None, pid) is None


# ------------------------------------------------------------------ offsets gone by


def test_the_last_packet_of_a_client_may_be_gone(log: Log, clock: FakeClock) -> None:
    offset = log.send("seen", "r")
    for _ in range(MARKS - 1):
        log.send("not for it", "r", but=["s"])
    clock.advance(1000)
    log.send("for others", "r2")
    log.lose("r")
    log.send("a", "r")

    assert log.missed(offset) == ["a"]


def test_a_packet_that_is_gone_was_not_the_last(log: Log, clock: FakeClock) -> None:
    offset = log.send("seen", "s")
    log.send("never seen", "r")
    clock.advance(1000)
    log.lose("r")

    assert log.missed(offset) is None


def test_too_many_were_for_others(log: Log, clock: FakeClock) -> None:
    log.send("somebody's last", "r")
    offset = log.send("seen", "s")
    for _ in range(MARKS):
        log.send("not for it", "r", but=["s"])
    clock.advance(1000)
    log.lose("r")

    # A packet before them, whose offset is forgotten, may have been for it.
    assert log.missed(offset) is None


def test_packets_since_the_loss_may_be_gone(clock: FakeClock) -> None:
    log = Log(clock, packets=2)
    offset = log.send("seen", "s")
    log.lose()
    for packet in "abc":
        log.send(packet, "s")

    assert log.missed(offset) is None


def test_rooms_may_be_forgotten(clock: FakeClock) -> None:
    log = Log(clock, rooms=2)
    offset = log.send("seen", "s")
    log.send("never seen", "r1")
    log.send("for others", "r2")
    log.send("for others", "r3")
    clock.advance(1000)
    log.lose("r1")

    assert log.missed(offset) is None
    assert len(log._marks) == 2


def test_a_forgotten_room_does_no_harm_before_the_last_packet(clock: FakeClock) -> None:
    log = Log(clock, rooms=1)
    log.send("for others", "r1")
    offset = log.send("seen", "s")
    clock.advance(1000)
    log.lose("r1")

    assert log.missed(offset) == []


# ------------------------------------------------------------------ how much is kept


def test_the_oldest_packets_go_first(clock: FakeClock) -> None:
    log = Log(clock, packets=3)
    offsets = [log.send(packet, "s") for packet in "abcd"]
    for number in range(4):
        log.lose(pid=str(number))

    assert [log.missed(offset, str(n)) for n, offset in enumerate(offsets)] == [
        None,
        ["c", "d"],
        ["d"],
        [],
    ]


def test_packets_are_counted_in_bytes_too(clock: FakeClock) -> None:
    log = Log(clock, bytes=100)
    gone = log.send("a", "s", size=60)
    kept = log.send("b", "s", size=60)
    log.lose(pid="p")
    log.lose(pid="q")

    assert log.missed(gone, "p") is None
    assert log.missed(kept, "q") == []


def test_a_packet_larger_than_the_log_is_not_kept(clock: FakeClock) -> None:
    log = Log(clock, bytes=100)
    log.send("a", "s", size=60)
    log.send("b", "r", size=101)

    assert not log._entries
    assert not log._by_room
    assert not log._by_offset
    assert log._bytes == 0


def test_the_oldest_sessions_go_first(clock: FakeClock) -> None:
    log = Log(clock, sessions=2)
    offset = log.send("a")
    for pid in ("p", "q", "p", "r"):
        log.lose(pid=pid)

    assert log.missed(offset, "q") is None
    assert log.missed(offset, "p") == []
    assert log.missed(offset, "r") == []


# ------------------------------------------------------------------ time


def test_nothing_is_started_by_a_log_that_is_empty(clock: FakeClock, log: Log) -> None:
    assert clock.armed == 0

    log.send("a")
    log.lose()

    assert clock.armed == 1


def test_what_has_expired_is_swept(clock: FakeClock, log: Log) -> None:
    log.send("a", "s")
    clock.advance(100)
    log.send("b", "s")
    log.lose()

    clock.advance(30)

    assert [entry.packet for entry in log._entries] == ["b"]
    assert log._sessions

    clock.advance(1000)

    assert not log._entries
    assert not log._sessions
    assert clock.armed == 0


def test_a_short_duration_is_swept_sooner(clock: FakeClock) -> None:
    log = RecoveryLog(clock, 5.0)
    log.add(log.new_offset(), "a", 1, BroadcastOptions())

    clock.advance(10)

    assert not log._entries


def test_a_closed_log_forgets_and_stops(clock: FakeClock, log: Log) -> None:
    offset = log.send("a", "s")
    log.lose()

    log.close()

    assert clock.armed == 0
    assert log.missed(offset) is None
    assert not log._entries

    log.lose()
    log.send("b", "s")

    assert log.missed(None) is None
    log.close()


def test_an_empty_log_can_be_closed(log: Log) -> None:
    log.close()
