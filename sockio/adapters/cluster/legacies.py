"""Legacies: what a server that ends leaves to one that stays, for recovery.

It gives its log and its sessions away in parts, each of which the heir confirms. Until
then nobody else gets a session; afterwards the heir is the one to be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from sockio.adapters.adapter import LocalNamespace
from sockio.adapters.recovery import Entry, KeptSession, addresses
from sockio.errors import EncodeError, ProtocolError
from sockio.runtime import logs
from sockio.types import Json

from .bus import OwnLogs
from .messages import Message, MessageType, text_in, value_in
from .moves import (
    Moved,
    entry_data,
    entry_in,
    kept_data,
    kept_in,
    number_in,
    numbers_in,
    ranges_in,
)
from .numbered_log import NumberedLog
from .pieces import Ranges
from .requests import new_id

if TYPE_CHECKING:
    from sockio.runtime.clock import Clock
    from sockio.runtime.latch import Latch
    from sockio.runtime.reactor import Reactor

__all__ = ["Legacies"]

log = logs.get("adapters.recovery")

#: Bytes of events after which a part is sent.
_PART = 256 << 10
#: Sessions in one part.
_SESSIONS = 256
#: What an event or a session takes besides its content, roughly.
_OVERHEAD = 100
#: Seconds between two looks for an heir.
_LOOK = 0.05


class Ask(Protocol):
    """Asks other servers, and waits for the answer of one."""

    def __call__(
        self, others: Iterable[str], kind: MessageType, seconds: float, **data: Any
    ) -> Json: ...


class Legacies:
    """What one server has inherited, and leaves."""

    def __init__(
        self,
        nsp: LocalNamespace,
        duration: float,
        own: NumberedLog,
        ask: Ask,
        logs: OwnLogs,
    ) -> None:
        """Have inherited nothing yet.

        Args:
            nsp: The namespace.
            duration: Seconds for which events and sessions are kept.
            own: The log of this server.
            ask: Asks another server.
            logs: Who may be the heir.
        """
        self._nsp = nsp
        self._duration = duration
        self._own = own
        self._ask = ask
        self._heirs = logs.heirs
        self._expects_heir = logs.expects_heir
        self._reactor: Reactor
        self._inherited: list[NumberedLog] = []
        #: By server and id, what has not arrived completely.
        self._arriving: dict[tuple[str, str], NumberedLog] = {}
        self._giving = False
        #: Whether this server ends, and takes nothing more that it could not give away.
        self._leaving = False
        #: What has to wait while sessions are on their way.
        self._waiting: list[Callable[[], object]] = []

    def open(self, reactor: Reactor) -> None:
        """Begin."""
        self._reactor = reactor

    def close(self) -> None:
        """Forget everything."""
        for each in (*self._inherited, *self._arriving.values()):
            each.close()
        self._inherited.clear()
        self._arriving.clear()
        self._waiting.clear()

    # ---- having inherited

    def claim(self, pid: str, offset: str | None) -> Moved | None:
        """Remove and return a session that this server has inherited."""
        for each in self._inherited:
            if pid in each.sessions:
                each.catch_up(self._own)
                sid = each.sessions[pid].session.sid
                session = each.restore(pid, offset)
                if session is None:
                    return None
                return Moved(session, list(session.missed_packets), each.vector(sid))
        return None

    def take(self, message: Message) -> Json:
        """Take a part of what another server leaves; return the answer.

        Returns:
            False if this server leaves, too.

        Raises:
            ProtocolError: It cannot be read.
        """
        if self._leaving:
            return False
        id = message.uid, text_in(message, "id")
        data = message.data
        if data.get("part") == "begin":
            legacy = NumberedLog(self._nsp.clock, self._duration)
            legacy.begin_at(number_in(value_in(message, "at")))
            self._arriving[id] = legacy
            return dict(self._own.ranges)
        if id not in self._arriving:
            raise ProtocolError("a legacy has no beginning")
        legacy = self._arriving[id]
        now, find = self._nsp.clock.now(), self._own.piece
        try:
            for each in value_in(message, "events"):
                legacy.place(entry_in(each, now, self._nsp, find))
            for each in value_in(message, "sessions"):
                legacy.place_session(*kept_in(each, now, self._nsp, find))
            if data.get("part") == "end":
                for sender, number in numbers_in(value_in(message, "seen")).items():
                    legacy.met(sender, number)
        except ProtocolError:
            self._arriving.pop(id).close()
            self._settle()
            raise
        if data.get("part") == "end":
            self._inherited = [each for each in self._inherited if each.sessions]
            self._inherited.append(self._arriving.pop(id))
            self._settle()
        return True

    def inherit(self, log: NumberedLog) -> None:
        """Have the log and the sessions of a server that has been killed."""
        self._inherited.append(log)

    def left(self, uid: str) -> None:
        """Another server has left; what has not arrived completely is no use."""
        for id in [id for id in self._arriving if id[0] == uid]:
            self._arriving.pop(id).close()
        self._settle()

    def _refuse(self) -> None:
        """Take nothing from now on; who gives something keeps it."""
        self._leaving = True
        for each in self._arriving.values():
            each.close()
        self._arriving.clear()
        self._settle()

    # ---- sessions on their way

    def when_settled(self, fn: Callable[[], object]) -> None:
        """Call ``fn`` when no session is on its way to its heir."""
        if self._giving or self._arriving:
            self._waiting.append(fn)
        else:
            fn()

    def _settle(self) -> None:
        while self._waiting and not self._giving and not self._arriving:
            self._waiting.pop(0)()

    # ---- leaving

    def hand_on(self, seconds: float) -> None:
        """Give all that is kept to a server that stays, and take nothing more.

        Blocks:
            Until it has taken everything, at most ``seconds``.
        """
        self._refuse()
        end = self._nsp.clock.now() + seconds
        if self._giving or not (self._left and self._wait_for_heir(end)):
            return
        for each in self._inherited:
            each.catch_up(self._own)
        self._giving = True
        try:
            for each in self._left:
                self._give(each, end)
        finally:
            self._giving = False
            self._settle()

    @property
    def _left(self) -> list[NumberedLog]:
        """What there is to give."""
        return [each for each in (self._own, *self._inherited) if each.sessions]

    def _wait_for_heir(self, end: float) -> bool:
        """Wait until there is an heir, if one has begun that this server has not met.

        Returns:
            Whether there is one.
        """
        while not (found := bool(self._heirs(self._nsp.name))):
            if not self._expects_heir() or self._nsp.clock.now() >= end:
                break
            pause: Latch[None] = self._reactor.latch()
            with suppress(TimeoutError):
                pause.wait(_LOOK)
        return found

    def _give(self, given: NumberedLog, end: float) -> None:
        """Give a log to the first server that takes it."""
        asked: set[str] = set()
        while given.sessions:
            heirs = [uid for uid in self._heirs(self._nsp.name) if uid not in asked]
            if not heirs:
                return
            asked.add(heirs[0])
            _Gift(self._nsp, self._ask, self._heirs, heirs[0], end).give(given)


class _Gift:
    """One log on its way to the heir."""

    def __init__(
        self,
        nsp: LocalNamespace,
        ask: Ask,
        heirs: Callable[[str], Sequence[str]],
        heir: str,
        end: float,
    ) -> None:
        self._nsp = nsp
        self._clock: Clock = nsp.clock
        self._ask = ask
        #: Who may get it at present.
        self._heirs = heirs
        self._heir = heir
        self._end = end
        self._id = new_id()
        #: What the heir has in its own log.
        self._there: Ranges = {}

    def give(self, given: NumberedLog) -> None:
        """Give a log and its sessions; they stay if the heir has not taken them all."""
        sessions = given.take_sessions()
        now = self._clock.now()
        entries = [entry for entry in given.entries if entry.expires > now]
        at = entries[0].mark.position if entries else given.next
        seen = given.vector()
        try:
            self._there = ranges_in(self._say("begin", at=at))
            for events in self._events(entries, sessions):
                self._give("part", events=events, sessions=[])
            for kept in self._sessions(given, sessions):
                self._give("part", events=[], sessions=kept)
            # An heir that leaves without an answer to this has not taken them.
            self._give("end", events=[], sessions=[], seen=seen)
        except (ProtocolError, EncodeError) as exc:
            log.debug("namespace=%r no legacy: %s", self._nsp.name, exc)
            for each in sessions:
                given.place_session(each, {})
            return
        log.info(
            "namespace=%r %d sessions were left to another process",
            self._nsp.name,
            len(sessions),
        )

    def _give(self, part: str, **data: Any) -> None:
        if self._say(part, **data) is not True:
            raise ProtocolError("the heir has not taken it")

    def _say(self, part: str, **data: Any) -> Json:
        if self._heir not in self._heirs(self._nsp.name):
            return None  # it would not answer, or leaves, too
        left = max(0.0, self._end - self._clock.now())
        kind = MessageType.LEGACY
        return self._ask([self._heir], kind, left, id=self._id, part=part, **data)

    def _events(
        self, entries: list[Entry], sessions: list[KeptSession]
    ) -> Iterator[list[Json]]:
        """Yield the events, in parts."""
        rooms = {room for kept in sessions for room in kept.session.rooms}
        part: list[Json] = []
        size = 0
        now = self._clock.now()
        for entry in entries:
            needed = addresses(entry, rooms)
            part.append(entry_data(entry, needed, now, self._nsp, self._there))
            size += _OVERHEAD + (entry.size if needed else 0)
            if size > _PART:
                yield part
                part, size = [], 0
        if part:
            yield part

    def _sessions(
        self, given: NumberedLog, sessions: list[KeptSession]
    ) -> Iterator[list[dict[str, Json]]]:
        """Yield the sessions, in parts; one whose data cannot travel stays."""
        part = []
        now = self._clock.now()
        for kept in sessions:
            ahead = given.ahead(kept.session.sid)
            try:
                part.append(kept_data(kept, ahead, now, self._nsp, self._there))
            except (EncodeError, RecursionError) as exc:
                log.debug("namespace=%r a session stays: %s", self._nsp.name, exc)
            if len(part) == _SESSIONS:
                yield part
                part = []
        if part:
            yield part
