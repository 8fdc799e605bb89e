"""Rooms against a list of pairs: whatever is joined and left, both agree."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sockio.adapters import BroadcastOptions
from sockio.adapters.rooms import Change, Rooms

SIDS = st.sampled_from(["a", "b", "c", "d", "e"])
#: A socket's id is a room too.
ROOMS = st.sampled_from(["r1", "r2", "r3", "a", "b", "c"])


class RoomsMachine(RuleBasedStateMachine):
    """The model: known sockets, and (sid, room) pairs; both in order of joining."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms = Rooms()
        self.known: list[str] = []
        self.pairs: list[tuple[str, str]] = []

    def members(self, room: str) -> list[str]:
        return [sid for sid, joined in self.pairs if joined == room]

    def rooms_of(self, sid: str) -> list[str]:
        return [room for joined, room in self.pairs if joined == sid]

    @rule(sid=SIDS, rooms=st.lists(ROOMS, max_size=4))
    def add(self, sid: str, rooms: list[str]) -> None:
        expected: list[Change] = []
        if sid not in self.known:
            self.known.append(sid)
        for room in rooms:
            if (sid, room) not in self.pairs:
                if not self.members(room):
                    expected.append(("create-room", room))
                expected.append(("join-room", room, sid))
                self.pairs.append((sid, room))

        assert self.rooms.add(sid, rooms) == expected

    @rule(sid=SIDS, room=ROOMS)
    def remove(self, sid: str, room: str) -> None:
        assert self.rooms.remove(sid, room) == self.leave(sid, room)

    @rule(sid=SIDS)
    def remove_all(self, sid: str) -> None:
        expected = [
            change for room in self.rooms_of(sid) for change in self.leave(sid, room)
        ]
        if sid in self.known:
            self.known.remove(sid)

        assert self.rooms.remove_all(sid) == expected

    def leave(self, sid: str, room: str) -> list[Change]:
        if (sid, room) not in self.pairs:
            return []
        self.pairs.remove((sid, room))
        changes: list[Change] = [("leave-room", room, sid)]
        if not self.members(room):
            changes.append(("delete-room", room))
        return changes

    @rule(rooms=st.lists(ROOMS, max_size=4), except_=st.frozensets(ROOMS, max_size=3))
    def select(self, rooms: list[str], except_: frozenset[str]) -> None:
        candidates = [sid for room in rooms for sid in self.members(room)]
        expected = [
            sid
            for sid in dict.fromkeys(candidates if rooms else self.known)
            if not except_.intersection(self.rooms_of(sid))
        ]

        selected = self.rooms.select(
            BroadcastOptions(rooms=tuple(rooms), except_=except_)
        )

        assert list(selected) == expected

    @invariant()
    def both_directions_agree(self) -> None:
        assert list(self.rooms.sids) == self.known
        for sid in self.known:
            assert list(self.rooms.sids[sid]) == self.rooms_of(sid)
            assert self.rooms.rooms_of(sid) == frozenset(self.rooms_of(sid))
        occupied = {room for _, room in self.pairs}
        assert set(self.rooms.members) == occupied
        for room in occupied:
            assert list(self.rooms.members[room]) == self.members(room)


TestRooms = RoomsMachine.TestCase
