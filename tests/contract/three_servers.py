"""Three servers on one broker, in whose time nothing passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sockio.adapters import Cluster as ClusterOf
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock

from .adapters import Cluster


@contextmanager
def three_servers(
    buses: Sequence[Any], settle: Callable[[], None], greeting: float = 0.0
) -> Iterator[Cluster]:
    """Give their cluster; at the end nothing was lost, and nothing waits.

    Args:
        buses: One for each.
        settle: Waits until nothing is on its way.
        greeting: Seconds that they have to find each other.
    """
    clock = FakeClock()
    clusters = [ClusterOf(bus) for bus in buses]
    for each in clusters:
        reactor = Reactor(clock)
        reactor.start()
        each.start(reactor)
    cluster = Cluster(clusters, settle)
    clock.advance(greeting)
    yield cluster
    cluster.close()
    for each in clusters:
        each.close()
    for each in clusters:
        stats = each.stats()
        assert (stats.unreadable, stats.lost, stats.uncertain) == (0, 0, 0)
        assert (stats.messages_waiting, stats.bytes_waiting) == (0, 0)
    assert clock.armed == 0
