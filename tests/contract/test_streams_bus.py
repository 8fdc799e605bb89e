from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters import Cluster as ClusterOf
from sockio.adapters.buses.redis.streams import StreamsBus
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.contract.adapters import AdapterContract, Cluster
from tests.support.redis_server import RedisServer, settle_streams


class TestThreeServersOnOneStream(AdapterContract):
    """Their clock stands still: nothing here may need time to pass."""

    options = "?prefix=contract"

    @pytest.fixture
    def cluster(self, redis_server: RedisServer) -> Iterator[Cluster]:
        clock = FakeClock()
        url = redis_server.url.replace("redis:", "redis+streams:") + self.options
        buses = [StreamsBus(url) for _ in range(3)]
        clusters = [ClusterOf(bus) for bus in buses]
        for each in clusters:
            reactor = Reactor(clock)
            reactor.start()
            each.start(reactor)
        cluster = Cluster(clusters, lambda: settle_streams(buses))
        yield cluster
        cluster.close()
        for each in clusters:
            each.close()
        for each in clusters:
            stats = each.stats()
            assert (stats.unreadable, stats.lost, stats.uncertain) == (0, 0, 0)
            assert (stats.messages_waiting, stats.bytes_waiting) == (0, 0)
        assert clock.armed == 0


class TestThreeServersOnSeveralStreams(TestThreeServersOnOneStream):
    options = "?prefix=contract&stream_count=3"
