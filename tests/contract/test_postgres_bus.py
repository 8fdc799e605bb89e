from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters.buses.postgres.bus import PostgresBus
from sockio.adapters.buses.presence import GREETING
from tests.contract.adapters import AdapterContract, Cluster
from tests.support.postgres import Postgres, settle

from .three_servers import three_servers


class TestThreeServersOnOnePostgres(AdapterContract):
    """Their clock stands still: nothing here may need time to pass."""

    options = ""

    @pytest.fixture
    def cluster(self, postgres_server: Postgres) -> Iterator[Cluster]:
        buses = [PostgresBus(postgres_server.url + self.options) for _ in range(3)]
        with three_servers(buses, lambda: settle(buses), GREETING) as cluster:
            yield cluster


class TestEverythingAttached(TestThreeServersOnOnePostgres):
    options = "?payload_threshold=0&prefix=a%22b"
