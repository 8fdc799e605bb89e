from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters import Cluster as ClusterOf
from sockio.adapters.buses.mongo.bus import MongoBus
from sockio.adapters.buses.presence import GREETING
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.contract.adapters import AdapterContract, Cluster
from tests.support.mongo_server import MongoServer, settle


class TestThreeServersOnOneCollection(AdapterContract):
    """Their clock stands still: nothing here may need time to pass."""

    @pytest.fixture
    def cluster(self, mongo_server: MongoServer) -> Iterator[Cluster]:
        clock = FakeClock()
        buses = [MongoBus(mongo_server.url) for _ in range(3)]
        clusters = [ClusterOf(bus) for bus in buses]
        for each in clusters:
            reactor = Reactor(clock)
            reactor.start()
            each.start(reactor)
        cluster = Cluster(clusters, lambda: settle(mongo_server, buses))
        clock.advance(GREETING)
        yield cluster
        cluster.close()
        for each in clusters:
            each.close()
        for each in clusters:
            stats = each.stats()
            assert (stats.unreadable, stats.lost, stats.uncertain) == (0, 0, 0)
            assert (stats.messages_waiting, stats.bytes_waiting) == (0, 0)
        assert clock.armed == 0
