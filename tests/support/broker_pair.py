"""BrokerPair: two servers on one broker, and a client of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import gevent

from sockio import Observer
from sockio.adapters import AdapterStats, Cluster, Gap
from sockio.adapters.cluster.cluster import SETTLING
from sockio.testing import FakeClock

from .served import Served
from .waiting import wait_until

#: Seconds of a fake clock between two looks at what happens.
STEP = 0.01
#: Real seconds for what needs no time of a fake clock.
AT_ONCE = 0.05


class BrokerPair:
    """``here`` is a client of ``first``, ``there`` one of ``second``."""

    def __init__(
        self,
        serve: Callable[..., Served],
        url: str | Sequence[str],
        clocks: Sequence[FakeClock | None] = (None, None),
        *,
        hangs: bool = False,
        **options: Any,
    ) -> None:
        """Start them, and connect their clients.

        Args:
            serve: Starts a server.
            url: Of the broker; or one for each server.
            clocks: Of the servers; None: the real one.
            hangs: Whether the broker hangs, so that clients wait to be let in.
            options: Of both servers.
        """
        urls = [url, url] if isinstance(url, str) else url
        self.clocks = clocks
        self.gaps = [Gaps() for _ in urls]
        self.first, self.second = self.servers = [
            serve(adapter=url, clock=clock, **options)
            for url, clock in zip(urls, clocks, strict=True)
        ]
        self.buses = [bus_of(served) for served in self.servers]
        for served, gaps in zip(self.servers, self.gaps, strict=True):
            served.io.observe(gaps)
            served.io.start()
        clients = [gevent.spawn(served.connect) for served in self.servers]
        if hangs:
            wait_until(lambda: all(bus.connecting for bus in self.buses))
            self.advance(SETTLING)
        (self.here, self.socket), (self.there, _) = (each.get() for each in clients)

    def stats(self, number: int = 0) -> AdapterStats:
        stats = self.servers[number].io.stats().adapter
        assert stats is not None
        return stats

    def wait_up(self) -> None:
        wait_until(lambda: all(bus.up for bus in self.buses))

    def wait_two(self) -> None:
        """Wait until each has counted both, and the broker owes nothing."""
        for number in range(2):
            wait_until(lambda number=number: self._count(number) == 2)  # type: ignore[misc]
        wait_until(lambda: not any(bus.owed for bus in self.buses))

    def _count(self, number: int) -> int:
        """Return how many servers one of them counts, which may take it some time."""
        counting = gevent.spawn(self.servers[number].io.sockets.adapter.server_count)
        clock = self.clocks[number]
        while clock is not None and not counting.ready():
            counting.join(AT_ONCE)
            clock.advance(0.0 if counting.ready() else 0.1)
        count: int = counting.get()
        return count

    def wait_down(self) -> None:
        wait_until(lambda: not any(bus.up for bus in self.buses))

    def local(self, number: int) -> None:
        """Say something, which the first server's own client gets at once."""
        self.first.io.emit("n", number)
        assert self.here.receive_event() == ["n", number]

    def local_message(self, size: int) -> None:
        """Take a message with so many bytes, which was said to all."""
        self.local_message_of(b"x" * size)

    def local_message_of(self, content: bytes) -> None:
        """Take a message with these bytes, which was said to all."""
        assert str(self.here.receive_message()).startswith("451-")
        assert self.here.receive_message() == content

    # ---- with fake clocks

    def advance(self, seconds: float) -> None:
        """Let time pass for both, at most until a broker that hangs is given up."""
        for clock in self.clocks:
            assert clock is not None
            clock.advance(seconds)

    def pass_time(self, seconds: int) -> None:
        """Let time pass second by second; the broker answers in no time."""
        for _ in range(seconds):
            wait_until(lambda: not any(bus.owed for bus in self.buses))
            self.advance(1)

    def advance_until_connecting(self) -> None:
        """Let time pass until both have just begun to connect."""
        for bus, clock in zip(self.buses, self.clocks, strict=True):
            assert clock is not None
            while bus.connecting:
                clock.advance(STEP)
            while not bus.connecting:
                clock.advance(STEP)

    def advance_until(self, fact: Callable[[], bool]) -> None:
        """Let time pass for both until something is true; the broker answers."""
        while not fact():
            wait_until(lambda: fact() or not any(bus.owed for bus in self.buses))
            self.advance(STEP)


class BrokerBus(Protocol):
    """A bus over a broker, as tests see it."""

    @property
    def up(self) -> bool: ...
    @property
    def connecting(self) -> bool: ...
    @property
    def owed(self) -> bool: ...
    @property
    def idle(self) -> bool: ...
    @property
    def heard(self) -> int: ...


def bus_of(served: Served) -> BrokerBus:
    """Return the bus of a server whose adapter is a URL."""
    cluster = served.io.adapter()
    assert isinstance(cluster, Cluster)
    bus: Any = cluster.bus
    return bus  # type: ignore[no-any-return]


class Gaps(Observer):
    """What a server announces as missing."""

    def __init__(self) -> None:
        self.all: list[Gap] = []

    def adapter_gap(self, gap: Gap) -> None:
        self.all.append(gap)
