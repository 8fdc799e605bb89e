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
def url() -> Iterator[str]:
    """Give the base URL of the Socket.IO suite's server."""
    if ELSEWHERE:
        yield ELSEWHERE
        return
    loopback = Loopback(suite_servers.socket_server())
    yield loopback.url
    loopback.close()
