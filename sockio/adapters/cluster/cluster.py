"""Cluster: makes the adapters of one server, which share its bus.

io = sockio.Server(adapter=Cluster(bus))
"""

from __future__ import annotations

from collections.abc import Set
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sockio.adapters.accounting import AdapterStats
from sockio.adapters.adapter import LocalNamespace
from sockio.adapters.directory import Directory
from sockio.adapters.leases import Lease, Leases
from sockio.adapters.provider import Provider
from sockio.errors import ConfigError, ProtocolError
from sockio.runtime import logs

from .adapter import ClusterAdapter
from .bus import Bus
from .messages import Message
from .requests import TIMEOUT

if TYPE_CHECKING:
    from sockio.runtime.clock import Timer
    from sockio.runtime.latch import Latch
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.cluster")

__all__ = ["Cluster"]

#: Seconds for which the clients of a server that starts wait for its bus.
SETTLING = 2.0
#: Seconds between two looks at a bus that is to be closed.
_PAUSE = 0.02


class Cluster(Provider):
    """The adapters of one server in a cluster."""

    #: The server's, once it has started.
    reactor: Reactor
    #: Set when the bus knows whether it is connected, or has had its time for that.
    _settled: Latch[None]
    _settling: Timer

    def __init__(self, bus: Bus, *, requests_timeout: float = TIMEOUT) -> None:
        """Make the adapters on top of ``bus``, which belongs to one server.

        Args:
            bus: Opened when the server starts.
            requests_timeout: Seconds that other servers have for an answer, where a
                call gives no time.
        """
        self.bus = bus
        self.requests_timeout = requests_timeout
        self._started = False
        #: By namespace.
        self._adapters: dict[str, ClusterAdapter] = {}
        #: Of adapters that the server had before: a few bytes for each change.
        self._former: Set[str] = frozenset()
        #: Messages that the bus could read, and the adapters could not.
        self._unreadable = 0

    def __call__(self, nsp: LocalNamespace) -> ClusterAdapter:
        """Make the adapter of a namespace."""
        return ClusterAdapter(nsp, self)

    def start(self, reactor: Reactor) -> None:
        """Open the bus.

        Raises:
            ConfigError: It belongs to another server.
        """
        if self._started:
            raise ConfigError(
                "this Cluster belongs to another server: make one for each, "
                "with a bus of its own"
            )
        self._started = True
        self.reactor = reactor
        self._settled = reactor.latch()
        self._settling = reactor.clock.call_later(SETTLING, self._settle)
        self.bus.account.on_told = lambda: reactor.to_hub(self._settle)
        self.bus.open(reactor, self._receive)
        if self.bus.account.connected:
            self._settle()

    def _settle(self) -> None:
        self._settling.cancel()
        self._settled.set(None)

    def settle(self) -> None:
        """Wait until the bus knows whether it is connected.

        Blocks:
            Until then, in the first ``SETTLING`` seconds only.
        """
        self._settled.wait()

    def close(self) -> None:
        """Close the bus."""
        if self._started:
            self._settle()
            self.bus.close()

    def retire(self, seconds: float) -> None:
        """Close the bus when it has carried what waits, and announce what is lost."""
        clock = self.reactor.clock
        end = clock.now() + seconds
        while not getattr(self.bus, "idle", True) and clock.now() < end:
            with suppress(TimeoutError):
                self.reactor.latch().wait(_PAUSE)
        self.close()
        # What was on its way is counted when the greenlets of the bus have ended.
        self.reactor.settle()
        self.bus.account.announce(self.reactor)

    @property
    def uids(self) -> Set[str]:
        """The ids of its adapters, and of those before; see ``Provider``."""
        own = {adapter.uid for adapter in self._adapters.values()}
        # Some buses have one id for all adapters of a server.
        return self._former | own | {getattr(self.bus, "uid", "")}

    def succeed(self, uids: Set[str]) -> None:
        """Hear nothing of these adapters; see ``Provider``."""
        self._former = uids

    def directory(self) -> Directory:
        """Return that in which the servers find each other; see ``Provider``."""
        found: Directory | None = getattr(self.bus, "directory", None)
        return super().directory() if found is None else found

    def stats(self) -> AdapterStats:
        """Return what the bus counts."""
        stats = self.bus.account.stats()
        return replace(stats, unreadable=stats.unreadable + self._unreadable)

    def lease(self, name: str) -> Lease:
        """Compete for ``name`` with the other servers; see ``Provider``."""
        bus = self.bus
        return bus.lease(name) if isinstance(bus, Leases) else super().lease(name)

    def __repr__(self) -> str:
        return f"Cluster({self.bus!r})"

    def join(self, adapter: ClusterAdapter) -> None:
        """Hand the messages of its namespace to ``adapter``."""
        self._adapters[adapter.nsp.name] = adapter
        self.bus.join(adapter.nsp, adapter.uid, adapter.rooms)

    def leave(self, adapter: ClusterAdapter) -> None:
        """Hand no more messages to ``adapter``."""
        if self._adapters.get(adapter.nsp.name) is adapter:
            del self._adapters[adapter.nsp.name]
        self.bus.leave(adapter.nsp, adapter.uid)

    def _receive(self, message: Message, offset: str | None) -> None:
        """Move a message into the hub, wherever it was read."""
        self.reactor.to_hub(self._hear, message, offset)

    def _hear(self, message: Message, offset: str | None) -> None:
        adapter = self._adapters.get(message.nsp)
        if adapter is None or message.uid == adapter.uid:
            return
        if message.uid in self._former:
            return
        batch = self.reactor.batch
        batch.begin()
        try:
            adapter.hear(message, offset)
        except ProtocolError as exc:
            self._unreadable += 1
            log.debug("a message of %r is dropped: %s", message.uid, exc.reason)
            self.reactor.observers.tell("adapter_failed", message.nsp, exc)
        except Exception as exc:
            # A boundary, as for all that is read: if a message of another server meets
            # a bug of ours, the other messages must not suffer.
            log.exception("namespace=%r a message failed", message.nsp)
            self.reactor.observers.tell("adapter_failed", message.nsp, exc)
        finally:
            batch.end()
