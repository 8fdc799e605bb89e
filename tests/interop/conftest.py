"""The server that the official clients speak to: ours, or one elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support import suite_servers
from tests.support.loopback import Loopback

#: Base URL of another implementation of the suites' server; to try the driver.
ELSEWHERE = os.environ.get("SOCKIO_TEST_URL")


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the base URL of the Socket.IO suite's server, with patience for a busy CPU.

    Indirect parameters are options of the server.
    """
    if ELSEWHERE:
        yield ELSEWHERE
        return
    options = {"ping_interval": 25.0, "ping_timeout": 20.0, "connect_timeout": 45.0}
    options.update(getattr(request, "param", {}))
    loopback = Loopback(suite_servers.socket_server(**options))
    yield loopback.url
    loopback.close()
