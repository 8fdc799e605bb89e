"""Three processes of one host act as one; one is killed, or stopped for a while."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from tests.support.deployed import Deployed
from tests.support.node import Driver, JsClient

#: Seconds within which a process answers that waits for nobody.
SOON = 0.5


class Servers:
    """Three servers that meet in a folder."""

    def __init__(self, folder: Path) -> None:
        command = ("-m", "tests.deployment.apps.siblings", str(folder))
        starting = [gevent.spawn(Deployed, *command) for _ in range(3)]
        self.running: list[Deployed] = [each.get() for each in starting]

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for server in self.running:
            server.send(signal.SIGCONT)
            server.kill()


class Three:
    """Three servers, each with one client."""

    def __init__(self, servers: list[Deployed], node: Driver) -> None:
        self.servers = servers
        self.clients = [
            node.connect(server.url, transports=["websocket"], reconnection=False)
            for server in servers
        ]
        for client in self.clients:
            client.next("connect")
        self.wait_for(3)

    def wait_for(self, servers: int) -> None:
        """Wait until the living servers know of each other."""
        for client in self.clients[:servers]:
            while client.emit_with_ack("servers") != [servers]:
                pass

    def ids(self, count: int) -> list[str]:
        """Return the ids of the first clients."""
        return sorted(client.state()["id"] for client in self.clients[:count])


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Give three servers that no test ends."""
    with Servers(tmp_path_factory.mktemp("siblings")) as servers:
        yield servers


@pytest.fixture
def three(servers: Servers, node: Driver) -> Three:
    """Give them with a new client of each."""
    return Three(servers.running, node)


@pytest.fixture
def others(tmp_path: Path, node: Driver) -> Iterator[Three]:
    """Give three servers, of which a test may end some, with a client of each."""
    with Servers(tmp_path) as servers:
        yield Three(servers.running, node)


def shouts(client: JsClient) -> dict[str, list[int]]:
    """Take what a client has heard, by who shouted."""
    heard: dict[str, list[int]] = {}
    for event in client.take("shouted"):
        name, number, *_ = event.args
        heard.setdefault(name, []).append(number)
    return heard


def test_all_hear_each_other_in_order(three: Three) -> None:
    for name, client in zip("abc", three.clients, strict=True):
        client.emit("shout", name, 300)

    for client in three.clients:
        assert sorted(client.next("done").args[0] for _ in "abc") == ["a", "b", "c"]
        assert shouts(client) == {name: list(range(300)) for name in "abc"}
    assert three.clients[0].emit_with_ack("find")[1] == three.ids(3)


def test_nobody_waits_for_a_process_that_is_killed(others: Three) -> None:
    first, second, third = others.clients
    ids = others.ids(2)
    asking = gevent.spawn(first.emit_with_ack, "ask")
    first.ack(first.next("question").args[-1], "first")
    second.ack(second.next("question").args[-1], "second")
    third.next("question")

    others.servers[2].send(signal.SIGKILL)

    assert sorted(asking.get()[0]) == ["first", "second"]
    for client in (first, second):
        seconds, found = client.emit_with_ack("find")
        assert found == ids
        assert seconds < SOON
        assert client.emit_with_ack("servers") == [2]
    first.emit("shout", "a", 100)
    second.next("done")
    assert shouts(second) == {"a": list(range(100))}
    assert first.state()["connected"]
    assert second.state()["connected"]


def test_nobody_waits_for_a_process_that_is_stopped(three: Three) -> None:
    first, second, third = three.clients
    ids = three.ids(3), three.ids(2)
    three.servers[2].send(signal.SIGSTOP)

    first.emit("shout", "a", 300)
    second.next("done")
    three.servers[0].read_log_until("hangs: nobody waits for it")
    seconds, found = first.emit_with_ack("find")
    second.emit("shout", "b", 100)
    first.next("done")
    first.next("done")

    assert found == ids[1]
    assert seconds < SOON
    assert first.emit_with_ack("servers") == [2]

    three.servers[2].send(signal.SIGCONT)

    three.wait_for(3)
    assert first.emit_with_ack("find")[1] == ids[0]
    for _ in "ab":
        third.next("done")
    assert shouts(third) == {"a": list(range(300)), "b": list(range(100))}
    third.emit("shout", "c", 100)
    for _ in "bc":
        second.next("done")
    assert shouts(second)["c"] == list(range(100))
