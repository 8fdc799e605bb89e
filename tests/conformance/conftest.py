"""The servers of the conformance tests: ours, in this process, or another one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import suite_servers
from tests.support.loopback import Loopback
from tests.support.raw_client import RawClient

#: Base URL of another implementation with the servers of both suites, to try the tests.
ELSEWHERE = os.environ.get("SOCKIO_TEST_URL")
#: The suites' own runner is collected only if a checkout of them is named.
collect_ignore = [] if "SOCKIO_SUITES" in os.environ else ["test_official_suites.py"]
PATHS = {"engine": "/engine.io/", "engine3": "/engine.io/", "socket": "/socket.io/"}
MAKE: dict[str, Callable[[], Any]] = {
    "engine": suite_servers.engine_server,
    "engine3": suite_servers.old_engine_server,
    "socket": suite_servers.socket_server,
}


@pytest.fixture(params=["socket"])
def client(request: pytest.FixtureRequest) -> Iterator[RawClient]:
    """Give a raw client; the parameter says which server, and on which HTTP server."""
    which, _, kind = request.param.partition("/")
    protocol = 3 if which == "engine3" else 4
    if ELSEWHERE:
        if kind == "pywsgi":
            pytest.skip("the server is elsewhere")
        with RawClient(ELSEWHERE, PATHS[which], protocol) as raw:
            yield raw
        return
    loopback = Loopback(MAKE[which](), "pywsgi" if kind == "pywsgi" else "sockio")
    yield loopback.client(protocol=protocol)
    loopback.close()
