from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.adapters import MemoryAdapter
from tests.contract.adapters import AdapterContract, Cluster


class TestMemory(AdapterContract):
    @pytest.fixture
    def cluster(self) -> Iterator[Cluster]:
        cluster = Cluster([MemoryAdapter])
        yield cluster
        cluster.close()
