from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters.buses.redis.bus import RedisBus
from tests.contract.adapters import AdapterContract, Cluster
from tests.support.redis_server import RedisServer, settle

from .three_servers import three_servers


class TestThreeServersOnOneBroker(AdapterContract):
    """Their clock stands still: nothing here may need time to pass."""

    options = ""

    @pytest.fixture
    def cluster(self, redis_server: RedisServer) -> Iterator[Cluster]:
        buses = [RedisBus(redis_server.url + self.options) for _ in range(3)]
        with three_servers(buses, lambda: settle(buses)) as cluster:
            yield cluster


class TestAnswersForOneServerAlone(TestThreeServersOnOneBroker):
    options = "?publish_on_specific_response_channel=true&prefix=a*[b]"


class TestChannelsOfRooms(TestThreeServersOnOneBroker):
    options = "?mode=sharded"


class TestChannelsOfAllRooms(TestThreeServersOnOneBroker):
    options = "?mode=sharded&subscription_mode=dynamic-private&prefix={a}"


class TestOneChannelForAllRooms(TestThreeServersOnOneBroker):
    options = "?mode=sharded&subscription_mode=static&prefix=a%23"
