"""RecoveryLog: missed packets and sessions, with offsets.

Every packet that can be recovered has an offset. A client whose connection broke names
the offset of the last packet it has seen, and gets the later ones that were for it.
Packets and sessions that are too old for anybody to come back for are dropped, and so
are the oldest ones if there are too many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sockio.runtime.clock import Clock, Timer
from sockio.runtime.ids import Offsets, offset_order
from sockio.types import Room

from .adapter import Session
from .addressing import BroadcastOptions

#: How many offsets are remembered for each room.
MARKS = 4
#: Seconds between two sweeps for what has expired.
SWEEP_INTERVAL = 60.0

#: Stands for the rooms of a packet that is for everybody.
_EVERYBODY: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a log keeps at most; beyond that it drops the oldest."""

    packets: int = 100_000
    #: Bytes of all packets.
    bytes: int = 64 << 20
    sessions: int = 100_000
    #: Rooms whose last offsets are remembered, even if their packets are dropped.
    rooms: int = 20_000


class Mark(NamedTuple):
    """What is remembered of a packet after it is dropped."""

    position: int
    offset: str
    #: The rooms that were left out.
    except_: frozenset[Room]


class Entry(NamedTuple):
    """A packet that is kept."""

    mark: Mark
    #: Without duplicates.
    rooms: tuple[Room, ...]
    packet: Any
    size: int
    expires: float


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A session that is kept."""

    session: Session
    expires: float
    #: The position that the next packet got when the connection broke.
    position: int
    #: The last packet before that for this session; None: there was none.
    last: Mark | None
    #: Whether ``last`` is known for sure.
    certain: bool


class RecoveryLog:
    """Packets and sessions of one namespace on one server; nothing in it blocks."""

    def __init__(
        self, clock: Clock, duration: float, limits: Limits | None = None
    ) -> None:
        """Make an empty log; it arms its timer with the first thing it keeps.

        Args:
            clock: Tells the time.
            duration: Seconds for which packets and sessions are kept.
            limits: How many of them; None: the usual number.
        """
        self._clock = clock
        self._duration = duration
        self._limits = limits if limits is not None else Limits()
        self._offsets = Offsets()
        #: Offset of the packet logged last; None before the first.
        self.newest: str | None = None
        self._entries: deque[Entry] = deque()
        self._by_offset: dict[str, int] = {}
        self._by_room: dict[Room, deque[Entry]] = {}
        self._bytes = 0
        #: Position of the next packet, and of the first one that is still kept.
        self._next = self._first = 0
        #: The last packets of each room, with the room used last at the end; and the
        #: last position in all rooms that were forgotten.
        self._marks: dict[Room, tuple[Mark, ...]] = {}
        self._forgotten = -1
        #: By pid, oldest first.
        self._sessions: dict[str, KeptSession] = {}
        self._timer: Timer | None = None

    # ---- packets

    def new_offset(self) -> str:
        """Make the offset of a packet that is about to be logged."""
        return self._offsets.new_offset(self._clock.time())

    def add(
        self, offset: str, packet: Any, size: int, options: BroadcastOptions
    ) -> Entry:
        """Log a packet; return what is kept of it, which may be dropped already.

        Args:
            offset: From ``new_offset``; packets are logged in the order of offsets.
            packet: What ``restore`` returns.
            size: Bytes that it takes.
            options: Whom it is for.
        """
        rooms = tuple(dict.fromkeys(options.rooms)) or (_EVERYBODY,)
        mark = Mark(self._next, offset, options.except_)
        expires = self._clock.now() + self._duration
        entry = Entry(mark, rooms, packet, size, expires)
        self.newest = offset
        self._next += 1
        self._bytes += size
        self._entries.append(entry)
        self._by_offset[offset] = mark.position
        for room in rooms:
            self._by_room.setdefault(room, deque()).append(entry)
            marks = self._marks.pop(room, ())
            self._marks[room] = (*marks[1 - MARKS :], mark)
        self._shrink()
        self._arm()
        return entry

    def _shrink(self) -> None:
        limits = self._limits
        while len(self._entries) > limits.packets or self._bytes > limits.bytes:
            self._drop_oldest()
        while len(self._marks) > limits.rooms:
            marks = self._marks.pop(next(iter(self._marks)))
            self._forgotten = max(self._forgotten, marks[-1].position)

    def _drop_oldest(self) -> Entry:
        entry = self._entries.popleft()
        self._first = entry.mark.position + 1
        self._bytes -= entry.size
        del self._by_offset[entry.mark.offset]
        for room in entry.rooms:
            entries = self._by_room[room]
            entries.popleft()
            if not entries:
                del self._by_room[room]
        return entry

    # ---- sessions

    def persist(self, session: Session) -> None:
        """Keep a session until its client comes back or the time is over."""
        self._sessions.pop(session.pid, None)
        last, certain = self._last_for(session.rooms)
        expires = self._clock.now() + self._duration
        self._sessions[session.pid] = KeptSession(
            session, expires, self._next, last, certain
        )
        if len(self._sessions) > self._limits.sessions:
            del self._sessions[next(iter(self._sessions))]
        self._arm()

    def restore(self, pid: str, offset: str | None) -> Session | None:
        """Remove and return a session, with what its client missed.

        Args:
            pid: The secret of the client; it is good for one attempt.
            offset: Of the last packet that the client has seen; None: it saw none.

        Returns:
            None if there is no such session (any more), or if it is not known what was
            missed.
        """
        kept = self._sessions.pop(pid, None)
        if kept is None or kept.expires <= self._clock.now():
            return None
        position = self._position(kept, offset)
        if position is None:
            return None
        missed = self._missed(kept.session.rooms, position)
        return replace(kept.session, missed_packets=missed)

    def _position(self, kept: KeptSession, offset: str | None) -> int | None:
        """Return the position from which on packets were missed."""
        known = offset if offset is not None else kept.session.since
        if known is None and self._first == 0:
            return 0
        if known in self._by_offset:
            # A client that has seen no event in this session names one from before it.
            since = self._by_offset.get(kept.session.since or "", -1)
            return max(self._by_offset[known], since) + 1
        # The packet has been dropped, which happens when no event came for this client
        # for long. That does no harm if it was the last one for the client before it
        # went.
        if not kept.certain or self._first > kept.position:
            return None
        last = kept.last
        if offset is not None:
            had_all = last is not None and last.offset == offset
        elif known is not None:
            had_all = last is None or offset_order(last.offset) <= offset_order(known)
        else:
            had_all = last is None
        return kept.position if had_all else None

    def _missed(self, rooms: tuple[Room, ...], position: int) -> list[Any]:
        found: dict[int, Any] = {}
        for room in (_EVERYBODY, *rooms):
            for entry in reversed(self._by_room.get(room, ())):
                if entry.mark.position < position:
                    break
                if entry.mark.except_.isdisjoint(rooms):
                    found[entry.mark.position] = entry.packet
        return [found[position] for position in sorted(found)]

    def _last_for(self, rooms: Iterable[Room]) -> tuple[Mark | None, bool]:
        """Return the last packet for a socket in ``rooms``, and if that is certain."""
        last: Mark | None = None
        certain = True
        rooms = tuple(rooms)
        for room in (_EVERYBODY, *rooms):
            marks = self._marks.get(room, ())
            for mark in reversed(marks):
                if mark.except_.isdisjoint(rooms):
                    last = max(last, mark, key=_position_of) if last else mark
                    break
            else:
                # None of these was for this socket, but one before them may have been.
                certain = certain and len(marks) < MARKS
        newest = last.position if last else -1
        return last, certain and self._forgotten <= newest

    # ---- moving all of it

    @property
    def sessions(self) -> Mapping[str, KeptSession]:
        """The sessions by pid, oldest first; a live view."""
        return self._sessions

    @property
    def entries(self) -> Collection[Entry]:
        """The packets, oldest first; a live view."""
        return self._entries

    # ---- time

    def close(self) -> None:
        """Forget everything and stop the timer."""
        self._entries.clear()
        self._by_offset.clear()
        self._by_room.clear()
        self._marks.clear()
        self._sessions.clear()
        self._bytes = 0
        self._first = self._next
        self._forgotten = self._next
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is None:
            interval = min(SWEEP_INTERVAL, self._duration)
            self._timer = self._clock.call_later(interval, self._sweep)

    def _sweep(self) -> None:
        """Drop what has expired; runs in the hub."""
        self._timer = None
        now = self._clock.now()
        while self._entries and self._entries[0].expires <= now:
            self._drop_oldest()
        while self._sessions:
            pid, kept = next(iter(self._sessions.items()))
            if kept.expires > now:
                break
            del self._sessions[pid]
        if self._entries or self._sessions:
            self._arm()


def is_for(entry: Entry, rooms: Collection[Room]) -> bool:
    """Whether a packet was for a socket in these rooms."""
    return entry.mark.except_.isdisjoint(rooms) and addresses(entry, rooms)


def addresses(entry: Entry, rooms: Collection[Room]) -> bool:
    """Whether a packet was for some of these rooms, whoever was left out."""
    return any(room is _EVERYBODY or room in rooms for room in entry.rooms)


def addressed(rooms: Iterable[Room]) -> tuple[Room, ...]:
    """Return ``rooms`` as an entry has them: none of them means everybody."""
    return tuple(dict.fromkeys(rooms)) or (_EVERYBODY,)


def rooms_of(entry: Entry) -> list[Room]:
    """Return what ``addressed`` was given."""
    return [room for room in entry.rooms if room is not _EVERYBODY]


def _position_of(mark: Mark) -> int:
    return mark.position
