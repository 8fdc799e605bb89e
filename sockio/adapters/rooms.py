"""Rooms: which sockets are in which room, and which ones a broadcast addresses.

A pure index, kept in both directions and in the order of joining. A socket is known
from its first ``add`` until ``remove_all``; a room exists while a socket is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from typing import Any, TypeAlias

from sockio.types import Room, SocketId

from .addressing import BroadcastOptions

#: Both directions have this shape: the inner dict is an ordered set.
_Index: TypeAlias = dict[str, dict[str, None]]
#: What happened, in order: the event's name and its arguments.
Change: TypeAlias = "tuple[str, Room] | tuple[str, Room, SocketId]"

_NOBODY: dict[SocketId, None] = {}


class Rooms:
    """Room -> sockets and socket -> rooms; every change returns what has changed."""

    __slots__ = ("_members", "_rooms", "watcher")

    def __init__(self) -> None:
        self._members: _Index = {}
        self._rooms: _Index = {}
        #: Told at once of each room that begins (True) or ends; None: nobody is.
        self.watcher: Callable[[Room, bool], None] | None = None

    def add(self, sid: SocketId, rooms: Iterable[Room]) -> list[Change]:
        """Put a socket into ``rooms``; without any it is known, but in no room."""
        own = self._rooms.get(sid)
        if own is None:
            own = self._rooms[sid] = {}
        changes: list[Change] = []
        for room in rooms:
            if room in own:
                continue
            own[room] = None
            members = self._members.get(room)
            if members is None:
                self._members[room] = {sid: None}
                changes.append(("create-room", room))
                if self.watcher is not None:
                    self.watcher(room, True)
            else:
                members[sid] = None
            changes.append(("join-room", room, sid))
        return changes

    def remove(self, sid: SocketId, room: Room) -> list[Change]:
        """Take a socket out of ``room``; it stays known."""
        own = self._rooms.get(sid)
        if own is None or room not in own:
            return []
        del own[room]
        changes: list[Change] = []
        self._left(sid, room, changes)
        return changes

    def remove_all(self, sid: SocketId) -> list[Change]:
        """Forget a socket."""
        changes: list[Change] = []
        for room in self._rooms.pop(sid, _NOBODY):
            self._left(sid, room, changes)
        return changes

    def _left(self, sid: SocketId, room: Room, changes: list[Change]) -> None:
        members = self._members[room]
        del members[sid]
        changes.append(("leave-room", room, sid))
        if not members:
            del self._members[room]
            changes.append(("delete-room", room))
            if self.watcher is not None:
                self.watcher(room, False)

    def rooms_of(self, sid: SocketId) -> frozenset[Room] | None:
        """Return the rooms of a socket; None: the socket is not known."""
        own = self._rooms.get(sid)
        return None if own is None else frozenset(own)

    def select(self, options: BroadcastOptions) -> Collection[SocketId]:
        """Return the sockets that ``options`` address, each once, room after room.

        The caller may change the rooms while it walks over the result, which is a copy.
        """
        rooms = options.rooms
        chosen: dict[SocketId, Any]  # only the keys are of interest
        if not rooms:
            chosen = self._rooms.copy()
        else:
            chosen = self._members.get(rooms[0], _NOBODY).copy()
            for room in rooms[1:]:
                chosen.update(self._members.get(room, _NOBODY))
        for room in options.except_:
            members = self._members.get(room, _NOBODY)
            if len(members) < len(chosen):
                for sid in members:
                    chosen.pop(sid, None)
            else:
                chosen = {sid: None for sid in chosen if sid not in members}
        return chosen

    @property
    def members(self) -> Members:
        """Room -> the sockets in it; a live view."""
        return Members(self)

    @property
    def sids(self) -> Mapping[SocketId, Set[Room]]:
        """Socket -> its rooms; a live view."""
        return _View(self._rooms)


class _View(Mapping[str, Set[str]]):
    """A read-only index, with its inner dicts as sets."""

    __slots__ = ("_index",)

    def __init__(self, index: _Index) -> None:
        self._index = index

    def __getitem__(self, key: str) -> Set[str]:
        return self._index[key].keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return repr({key: set(values) for key, values in self._index.items()})


class Members(_View):
    """The rooms and the sockets in them, and word of their beginnings and ends."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Rooms) -> None:
        super().__init__(owner._members)
        self._owner = owner

    def watch(self, told: Callable[[Room, bool], None] | None) -> None:
        """Tell of rooms that begin (True) or end, from now on; only one is told."""
        self._owner.watcher = told
