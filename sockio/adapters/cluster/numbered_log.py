"""NumberedLog: the log of one server, which knows what is in the logs of others.

Each server of a cluster keeps what its clients got. It gets the events of the others in
another order than they do. But all know of each event who has sent it and under which
number, so that a client which comes to another server gets each event exactly once, and
those of one sender in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from sockio.adapters.adapter import Session
from sockio.adapters.addressing import BroadcastOptions
from sockio.adapters.recovery import (
    Entry,
    KeptSession,
    Limits,
    Mark,
    RecoveryLog,
    addressed,
    is_for,
    rooms_of,
)
from sockio.runtime.clock import Clock
from sockio.types import Room, SocketId

from .pieces import Inherited, Piece, Vector

__all__ = ["NumberedLog"]


class NumberedLog(RecoveryLog):
    """Events and sessions of one namespace on one server of several."""

    def __init__(
        self, clock: Clock, duration: float, limits: Limits | None = None
    ) -> None:
        super().__init__(clock, duration, limits)
        #: Behind each offset, so that it tells whose it is.
        self.tag = ""
        #: By sender, the number of the event logged last.
        self._numbers: dict[str, int] = {}
        #: Of senders of which we know only from other servers, what these have told.
        self._hearsay: dict[str, int] = {}
        #: By sender, the last number that is not in the log, unless it expired.
        self._floors: dict[str, int] = {}
        self._by_sender: dict[str, dict[int, Entry]] = {}
        #: By sender, up to which number the sockets that came from elsewhere have its
        #: events already, which have not arrived here yet.
        self._ahead: dict[str, dict[SocketId, int]] = {}
        #: Senders that have gone, and since when that is known.
        self._gone: dict[str, float] = {}
        self._inherited: list[Inherited] = []
        #: Up to which position of another log ``catch_up`` has looked.
        self._caught_up = 0

    # ---- events

    def new_offset(self) -> str:
        return f"{super().new_offset()}~{self.tag}"

    def keep(
        self,
        offset: str,
        wire: Any,
        options: BroadcastOptions,
        sender: str = "",
        number: int = 0,
    ) -> Entry:
        """Log an event; return what is kept of it, which may be dropped already.

        Args:
            offset: From ``new_offset``.
            wire: What ``LocalNamespace.encode`` returned.
            options: Whom it is for.
            sender: Who has sent it to all; empty: it is for this server only.
            number: Its number there, from ``arrived``.
        """
        piece = Piece(offset, wire, sender, number)
        entry = self.add(offset, piece, wire.size, options)
        if sender and self._entries and self._entries[-1] is entry:
            self._by_sender.setdefault(sender, {})[number] = entry
        return entry

    def _drop_oldest(self) -> Entry:
        entry = super()._drop_oldest()
        piece: Piece = entry.packet
        if piece.sender:
            self._by_sender.get(piece.sender, {}).pop(piece.number, None)
            if entry.expires > self._clock.now():
                self._floors[piece.sender] = piece.number
        return entry

    # ---- who has sent how many

    def vector(self, sid: SocketId = "") -> dict[str, int]:
        """Return how many events of each sender are known; to a socket, if given."""
        numbers = {**self._hearsay, **self._numbers}
        for sender, sids in self._ahead.items():
            if sid in sids:
                numbers[sender] = max(sids[sid], numbers.get(sender, 0))
        return numbers

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """Which events of each sender are in the log."""
        found = {}
        for sender, entries in self._by_sender.items():
            if entries:
                found[sender] = (next(iter(entries)), self._numbers[sender] + 1)
        return found

    def met(self, sender: str, number: int) -> None:
        """A sender tells how many events it has sent; the later ones will arrive."""
        self._reach(sender, number, number)

    def told(self, numbers: Vector) -> None:
        """Another server tells how many events it knows of each sender."""
        for sender, number in numbers.items():
            if sender not in self._numbers:
                self._hearsay[sender] = max(number, self._hearsay.get(sender, 0))
                self._gone.setdefault(sender, self._clock.now())

    def arrived(self, sender: str, number: int) -> Collection[SocketId]:
        """Take note of an event before it is kept; return who has it already."""
        last = self._numbers.get(sender)
        if last is None or number != last + 1 or sender in self._gone:
            self._reach(sender, number, number - 1)
        else:
            self._numbers[sender] = number
        ahead = self._ahead.get(sender)
        if ahead is None:
            return ()
        having = {sid for sid, last in ahead.items() if number <= last}
        for sid in [sid for sid, last in ahead.items() if last <= number]:
            del ahead[sid]
        if not ahead:
            del self._ahead[sender]
        return having

    def _reach(self, sender: str, number: int, before: int) -> None:
        """Know of events up to ``number``, of which we have got none up to ``before``.

        If we should have got some of these, nobody can recover what was sent earlier.
        """
        last = self._numbers.get(sender)
        if last is None:
            self._hearsay.pop(sender, None)
            self._floors[sender] = before
        elif before > last:
            self._lose()
            self._floors[sender] = before
        self._numbers[sender] = max(number, last or 0)
        self._gone.pop(sender, None)

    def _lose(self) -> None:
        """Nobody knows any more what clients have missed up to now."""
        while self._entries:
            self._drop_oldest()
        self._next += 1
        self._first = self._forgotten = self._next

    def left(self, sender: str) -> None:
        """A sender has gone; what it has sent last may not have reached all."""
        if sender in self._numbers:
            self._gone[sender] = self._clock.now()
        self._forget_old()

    def _forget_old(self) -> None:
        """Forget senders for whose events nobody can come back."""
        now = self._clock.now()
        for old, since in list(self._gone.items()):
            if now - since > 2 * self._duration:
                del self._gone[old]
                for known in (
                    self._numbers,
                    self._hearsay,
                    self._floors,
                    self._by_sender,
                    self._ahead,
                ):
                    known.pop(old, None)

    # ---- clients that come from elsewhere

    def piece(self, sender: str, number: int) -> Piece | None:
        """Return an event; None: it is not kept (any more)."""
        entry = self._by_sender.get(sender, {}).get(number)
        return None if entry is None else entry.packet

    def adopt(
        self, session: Session, base: str | None, missed: Iterable[Piece], seen: Vector
    ) -> Session | None:
        """Return a session from elsewhere as one of ours; None: something was lost.

        The socket must enter its rooms before another event arrives.

        Args:
            session: As another server has kept it.
            base: The offset that the client has named.
            missed: What it missed of what that server has logged.
            seen: How many events of each sender that server has logged.
        """
        later = self._later(seen, frozenset(session.rooms))
        if later is None:
            return None
        for sender, number in seen.items():
            last = self._numbers.get(sender)
            if last is None:
                self._gone.setdefault(sender, self._clock.now())
            elif sender in self._gone:
                continue  # nothing more will come
            if number > (last or 0):
                self._ahead.setdefault(sender, {})[session.sid] = number
        pieces = [*missed, *later]
        offsets = [base, *(piece.offset for piece in pieces)]
        expires = self._clock.now() + self._duration
        inherited = Inherited(offsets, pieces, expires)
        self._inherited.append(inherited)
        self._arm()
        return replace(
            session,
            since=self.newest,
            inherited=inherited,
            missed_packets=[piece.wire for piece in pieces],
        )

    def _later(self, seen: Vector, rooms: frozenset[Room]) -> list[Piece] | None:
        """Return what we have logged and another server has not."""
        found: list[Entry] = []
        for sender, last in self._numbers.items():
            before = seen.get(sender, 0)
            entries = self._by_sender.get(sender)
            if last <= before or not entries:
                continue
            if before < self._floors.get(sender, 0) and sender not in self._gone:
                return None
            if last - before < len(entries):
                numbers: Iterable[int] = range(before + 1, last + 1)
            else:
                numbers = (number for number in entries if number > before)
            for number in numbers:
                entry = entries.get(number)
                if entry is not None and is_for(entry, rooms):
                    found.append(entry)
        found.sort(key=_position)
        return [entry.packet for entry in found]

    def restore(self, pid: str, offset: str | None) -> Session | None:
        """Remove and return a session of ours; what was missed are pieces."""
        kept = self._sessions.get(pid)
        inherited = None if kept is None else kept.session.inherited
        if inherited is None or offset not in inherited:
            return super().restore(pid, offset)
        before = inherited.after(offset)
        session = super().restore(pid, None)
        if before is None or session is None:
            return None
        return replace(session, missed_packets=[*before, *session.missed_packets])

    # ---- another log, event by event

    def last_of(self, rooms: Collection[Room]) -> tuple[Mark | None, bool]:
        """Return the last event for a socket in ``rooms``, and if that is certain."""
        found: Mark | None = None
        for entries in map(self._by_room.get, addressed(()) + tuple(rooms)):
            for entry in reversed(entries or ()):
                if entry.mark.except_.isdisjoint(rooms):
                    if found is None or entry.mark.position > found.position:
                        found = entry.mark
                    break
        if found is None and self._first > 0:
            return self._last_for(rooms)
        return found, True

    def expects(self, sender: str, number: int) -> bool:
        """Whether an event has not arrived yet, and still may."""
        return number > self._numbers.get(sender, 0) and sender not in self._gone

    def repeat(self, offset: str, sender: str, number: int, other: NumberedLog) -> None:
        """Log an event that another log has, under an offset of a third one."""
        entry = other._by_sender.get(sender, {}).get(number)
        self.arrived(sender, number)
        if entry is None:
            self._lose()
        else:
            self.repeat_entry(entry, offset)

    def repeat_entry(self, entry: Entry, offset: str = "") -> None:
        """Log an event of another log, which that one has told."""
        options = BroadcastOptions(
            rooms=tuple(rooms_of(entry)), except_=entry.mark.except_
        )
        self.add(offset or entry.mark.offset, entry.packet, entry.size, options)

    # ---- all of another log

    @property
    def next(self) -> int:
        """Position of the next event."""
        return self._next

    def begin_at(self, position: int) -> None:
        """Take another log from this position on; what was before it is unknown."""
        self._first = self._next = position

    def place(self, entry: Entry) -> None:
        """Take an event of another log, behind those that were taken."""
        self._next = entry.mark.position + 1
        self._entries.append(entry)
        self._by_offset[entry.mark.offset] = entry.mark.position
        for room in entry.rooms:
            self._by_room.setdefault(room, deque()).append(entry)
        self._bytes += entry.size
        self._shrink()
        self._arm()

    def place_session(self, kept: KeptSession, ahead: Vector) -> None:
        """Take a session of another log.

        Args:
            kept: The session.
            ahead: Of which senders its client has got more than that log has, and how
                many.
        """
        session = kept.session
        self._sessions[session.pid] = kept
        for sender, number in ahead.items():
            self._ahead.setdefault(sender, {})[session.sid] = number
        if session.inherited is not None:
            self._inherited.append(session.inherited)
        self._arm()

    def catch_up(self, other: NumberedLog) -> None:
        """Take from another log what it got since this one takes no more events."""
        news = []
        for entry in reversed(other._entries):
            if entry.mark.position < self._caught_up:
                break
            news.append(entry)
        self._caught_up = other._next
        for entry in reversed(news):
            _, _, sender, number = entry.packet
            if not sender or number <= self._numbers.get(sender, 0):
                continue
            except_ = entry.mark.except_.union(self.arrived(sender, number))
            mark = Mark(self._next, entry.mark.offset, except_)
            self.place(entry._replace(mark=mark))

    def ahead(self, sid: SocketId) -> dict[str, int]:
        """Return what ``place_session`` takes."""
        return {s: sids[sid] for s, sids in self._ahead.items() if sid in sids}

    def take_sessions(self) -> list[KeptSession]:
        """Remove and return all sessions, oldest first."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        return sessions

    # ---- time

    def _sweep(self) -> None:
        now = self._clock.now()
        for inherited in self._inherited:
            if inherited.expires <= now:
                inherited.spend()
        self._inherited = [each for each in self._inherited if each.expires > now]
        self._forget_old()
        super()._sweep()
        if self._inherited or self._gone:
            self._arm()

    def close(self) -> None:
        super().close()
        self._inherited.clear()
        for known in (self._numbers, self._floors, self._by_sender, self._ahead):
            known.clear()
        self._gone.clear()
        self._hearsay.clear()


def _position(entry: Entry) -> int:
    return entry.mark.position
