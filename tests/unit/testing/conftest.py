from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import sockio


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    server: sockio.Server[Any] = sockio.Server()
    yield server
    server.close()
