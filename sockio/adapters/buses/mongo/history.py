"""History: events and sessions in the collection, for clients that come back.

The offset of an event is the id of its document, as with Node's servers. Such ids say
little about the order in which clients got the events: each server makes its own. So
our servers deliver all events, their own too, in the order of the change stream, and
remember it. A client that comes back gets what is behind its offset in that order.

If an event of ours does not come back soon, since MongoDB is away or slow, our clients
get it nevertheless, without an offset.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from logging import WARNING
from typing import TYPE_CHECKING, Protocol, TypeVar

from bson.objectid import ObjectId

from sockio.adapters.cluster.messages import Message, options_in, packet_in
from sockio.errors import EncodeError, ProtocolError
from sockio.runtime import logs
from sockio.runtime.log_fields import fields

from . import collection, session_wire, wire
from .collection import FAILURES

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace, Session
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

    from .wire import Document

log = logs.get("adapters.mongo")

__all__ = ["History"]

#: Seconds that an event of ours may take through the change stream.
PATIENCE = 1.0
#: Seconds that MongoDB has to restore a session.
SEARCH = 5.0
#: Events whose order is remembered, of each namespace; and that a client gets at most.
REMEMBERED, MOST = 100_000, 10_000
#: Characters of the secret of a session; ours have 20.
LONGEST_PID = 200

T = TypeVar("T")


class Way(Protocol):
    """The way to the collection."""

    @property
    def flowing(self) -> bool:
        """Whether what we insert is heard again."""

    def insert(self, nsp: str, document: bytes) -> None:
        """Insert a document, after all earlier ones."""

    def message(self, message: Message, id: ObjectId) -> bytes:
        """Return a message as a document."""

    def session(self, session: Session, nsp: str) -> bytes:
        """Return a session as a document."""

    def tombstone(self, pid: str, nsp: str) -> bytes:
        """Return what replaces a session in a capped collection."""

    def ask(self, fn: Callable[..., T], *args: object) -> T:
        """Return what a function of ``collection`` finds.

        Blocks:
            Until MongoDB has answered, or is away.
        """

    def echo(self, nsp: str, heard: Callable[[], None]) -> None:
        """Call ``heard`` when all that is in the collection by now was heard."""


class _Order:
    """The order of the events in one namespace."""

    def __init__(self, nsp: LocalNamespace, duration: float) -> None:
        self._nsp = nsp
        self._duration = duration
        #: By id, when it was heard.
        self._heard: dict[str, float] = {}
        #: Restorations that take what comes meanwhile.
        self.followers: list[list[tuple[str, Message]]] = []

    def add(self, id: str, message: Message) -> None:
        """Take note of an event that our clients are about to get."""
        now = self._nsp.clock.now()
        self._heard[id] = now
        while self._heard:
            oldest, at = next(iter(self._heard.items()))
            if len(self._heard) <= REMEMBERED and at > now - self._duration:
                break
            del self._heard[oldest]
        for follower in self.followers:
            follower.append((id, message))

    def behind(self, id: str) -> list[str] | None:
        """Return the events behind one, in order; None: that one is not remembered."""
        if id not in self._heard:
            return None
        behind = []
        for other in reversed(self._heard):
            if other == id:
                break
            behind.append(other)
        return behind[::-1]


class History:
    """The log of one server's bus; see ``Log``."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._reactor: Reactor
        #: By namespace with recovery.
        self._orders: dict[str, _Order] = {}
        #: By namespace, the id of a document that was there before all its events.
        self._began: dict[str, str] = {}
        #: Events of ours that our clients have not got, by id: since when, and whom to
        #: tell.
        self._owed: dict[str, tuple[float, Callable[[str | None], None]]] = {}
        self._timer: Timer | None = None

    def open(self, reactor: Reactor) -> None:
        """Begin."""
        self._reactor = reactor

    def close(self) -> None:
        """Wait for nothing any more."""
        self._stop_timer()
        self._owed.clear()

    def join(self, nsp: LocalNamespace) -> None:
        """Remember the events of a namespace, if it has recovery."""
        if nsp.recovery_duration is not None:
            self._orders[nsp.name] = _Order(nsp, nsp.recovery_duration)

    def leave(self, nsp: str) -> None:
        """Forget a namespace."""
        self._orders.pop(nsp, None)
        self._began.pop(nsp, None)

    # ---- events

    def newest(self, nsp: LocalNamespace) -> None:
        """Nothing: it is the offset of the last event that was handed on."""

    def append(self, message: Message, done: Callable[[str | None], None]) -> None:
        """Keep a broadcast, and publish it; see ``Log``."""
        id = ObjectId()
        self._way.insert(message.nsp, self._way.message(message, id))
        if not self._way.flowing:
            done(None)
            return
        clock = self._reactor.clock
        self._owed[str(id)] = clock.now(), done
        if self._timer is None:
            self._timer = clock.call_later(PATIENCE, self._look)

    def came(self, document: Document) -> None:
        """Take a document of ours that has come back."""
        self._began.setdefault(document.nsp, document.id)
        if document.id not in self._owed:
            self._note(document)
            return
        for id in list(self._owed):
            _, done = self._owed.pop(id)
            if id == document.id:
                done(self._note(document))
                break
            done(None)  # it was not taken
        if not self._owed:
            self._stop_timer()

    def heard(self, document: Document) -> str | None:
        """Return the offset of a document of another server, if it has one."""
        return self._note(document)

    def _note(self, document: Document) -> str | None:
        order = self._orders.get(document.nsp)
        message = document.message
        if order is None or message is None or not wire.has_offset(message):
            return None
        order.add(document.id, message)
        return document.id

    def stop_waiting(self) -> None:
        """Deliver all events of ours, whether they are in the collection or not."""
        self._stop_timer()
        owed, self._owed = self._owed, {}
        for _, done in owed.values():
            done(None)

    def _look(self) -> None:
        """Deliver what has waited for too long; runs in the hub."""
        self._timer = None
        if not self._owed:
            return
        since, _ = next(iter(self._owed.values()))
        left = since + PATIENCE - self._reactor.clock.now()
        if left <= 0:
            self.stop_waiting()
        else:
            self._timer = self._reactor.clock.call_later(left, self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- sessions

    def persist(self, nsp: LocalNamespace, session: Session) -> None:
        """Keep a session whose connection broke; see ``Log``."""
        if session.since is None:
            session = replace(session, since=self._began.get(nsp.name))
        try:
            document = self._way.session(session, nsp.name)
        except EncodeError as exc:
            log.log(
                nsp.repeats.level(log, WARNING, "data-not-kept", nsp.name),
                "namespace=%r socket.data cannot be kept, so its client gets a new "
                "socket: %s",
                nsp.name,
                exc,
                extra=fields(namespace=nsp.name),
            )
            return
        self._way.insert(nsp.name, document)

    def restore(
        self, nsp: LocalNamespace, pid: str, offset: str | None
    ) -> tuple[Session, list[tuple[str, Message]]] | None:
        """Return a session and what it has missed; see ``Log``.

        Blocks:
            Until MongoDB has answered, or is away.
        """
        order = self._orders.get(nsp.name)
        if order is None or not self._way.flowing or len(pid) > LONGEST_PID:
            return None
        follower: list[tuple[str, Message]] = []
        order.followers.append(follower)
        try:
            return self._restore(nsp, pid, offset, order, follower)
        except FAILURES as exc:
            log.debug("namespace=%r no session: %r", nsp.name, collection.reason(exc))
        except ProtocolError as exc:
            log.debug("namespace=%r no session: %s", nsp.name, exc.reason)
        finally:
            order.followers.remove(follower)
        return None

    def _restore(
        self,
        nsp: LocalNamespace,
        pid: str,
        offset: str | None,
        order: _Order,
        follower: list[tuple[str, Message]],
    ) -> tuple[Session, list[tuple[str, Message]]] | None:
        tombstone = self._way.tombstone(pid, nsp.name)
        raw = self._way.ask(collection.take_session, nsp.name, pid, tombstone)
        if raw is None or _is_old(raw, nsp.recovery_duration):
            return None
        session = session_wire.read_session(raw)
        base = None if session is None else offset or session.since
        if session is None or base is None or not ObjectId.is_valid(base):
            return None
        behind = order.behind(base)
        follower.clear()  # it is in ``behind``
        if behind is None:
            found = self._older(nsp.name, session.rooms, base)
        else:
            found = self._newer(nsp.name, session.rooms, behind)
        if found is None:
            return None
        self._wait_for_delivery(follower)
        # From here on, until the socket is in its rooms, nothing may switch greenlets.
        found |= dict(follower)
        rooms = frozenset(session.rooms)
        missed = [(id, m) for id, m in found.items() if _is_for(m, rooms)]
        return session, missed

    def _newer(
        self, nsp: str, rooms: tuple[str, ...], behind: list[str]
    ) -> dict[str, Message] | None:
        """Return events that we have heard, in the order in which we did."""
        if not behind:
            return {}
        first = ObjectId(min(behind))
        raws = self._way.ask(collection.missed, nsp, rooms, first, MOST)
        if raws is None:
            return None
        there = _read(raws)
        return {id: there[id] for id in behind if id in there}

    def _older(
        self, nsp: str, rooms: tuple[str, ...], base: str
    ) -> dict[str, Message] | None:
        """Return events behind one that we have not heard, in the order of their ids.

        Blocks:
            Until we have heard the last of them, unless that was before our start.
        """
        first = ObjectId(base)
        if not self._way.ask(collection.is_there, nsp, first):
            return None
        raws = self._way.ask(collection.missed, nsp, rooms, first, MOST)
        if raws is None:
            return None
        latch = self._reactor.latch()
        self._way.echo(nsp, lambda: latch.set(None))
        latch.wait(SEARCH)
        there = _read(raws)
        there.pop(base, None)
        return there

    def _wait_for_delivery(self, follower: list[tuple[str, Message]]) -> None:
        """Wait until all that was heard has reached the sockets here."""
        before = -1
        while before != (before := len(follower)):
            latch = self._reactor.latch()
            self._reactor.to_hub(latch.set, None)
            latch.wait()


def _is_old(raw: bytes, duration: float | None) -> bool:
    """Whether a session has waited for longer than sessions are kept."""
    made = wire.read(raw).id
    since = time.time() - ObjectId(made).generation_time.timestamp()
    return duration is not None and since > duration


def _read(raws: list[bytes]) -> dict[str, Message]:
    """Return the events in documents, by id, without those that cannot be read."""
    found = {}
    for raw in raws:
        try:
            document = wire.read(raw)
        except ProtocolError:
            continue
        if document.message is not None and wire.has_offset(document.message):
            found[document.id] = document.message
    return found


def _is_for(message: Message, rooms: frozenset[str]) -> bool:
    try:
        packet_in(message)
        options = options_in(message)
    except ProtocolError:
        return False
    if not options.except_.isdisjoint(rooms):
        return False
    return not options.rooms or not rooms.isdisjoint(options.rooms)
