"""In-process: several servers of one process, as in tests.

    exchange = Exchange()
    first = sockio.Server(adapter=Cluster(exchange.bus()))
    second = sockio.Server(adapter=Cluster(exchange.bus()))

Messages are encoded and decoded as on a real bus, so that a value that cannot travel is
noticed. The servers may have hubs of their own, in native threads.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

from sockio.adapters.accounting import Account
from sockio.adapters.adapter import LocalNamespace, Session
from sockio.adapters.cluster.bus import Receive
from sockio.adapters.cluster.messages import Message, decode, encode, options_in
from sockio.adapters.leases import Lease
from sockio.adapters.recovery import RecoveryLog
from sockio.types import Room

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

__all__ = ["Exchange", "InProcessBus"]


class Exchange:
    """What the buses of several servers have in common."""

    def __init__(self, *, recovery: bool = False) -> None:
        """Make an exchange without servers.

        Args:
            recovery: Keep events and sessions for all servers that have recovery, so
                that a client may come back to another server.
        """
        self.recovery = recovery
        #: Who competes for each name, in order; the first one holds it.
        self._leases: dict[str, list[object]] = {}
        #: By namespace and id of the adapter.
        self._members: dict[str, dict[str, InProcessBus]] = {}
        self._logs: dict[str, RecoveryLog] = {}
        #: What the servers keep as long as the exchange exists, by name.
        self._texts: dict[str, str] = {}
        # Servers may live in several native threads; nothing blocks while it is held.
        self._lock = RLock()

    def bus(self) -> InProcessBus:
        """Return a bus for one more server."""
        return InProcessBus(self)

    def join(self, nsp: LocalNamespace, uid: str, bus: InProcessBus) -> None:
        """Let an adapter take part in its namespace."""
        with self._lock:
            self._members.setdefault(nsp.name, {})[uid] = bus
            duration = nsp.recovery_duration
            if self.recovery and duration is not None and nsp.name not in self._logs:
                self._logs[nsp.name] = RecoveryLog(nsp.clock, duration)

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        """Remove an adapter from its namespace; the last one closes the log."""
        with self._lock:
            members = self._members.get(nsp.name, {})
            members.pop(uid, None)
            if not members and nsp.name in self._logs:
                self._logs.pop(nsp.name).close()

    def send(self, message: Message, offset: str | None = None) -> int:
        """Hand a message to all other adapters; return how many these are."""
        data = encode(message)
        with self._lock:
            others = [
                bus
                for uid, bus in self._members.get(message.nsp, {}).items()
                if uid != message.uid
            ]
            for bus in others:
                bus.take(decode(data), offset)
        return len(others)

    def send_to(self, uid: str, message: Message) -> None:
        """Hand a message to one adapter."""
        data = encode(message)
        with self._lock:
            bus = self._members.get(message.nsp, {}).get(uid)
            if bus is not None:
                bus.take(decode(data), None)

    def count(self, nsp: LocalNamespace) -> int:
        """Return how many others take part, for a bus that takes part itself."""
        with self._lock:
            return max(len(self._members.get(nsp.name, {})) - 1, 0)

    # ---- leases

    def compete(self, name: str, who: object) -> None:
        """Hold ``name`` when all have let it go who compete for it now."""
        with self._lock:
            self._leases.setdefault(name, []).append(who)

    def give_up(self, name: str, who: object) -> None:
        """Compete for ``name`` no longer."""
        with self._lock:
            self._leases[name].remove(who)

    def holds(self, name: str, who: object) -> bool:
        """Return whether ``who`` holds ``name``."""
        with self._lock:
            return self._leases[name][:1] == [who]

    # ---- the directory

    def claim(self, name: str, text: str, seconds: float) -> str:
        """Keep a text, unless another one is there; see ``Directory``."""
        with self._lock:
            return self._texts.setdefault(name, text)

    def read(self, name: str) -> str | None:
        """Return what is there; see ``Directory``."""
        with self._lock:
            return self._texts.get(name)

    # ---- recovery

    def append(self, message: Message, done: Callable[[str | None], None]) -> None:
        """Keep a broadcast, and send it with its offset."""
        with self._lock:
            size = len(encode(message))
            log = self._logs.get(message.nsp)
            offset = None
            if log is not None:
                offset = log.new_offset()
                log.add(offset, (offset, message), size, options_in(message))
            self.send(message, offset)
            done(offset)

    def persist(self, nsp: LocalNamespace, session: Session) -> None:
        """Keep a session."""
        with self._lock:
            log = self._logs.get(nsp.name)
            if log is not None:
                log.persist(session)

    def restore(
        self, nsp: LocalNamespace, pid: str, offset: str | None
    ) -> tuple[Session, list[tuple[str, Message]]] | None:
        """Return a session, with what it has missed."""
        with self._lock:
            log = self._logs.get(nsp.name)
            session = None if log is None else log.restore(pid, offset)
        if session is None:
            return None
        return replace(session, missed_packets=()), list(session.missed_packets)


class InProcessBus:
    """The bus of one server, which is also its log."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._receive: Receive | None = None
        self.account = Account(connected=True)
        #: In which the servers find each other.
        self.directory = exchange
        self.persist = exchange.persist
        self.restore = exchange.restore

    @property
    def log(self) -> InProcessBus | None:
        return self if self._exchange.recovery else None

    def open(self, reactor: Reactor, receive: Receive) -> None:
        self._receive = receive

    def join(self, nsp: LocalNamespace, uid: str, rooms: Container[Room]) -> None:
        self._exchange.join(nsp, uid, self)

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        self._exchange.leave(nsp, uid)

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        others = self._exchange.send(message)
        if reached is not None:
            reached(others)

    def reply(self, uid: str, message: Message) -> None:
        self._exchange.send_to(uid, message)

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        told(self._exchange.count(nsp))

    def newest(self, nsp: LocalNamespace) -> None:
        """Nothing: what comes is not carried out yet."""

    def append(self, message: Message, done: Callable[[str | None], None]) -> None:
        self._exchange.append(message, done)

    def lease(self, name: str) -> Lease:
        return _Lease(self._exchange, name)

    def take(self, message: Message, offset: str | None) -> None:
        """Take a message of another server."""
        if self._receive is not None:
            self._receive(message, offset)

    def close(self) -> None:
        self._receive = None


class _Lease:
    """A lease of one server; see ``Lease``."""

    def __init__(self, exchange: Exchange, name: str) -> None:
        self._exchange = exchange
        self._name = name
        exchange.compete(name, self)

    @property
    def held(self) -> bool:
        return self._exchange.holds(self._name, self)

    def close(self) -> None:
        self._exchange.give_up(self._name, self)
