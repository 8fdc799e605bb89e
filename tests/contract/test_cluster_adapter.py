from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters import Cluster as ClusterOf
from sockio.adapters import Exchange
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.contract.adapters import AdapterContract, Cluster


class TestThreeServersOfOneProcess(AdapterContract):
    @pytest.fixture
    def cluster(self) -> Iterator[Cluster]:
        clock, exchange = FakeClock(), Exchange()
        clusters = [ClusterOf(exchange.bus()) for _ in range(3)]
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
