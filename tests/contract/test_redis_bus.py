from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters import Cluster as ClusterOf
from sockio.adapters.buses.redis.bus import RedisBus
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.contract.adapters import AdapterContract, Cluster
from tests.support.redis_server import RedisServer, settle


class TestThreeServersOnOneBroker(AdapterContract):
    """Their clock stands still: nothing here may need time to pass."""

    options = ""

    @pytest.fixture
    def cluster(self, redis_server: RedisServer) -> Iterator[Cluster]:
        clock = FakeClock()
        buses = [RedisBus(redis_server.url + self.options) for _ in range(3)]
        clusters = [ClusterOf(bus) for bus in buses]
        for each in clusters:
            reactor = Reactor(clock)
            reactor.start()
            each.start(reactor)
        cluster = Cluster(clusters, lambda: settle(buses))
        yield cluster
        cluster.close()
        for each in clusters:
            each.close()
        for each in clusters:
            stats = each.stats()
            assert (stats.unreadable, stats.lost, stats.uncertain) == (0, 0, 0)
            assert (stats.messages_waiting, stats.bytes_waiting) == (0, 0)
        assert clock.armed == 0


class TestAnswersForOneServerAlone(TestThreeServersOnOneBroker):
    options = "?publish_on_specific_response_channel=true&prefix=a*[b]"


class TestChannelsOfRooms(TestThreeServersOnOneBroker):
    options = "?mode=sharded"


class TestChannelsOfAllRooms(TestThreeServersOnOneBroker):
    options = "?mode=sharded&subscription_mode=dynamic-private&prefix={a}"


class TestOneChannelForAllRooms(TestThreeServersOnOneBroker):
    options = "?mode=sharded&subscription_mode=static&prefix=a%23"
