from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters.buses.redis.streams import StreamsBus
from tests.contract.adapters import AdapterContract, Cluster
from tests.support.redis_server import RedisServer, settle_streams

from .three_servers import three_servers


class TestThreeServersOnOneStream(AdapterContract):
    """Their clock stands still: nothing here may need time to pass."""

    options = "?prefix=contract"

    @pytest.fixture
    def cluster(self, redis_server: RedisServer) -> Iterator[Cluster]:
        url = redis_server.url.replace("redis:", "redis+streams:") + self.options
        buses = [StreamsBus(url) for _ in range(3)]
        with three_servers(buses, lambda: settle_streams(buses)) as cluster:
            yield cluster


class TestThreeServersOnSeveralStreams(TestThreeServersOnOneStream):
    options = "?prefix=contract&stream_count=3"
