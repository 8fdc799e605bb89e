from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters import Cluster as ClusterOf
from sockio.adapters.buses.postgres.bus import PostgresBus
from sockio.adapters.buses.presence import GREETING
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.contract.adapters import AdapterContract, Cluster
from tests.support.postgres import Postgres, settle


class TestThreeServersOnOnePostgres(AdapterContract):
    """Their clock stands still: nothing here may need time to pass."""

    options = ""

    @pytest.fixture
    def cluster(self, postgres_server: Postgres) -> Iterator[Cluster]:
        clock = FakeClock()
        buses = [PostgresBus(postgres_server.url + self.options) for _ in range(3)]
        clusters = [ClusterOf(bus) for bus in buses]
        for each in clusters:
            reactor = Reactor(clock)
            reactor.start()
            each.start(reactor)
        cluster = Cluster(clusters, lambda: settle(buses))
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


class TestEverythingAttached(TestThreeServersOnOnePostgres):
    options = "?payload_threshold=0&prefix=a%22b"
