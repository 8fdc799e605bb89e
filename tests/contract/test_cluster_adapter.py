from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sockio.adapters import Bus, Exchange, SiblingsBus
from sockio.adapters import Cluster as ClusterOf
from sockio.runtime.reactor import Reactor
from sockio.siblings.place import Folder
from sockio.testing import FakeClock
from tests.contract.adapters import AdapterContract, Cluster


def connected(buses: list[Bus]) -> Iterator[Cluster]:
    """Give servers that are connected by these buses."""
    clock = FakeClock()
    clusters = [ClusterOf(bus) for bus in buses]
    for each in clusters:
        reactor = Reactor(clock)
        reactor.start()
        each.start(reactor)
    cluster = Cluster(clusters, clock.settle)
    yield cluster
    cluster.close()
    for each in clusters:
        each.close()
    assert clock.armed == 0


class TestThreeServersOfOneProcess(AdapterContract):
    @pytest.fixture
    def cluster(self) -> Iterator[Cluster]:
        exchange = Exchange()
        yield from connected([exchange.bus() for _ in range(3)])


class TestThreeSiblings(AdapterContract):
    @pytest.fixture
    def cluster(self, tmp_path: Path) -> Iterator[Cluster]:
        yield from connected([SiblingsBus(Folder(tmp_path)) for _ in range(3)])
