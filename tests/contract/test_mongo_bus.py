from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters.buses.mongo.bus import MongoBus
from sockio.adapters.buses.presence import GREETING
from tests.contract.adapters import AdapterContract, Cluster
from tests.support.mongo_server import MongoServer, settle

from .three_servers import three_servers


class TestThreeServersOnOneCollection(AdapterContract):
    """Their clock stands still: nothing here may need time to pass."""

    @pytest.fixture
    def cluster(self, mongo_server: MongoServer) -> Iterator[Cluster]:
        buses = [MongoBus(mongo_server.url) for _ in range(3)]
        with three_servers(
            buses, lambda: settle(mongo_server, buses), GREETING
        ) as cluster:
            yield cluster
