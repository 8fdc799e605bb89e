"""Stream log: the events and sessions that a broker keeps for clients that come back.

What a client has missed is read from the stream up to where this server has read it;
from there on the client gets what its new socket gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from logging import WARNING
from typing import TYPE_CHECKING, Any, Protocol

from sockio.adapters.cluster.messages import Message, MessageType, options_in, packet_in
from sockio.errors import EncodeError, ProtocolError
from sockio.runtime import logs
from sockio.runtime.log_fields import fields

from .connection import Refused
from .stream_member import StreamMember
from .stream_session import read_session, write_session
from .stream_wire import (
    Offset,
    offset_in,
    order,
    read_entry,
)

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace, Session
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.redis")

__all__ = ["StreamLog"]

#: Seconds that an event of ours may take through the stream.
PATIENCE = 1.0
#: Characters of the secret of a session; ours have 20.
LONGEST_PID = 200


class Way(Protocol):
    """The way to the broker."""

    @property
    def flowing(self) -> bool:
        """Whether what we add is read again."""

    def add(self, member: StreamMember, message: Message, number: int) -> None:
        """Add an entry to the stream of a namespace.

        Raises:
            EncodeError: A value in it cannot travel, or it is too large.
        """

    def put(
        self,
        commands: Sequence[tuple[Any, ...]],
        size: int,
        answered: Callable[[Sequence[Any]], None] | None = None,
    ) -> None:
        """Send commands, after all earlier ones; their answers may never come."""


class StreamLog:
    """The log of one server's bus; see ``Log``."""

    def __init__(
        self,
        way: Way,
        members: Mapping[str, StreamMember],
        key_prefix: str,
        page: int,
        patience: float,
    ) -> None:
        """Make one.

        Args:
            way: To the broker.
            members: By namespace, a live view.
            key_prefix: What the names of the sessions' keys begin with.
            page: How many entries are asked for at once.
            patience: Seconds that the broker has to restore a session.
        """
        self._way = way
        self._members = members
        self._key_prefix = key_prefix
        self._page = page
        self._patience = patience
        self._reactor: Reactor
        self._timer: Timer | None = None

    def open(self, reactor: Reactor) -> None:
        """Begin."""
        self._reactor = reactor

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- events

    def newest(self, nsp: LocalNamespace) -> str | None:
        """Return up to where our clients have got all; see ``Log``."""
        member = self._members.get(nsp.name)
        return None if member is None else member.newest

    def append(self, message: Message, done: Callable[[str | None], None]) -> None:
        """Keep a broadcast, and publish it; see ``Log``."""
        member = self._members[message.nsp]
        self._way.add(member, message, member.number + 1)
        member.number += 1
        clock = self._reactor.clock
        member.owe(clock.now(), done)
        if not self._way.flowing:
            member.stop_waiting()
        elif self._timer is None:
            self._timer = clock.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        """Deliver what has waited for too long; runs in the hub."""
        self._timer = None
        clock = self._reactor.clock
        soonest = None
        for member in self._members.values():
            since = member.waiting_since
            if since is None:
                continue
            left = since + PATIENCE - clock.now()
            if left <= 0 or not self._way.flowing:
                member.stop_waiting()
            else:
                soonest = left if soonest is None else min(left, soonest)
        if soonest is not None:
            self._timer = clock.call_later(soonest, self._look)

    # ---- sessions

    def persist(self, nsp: LocalNamespace, session: Session) -> None:
        """Keep a session whose connection broke; see ``Log``."""
        assert nsp.recovery_duration is not None
        try:
            data = write_session(session, nsp.name)
        except (EncodeError, RecursionError) as exc:
            log.log(
                nsp.repeats.level(log, WARNING, "data-not-kept", nsp.name),
                "namespace=%r socket.data cannot be kept, so its client gets a new "
                "socket: %s",
                nsp.name,
                exc,
                extra=fields(namespace=nsp.name),
            )
            return
        lifetime = max(int(nsp.recovery_duration * 1000), 1)
        command = ("SET", self._key(session.pid), data, "PX", lifetime)
        self._way.put([command], len(data))

    def restore(
        self, nsp: LocalNamespace, pid: str, offset: str | None
    ) -> tuple[Session, list[tuple[str, Message]]] | None:
        """Return a session and what it has missed; see ``Log``.

        Blocks:
            Until the broker has answered, at most for the time that it has.
        """
        member = self._members.get(nsp.name)
        if member is None or not self._way.flowing or len(pid) > LONGEST_PID:
            return None
        search = _Search(self._way, self._reactor, self._patience)
        try:
            found = self._find(search, member, pid)
            if found is None:
                return None
            session, last = found
            base = offset_in(session.since if offset is None else offset)
            if base is None or order(base.id) > order(last):
                return None
            # What is in the stream by now must not reach the socket a second time.
            member.stream.wait_for(last, self._reactor.latch(), search.left)
            missed = self._missed(search, member, session, base)
            return None if missed is None else (session, missed)
        except TimeoutError:
            log.debug("namespace=%r no session: the broker takes too long", nsp.name)
        except ProtocolError as exc:
            log.debug("namespace=%r no session: %s", nsp.name, exc.reason)
        return None

    def _find(
        self, search: _Search, member: StreamMember, pid: str
    ) -> tuple[Session, str] | None:
        """Return the session, and where the stream ends."""
        key, stream = self._key(pid), member.stream.name
        found = search.ask(
            ("MULTI",),
            ("GET", key),
            ("DEL", key),
            ("EXEC",),
            ("XREVRANGE", stream, "+", "-", "COUNT", 1),
        )
        match found:
            case [_, _, _, [bytes(data), *_], [[bytes(last), *_], *_]]:
                return read_session(data, pid, member.nsp.name), last.decode()
        return None

    def _missed(
        self, search: _Search, member: StreamMember, session: Session, base: Offset
    ) -> list[tuple[str, Message]] | None:
        """Return what came after ``base`` for a session; None: some of it is gone."""
        stream = member.stream
        tail = stream.follow()
        picking = _Picking(member.nsp.name, session.rooms, base)
        first, end = base.id, stream.reached
        try:
            while order(first) < order(end):
                page = ("XRANGE", stream.name, first, end, "COUNT", self._page + 1)
                (entries,) = search.ask(page)
                # The one before is asked for again: if it is there, nothing is missing.
                if not entries or entries[0][0].decode() != first:
                    return None
                if len(entries) == 1:
                    break
                picking.take(entries[1:])
                first = entries[-1][0].decode()
        finally:
            stream.leave(tail)
        # From here on, until the socket is in its rooms, nothing may switch greenlets.
        picking.take(tail)
        return picking.found

    def _key(self, pid: str) -> bytes:
        return f"{self._key_prefix}{pid}".encode("utf-8", "replace")


class _Search:
    """Questions to the broker that have an end."""

    def __init__(self, way: Way, reactor: Reactor, seconds: float) -> None:
        self._way = way
        self._reactor = reactor
        self._end = reactor.clock.now() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._end - self._reactor.clock.now()

    def ask(self, *commands: tuple[Any, ...]) -> Sequence[Any]:
        """Return the answers.

        Raises:
            TimeoutError: They did not come in time.
            ProtocolError: The broker refuses.

        Blocks:
            Until then.
        """
        latch: Any = self._reactor.latch()
        self._way.put(commands, 0, latch.set)
        answers: Sequence[Any] = latch.wait(self.left)
        for answer in answers:
            if isinstance(answer, Refused):
                raise ProtocolError(f"the broker refuses: {answer}")
        return answers


class _Picking:
    """Picks what a client has missed."""

    def __init__(self, nsp: str, rooms: Sequence[str], base: Offset) -> None:
        self._nsp = nsp
        self._rooms = frozenset(rooms)
        #: How far ahead of the stream the client is.
        self._ahead = base if base.uid else None
        self.found: list[tuple[str, Message]] = []

    def take(self, entries: Sequence[Any]) -> None:
        """Take those that were for the client."""
        for id, entry in entries:
            try:
                self._take_one(id.decode(), entry)
            except ProtocolError as exc:
                log.debug("the entry %r cannot be read: %s", id, exc.reason)

    def _take_one(self, id: str, fields: Any) -> None:
        entry = read_entry(fields)
        if entry is None or entry.nsp != self._nsp:
            return
        ahead = self._ahead
        if ahead is not None and entry.number and entry.uid == ahead.uid:
            if entry.number >= ahead.number:
                self._ahead = None
            if entry.number <= ahead.number:
                return
        if entry.type is not MessageType.BROADCAST:
            return
        message = entry.message()
        if "requestId" not in message.data and self._is_for_client(message):
            offset = id if self._ahead is None else str(self._ahead._replace(id=id))
            self.found.append((offset, message))

    def _is_for_client(self, message: Message) -> bool:
        options = options_in(message)
        packet_in(message)  # to raise here, if it cannot be read
        if options.flags.volatile or not options.except_.isdisjoint(self._rooms):
            return False
        return not options.rooms or not self._rooms.isdisjoint(options.rooms)
