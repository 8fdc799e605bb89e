"""A rolling restart: one of two servers is replaced while clients are connected."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from tests.support.deployed import CERTIFICATE, Deployed, page
from tests.support.node import Driver, JsClient
from tests.support.ports import free_port
from tests.support.proxies import Haproxy, Nginx, Proxy
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

WAYS = (["polling"], ["websocket"], ["polling", "websocket"])


@pytest.fixture
def servers(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Deployed]]:
    """Give two servers that know each other, and recover clients."""
    monkeypatch.setenv("ADAPTER", redis_server.url.replace("redis:", "redis+streams:"))
    monkeypatch.setenv("RECOVERY", "1")
    servers: list[Deployed] = []
    for _ in range(2):
        servers.append(start(free_port(), monkeypatch))
    yield servers
    for server in servers:
        server.kill()


def start(port: int, environment: pytest.MonkeyPatch) -> Deployed:
    """Start a server at a port."""
    address = f"127.0.0.1:{port}"
    environment.setenv("ADVERTISE", address)
    app = "tests.deployment.apps.crowd:app"
    return Deployed("-m", "sockio", "run", app, "-b", address)


class Said:
    """Numbers that a server says, and what clients have heard of them."""

    def __init__(self, server: Deployed) -> None:
        self._server = server
        self._numbers = itertools.count()
        self.words: list[str] = []

    def more(self) -> None:
        """Say one number more."""
        word = str(next(self._numbers))
        page(self._server, f"/say?{word}")
        self.words.append(word)

    def while_runs(self, work: gevent.Greenlet) -> None:
        """Say numbers until some work is done."""

        def ready() -> bool:
            self.more()
            return bool(work.ready())

        wait_until(ready, pause=0.02)
        work.get()

    def heard(self, client: JsClient) -> list[str]:
        """Return what a client has heard, once it has heard the last number."""
        found: list[str] = []
        while not found or found[-1] != self.words[-1]:
            found += [event.args[1] for event in client.take("said")]
            gevent.idle()
        return found


@pytest.mark.parametrize("kind", [Haproxy, Nginx])
def test_clients_miss_nothing(
    kind: type[Proxy],
    servers: list[Deployed],
    tmp_path: Path,
    node: Driver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, other = servers
    ports = [server.port for server in servers]
    with kind(tmp_path, *ports, several="several") as proxy:
        clients = [
            node.connect(
                proxy.url,
                transports=way,
                ca=CERTIFICATE.read_text(),
                reconnection=True,
                reconnectionDelay=50,
            )
            for way in WAYS
            for _ in range(3)
        ]
        for client in clients:
            client.next("connect")
        said = Said(other)

        said.while_runs(gevent.spawn(old.stop, signal.SIGTERM))
        old.assert_quiet()
        servers[0] = started = gevent.spawn(start, old.port, monkeypatch)
        said.while_runs(started)
        servers[0] = started.get()
        wait_until(lambda: all(client.state()["connected"] for client in clients), 0.02)
        for _ in range(10):
            said.more()

        for client in clients:
            assert said.heard(client) == said.words
        moved = [client for client in clients if client.take("disconnect")]
        assert moved
        assert all(client.state()["recovered"] for client in moved)
        node.reset()
