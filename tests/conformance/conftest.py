"""The servers of the conformance tests: ours, in this process, or others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import pytest

from tests.support import suite_servers
from tests.support.echo_servers import EchoServer, NodeEcho, OurEcho, Settings
from tests.support.loopback import Loopback
from tests.support.node import Driver
from tests.support.raw_client import RawClient

#: Base URL of another implementation with the servers of both suites, to try the tests.
ELSEWHERE = os.environ.get("SOCKIO_TEST_URL")
#: The suites' own runner is collected only if a checkout of them is named.
collect_ignore = [] if "SOCKIO_SUITES" in os.environ else ["test_official_suites.py"]
PATHS = {
    "engine": "/engine.io/",
    "engine3": "/engine.io/",
    "socket": "/socket.io/",
}
#: Nothing comes in between, and nobody is late, however busy the machine is.
PATIENT = {
    "/engine.io/": {"ping_interval": 25.0, "ping_timeout": 20.0},
    "/socket.io/": {
        "ping_interval": 25.0,
        "ping_timeout": 20.0,
        "connect_timeout": 45.0,
    },
}
MAKE: dict[str, Callable[..., Any]] = {
    "engine": suite_servers.engine_server,
    "engine3": suite_servers.old_engine_server,
    "socket": suite_servers.socket_server,
}


@pytest.fixture
def hasty() -> bool:
    """Whether our server has the suites' limits: pings come, and the silent must go."""
    return False


@pytest.fixture(params=["socket"])
def client(request: pytest.FixtureRequest, hasty: bool) -> Iterator[RawClient]:
    """Give a raw client; the parameter says which server, and on which HTTP server."""
    which, _, kind = request.param.partition("/")
    protocol = 3 if which == "engine3" else 4
    if ELSEWHERE:
        if kind == "pywsgi":
            pytest.skip("the server is elsewhere")
        with RawClient(ELSEWHERE, PATHS[which], protocol) as raw:
            yield raw
        return
    limits = {} if hasty else PATIENT[PATHS[which]]
    loopback = Loopback(
        MAKE[which](**limits), "pywsgi" if kind == "pywsgi" else "sockio"
    )
    yield loopback.client(protocol=protocol)
    loopback.close()


class Peers(Protocol):
    """Starts echo servers of one kind, and raw clients of them."""

    def __call__(self, **settings: Any) -> Peer: ...


class Peer(NamedTuple):
    """An echo server, and a raw client of it."""

    server: EchoServer
    raw: RawClient


@pytest.fixture(scope="session", params=["sockio", "node"])
def _other_driver(request: pytest.FixtureRequest) -> Driver | None:
    """Give the Node process if its server is wanted."""
    if request.param == "sockio":
        return None
    driver: Driver = request.getfixturevalue("_node_process")
    return driver


@pytest.fixture
def peers(_other_driver: Driver | None) -> Iterator[Peers]:
    """Give what starts an echo server, of ours or of Node's; see ``Settings``."""
    node = _other_driver
    started: list[OurEcho] = []
    clients: list[RawClient] = []

    def start(**settings: Any) -> Peer:
        chosen = Settings(**settings)
        server: OurEcho | NodeEcho
        if node is not None:
            server = NodeEcho(node, chosen)
        else:
            server = OurEcho(chosen)
            started.append(server)
        clients.append(RawClient(server.url, "/socket.io/"))
        return Peer(server, clients[-1])

    yield start
    for client in clients:
        client.close()
    for ours in started:
        ours.close()
    if node is not None:
        node.reset()
