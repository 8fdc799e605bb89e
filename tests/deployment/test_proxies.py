"""Proxies, run as docs/proxies.rst prints them, and official clients before them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import sockio
from tests.support import services
from tests.support.deployed import CERTIFICATE, OUR_WORKER, Deployed, gunicorn
from tests.support.loopback import Loopback
from tests.support.node import FOLDER, Driver, JsClient
from tests.support.nodes import Node
from tests.support.proxies import Caddy, Haproxy, Nginx, Proxy
from tests.support.raw_websocket import RawWebSocket
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

#: The longest silence of a connection that works: ping_interval and ping_timeout.
SILENCE = 25 + 20
#: How long our servers keep an idle connection, and gunicorn as the page says.
KEEP_ALIVE = 75

every_proxy = pytest.mark.parametrize("kind", [Nginx, Haproxy, Caddy])


@pytest.fixture(scope="module")
def behind() -> Iterator[Deployed]:
    """Give a server with two workers."""
    options = ("-w", "2", "--keep-alive", str(KEEP_ALIVE))
    app = "tests.deployment.apps.proxied:io"
    with Deployed(*gunicorn(OUR_WORKER, app, *options)) as server:
        yield server
        server.end_quietly()


@pytest.fixture(scope="module", params=[Nginx, Haproxy, Caddy])
def proxy(
    request: pytest.FixtureRequest,
    behind: Deployed,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    """Give a proxy in front of it; it may complain of nothing."""
    with request.param(tmp_path_factory.mktemp("proxy"), behind.port) as proxy:
        yield proxy
    errors = [line for line in proxy.log.splitlines() if "error" in line.lower()]
    # nginx has no such file. Caddy ends, and closes the connection of a client that has
    # just gone.
    harmless = ("/health", "cleanup: tls: failed to send closeNotify alert")
    assert [line for line in errors if not any(it in line for it in harmless)] == []


def connect(node: Driver, proxy: Proxy, *transports: str) -> JsClient:
    """Connect an official client, which checks the proxy's certificate."""
    ca = CERTIFICATE.read_text()
    client = node.connect(proxy.url, transports=transports, ca=ca, withCredentials=True)
    client.next("connect")
    return client


# ------------------------------------------------------------------ one server


def test_the_program_accepts_its_file(proxy: Proxy) -> None:
    code, said = proxy.check()

    assert code == 0, said
    # Caddy has a taste of its own: tabs.
    complaints = [line for line in said.lower().splitlines() if "warn" in line]
    assert [line for line in complaints if "not formatted" not in line] == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_large_messages_both_ways(proxy: Proxy, node: Driver, transport: str) -> None:
    client = connect(node, proxy, transport)
    large = ["x" * 900_000, bytes(range(256)) * 2500]

    assert client.emit_with_ack("echo", *large) == large
    assert client.state()["transport"] == transport


def test_an_upgrade(proxy: Proxy, node: Driver) -> None:
    client = connect(node, proxy, "polling", "websocket")

    client.next("upgrade")

    assert client.state()["transport"] == "websocket"
    assert client.emit_with_ack("echo", 1) == [1]


def test_the_clients_own_address_is_known(proxy: Proxy) -> None:
    connection = proxy.connection("127.0.0.7")
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
    target = "/socket.io/?EIO=4&transport=websocket"
    websocket = RawWebSocket(connection, target, headers=forged)
    websocket.receive()
    websocket.send("40")
    websocket.receive()

    websocket.send('421["client"]')

    assert websocket.receive_message() == '431["127.0.0.7",true]'
    websocket.close()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("{proxy.url}", 200),
        ("https://page.example", 200),
        ("https://stranger.example", 403),
    ],
)
def test_pages_of_an_origin(proxy: Proxy, origin: str, status: int) -> None:
    origin = origin.format(proxy=proxy)
    connection = proxy.connection()

    answer = connection.request(
        "GET", "/socket.io/?EIO=4&transport=polling", headers={"Origin": origin}
    )

    assert answer.status == status
    if origin == "https://page.example":
        # Two of them would be "..., ...".
        assert answer.headers["access-control-allow-origin"] == origin
    connection.close()


def test_http_2(proxy: Proxy) -> None:
    target = f"{proxy.url}/socket.io/?EIO=4&transport=polling"
    curl = [services.program("curl"), "-s", "--http2", "--cacert", str(CERTIFICATE)]
    answer = subprocess.run(
        [*curl, "-w", "\n%{http_version}", target],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    opened, version = answer.stdout.split("\n")
    assert version == "2"
    assert json.loads(opened[1:])["upgrades"] == ["websocket"]


def test_websockets_over_http_2(proxy: Proxy) -> None:
    script = [services.program("node"), str(FOLDER / "http2_websocket.mjs"), proxy.url]
    answer = subprocess.run(
        script,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(CERTIFICATE)},
        capture_output=True,
        timeout=60,
        check=True,
    )

    found = json.loads(answer.stdout)
    assert found["offered"] == isinstance(proxy, Haproxy)
    if found["offered"]:
        assert found["status"] == 200
        assert found["first"].startswith('0{"sid":')


def test_what_is_beside_stays_inside(proxy: Proxy) -> None:
    connection = proxy.connection()

    answer = connection.request("GET", "/health")

    assert "alive" not in answer.text
    connection.close()


def test_no_connection_is_given_up_too_early(proxy: Proxy) -> None:
    for directive in proxy.silence:
        assert proxy.seconds(directive) > SILENCE
    for directive in proxy.kept:
        assert proxy.seconds(directive) < KEEP_ALIVE


# ------------------------------------------------------------------ several servers


class Counted:
    """How many requests of clients have reached which server."""

    def __init__(self, *servers: Loopback) -> None:
        self.requests = [0 for _ in servers]
        self._servers = servers
        for number, server in enumerate(servers):
            server.engine.use(partial(self._count, number))

    def _count(self, number: int, request: Any, response: Any) -> None:
        self.requests[number] += 1

    def clients(self) -> int:
        """Return how many clients there are."""
        return sum(server.engine.clients_count for server in self._servers)


@pytest.fixture
def nodes(redis_server: RedisServer) -> Iterator[list[Node]]:
    """Give two servers that know each other."""
    nodes = [Node(redis_server.url, ready="/ready") for _ in range(2)]
    yield nodes
    for server in nodes:
        server.close()


@every_proxy
def test_several_servers_that_know_each_other(
    kind: type[Proxy], nodes: list[Node], tmp_path: Path, node: Driver
) -> None:
    counted = Counted(*nodes)
    ports = [int(node.address.rpartition(":")[2]) for node in nodes]
    with kind(tmp_path, *ports, several="several") as proxy:
        clients = [
            connect(node, proxy, *way)
            for way in (("polling",), ("websocket",), ("polling", "websocket"))
            for _ in range(2)
        ]

        for server in nodes:
            server.io.emit("said", server.address)

        for client in clients:
            heard = {client.next("said").args[0] for _ in nodes}
            assert heard == {server.address for server in nodes}
        assert counted.clients() == len(clients)
        assert all(counted.requests)
        node.reset()
        wait_until(lambda: counted.clients() == 0)


@every_proxy
def test_several_servers_that_do_not(
    kind: type[Proxy], tmp_path: Path, node: Driver
) -> None:
    servers = [Loopback(sockio.Server()) for _ in range(2)]
    counted = Counted(*servers)
    ports = [int(server.url.rpartition(":")[2]) for server in servers]
    with kind(tmp_path, *ports, several="sticky") as proxy:
        count = 0
        # Caddy draws the server of a client. All of these clients have one address, and
        # nginx goes by addresses.
        while count < 3 or not (kind is Nginx or all(counted.requests)):
            client = connect(node, proxy, "polling", "websocket")
            client.next("upgrade")
            count += 1

        assert counted.clients() == count
        assert all(counted.requests) == (kind is not Nginx)
        node.reset()
        wait_until(lambda: counted.clients() == 0)
    for server in servers:
        server.close()
