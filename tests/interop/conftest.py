"""The server for official clients, and the process of the Python clients."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support import suite_servers
from tests.support.loopback import Loopback
from tests.support.python_socketio import PythonDriver

#: Base URL of another implementation of the suites' server, to try the driver.
ELSEWHERE = os.environ.get("SOCKIO_TEST_URL")


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the base URL of the Socket.IO suite's server, patient enough for a busy CPU.

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


@pytest.fixture(scope="session")
def _python_process() -> Iterator[PythonDriver]:
    driver = PythonDriver()
    yield driver
    driver.close()


@pytest.fixture
def python(_python_process: PythonDriver) -> Iterator[PythonDriver]:
    """Give the process of the clients; disconnect them after the test."""
    yield _python_process
    _python_process.reset()
