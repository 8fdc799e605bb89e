"""The recovery log against a list: nothing is lost, doubled or invented."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sockio.adapters import BroadcastOptions, Session
from sockio.adapters.recovery import Limits, RecoveryLog
from sockio.testing import FakeClock

DURATION = 10.0
LIMITS = Limits(packets=8, bytes=40, sessions=3, rooms=3)

PIDS = st.sampled_from(["p", "q", "r", "s"])
ROOMS = st.sampled_from(["a", "b", "c", "d", "e"])


class Sent(NamedTuple):
    """A packet; its number is its place in the list."""

    number: int
    offset: str
    rooms: tuple[str, ...]
    except_: frozenset[str]
    size: int
    time: float

    def is_for(self, rooms: tuple[str, ...]) -> bool:
        included = not self.rooms or bool({*self.rooms} & {*rooms})
        return included and not self.except_ & {*rooms}


class Kept(NamedTuple):
    session: Session
    time: float


class RecoveryMachine(RuleBasedStateMachine):
    """The model: everything ever sent, and the sessions, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.log = RecoveryLog(self.clock, DURATION, LIMITS)
        self.sent: list[Sent] = []
        self.kept: dict[str, Kept] = {}

    def teardown(self) -> None:
        self.log.close()
        assert self.clock.armed == 0

    @rule(
        rooms=st.lists(ROOMS, max_size=3),
        except_=st.frozensets(ROOMS, max_size=1),
        size=st.sampled_from([1, 5, 30, 50]),
    )
    def send(self, rooms: list[str], except_: frozenset[str], size: int) -> None:
        offset = self.log.new_offset()
        packet = Sent(
            len(self.sent), offset, tuple(rooms), except_, size, self.clock.now()
        )
        options = BroadcastOptions(rooms=packet.rooms, except_=except_)
        self.log.add(offset, packet, size, options)
        self.sent.append(packet)

    @rule(seconds=st.sampled_from([0.0, 0.001, 1.0, 9.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(pid=PIDS, rooms=st.lists(ROOMS, max_size=3, unique=True), data=st.data())
    def lose(self, pid: str, rooms: list[str], data: st.DataObject) -> None:
        offsets = [None, *(packet.offset for packet in self.sent)]
        session = Session(
            sid=pid,
            pid=pid,
            rooms=tuple(rooms),
            data=None,
            since=data.draw(st.sampled_from(offsets)),
        )
        self.log.persist(session)
        self.kept.pop(pid, None)
        self.kept[pid] = Kept(session, self.clock.now())
        if len(self.kept) > LIMITS.sessions:
            del self.kept[next(iter(self.kept))]

    @rule(pid=PIDS, data=st.data())
    def come_back(self, pid: str, data: st.DataObject) -> None:
        kept = self.kept.pop(pid, None)
        offset = data.draw(st.sampled_from(self.offsets(kept)))

        restored = self.log.restore(pid, offset)

        if kept is None or kept.time + DURATION <= self.clock.now():
            assert restored is None
            return
        known = kept.session.since if offset is None else offset
        numbers = [packet.number for packet in self.sent if packet.offset == known]
        first = numbers[0] + 1 if numbers else 0
        if numbers:  # the session does not get what was sent before it began
            since = kept.session.since
            before = [packet.number for packet in self.sent if packet.offset == since]
            first = max([first, *(number + 1 for number in before)])
        if restored is None:
            # That was right: the known packet is gone, or never existed.
            assert known is None or not numbers or numbers[0] < self.first_there()
            assert known is not None or self.first_there() > 0
            return
        assert numbers or known is None
        assert restored.missed_packets == [
            packet for packet in self.sent[first:] if packet.is_for(kept.session.rooms)
        ]

    def offsets(self, kept: Kept | None) -> list[str | None]:
        """Return the offsets that a client may name, the likely ones first."""
        of_its_own = [
            packet.offset
            for packet in self.sent
            if kept is None or packet.is_for(kept.session.rooms)
        ]
        others = [packet.offset for packet in self.sent[-3:]]
        return [None, *of_its_own[-2:], *others, "garbage"]

    def first_there(self) -> int:
        """Return the number of the oldest packet that no limit has pushed out."""
        size = 0
        first = len(self.sent)
        for packet in reversed(self.sent):
            size += packet.size
            is_too_much = (
                size > LIMITS.bytes or len(self.sent) - packet.number > LIMITS.packets
            )
            if is_too_much or packet.time + DURATION <= self.clock.now():
                break
            first = packet.number
        return first

    @invariant()
    def nothing_grows_beyond_its_limit(self) -> None:
        log = self.log
        assert len(log._entries) == len(log._by_offset) <= LIMITS.packets
        assert log._bytes == sum(entry.size for entry in log._entries) <= LIMITS.bytes
        assert len(log._sessions) <= LIMITS.sessions
        assert len(log._marks) <= LIMITS.rooms
        logged = sum(len(entry.rooms) for entry in log._entries)
        assert sum(map(len, log._by_room.values())) == logged

    @invariant()
    def a_timer_is_armed_where_something_can_expire(self) -> None:
        assert self.clock.armed == bool(self.log._timer)
        assert self.log._timer or not (self.log._entries or self.log._sessions)


TestRecovery = RecoveryMachine.TestCase
