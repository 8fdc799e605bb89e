"""What an admin page may ask beyond Node's: slow handlers, queues, tails, kicks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

import sockio
from sockio.adapters import Cluster, Exchange
from sockio.testing import FakeClock, TestClient
from tests.support.admin import page, told
from tests.support.served import Gate
from tests.support.waiting import wait_until

NOW = "2023-11-14T22:13:20.000Z"


class Pair:
    """Two servers; the page is connected to the first, the client to one of them."""

    def __init__(self, where: int, **options: Any) -> None:
        exchange = Exchange()
        self.clock = FakeClock()
        self.servers = [
            sockio.Server(clock=self.clock, adapter=Cluster(exchange.bus()))
            for _ in range(2)
        ]
        for number, io in enumerate(self.servers):
            options = {"mode": "production", "auth": False, **options}
            sockio.instrument(io, **options, server_id=f"server {number}")
            io.start()
        self.page = page(self.servers[0])
        self.io = self.servers[where]
        wait_until(lambda: self.io.reactor.observers.of_packets)
        self.client = TestClient(self.io)
        told(self.page)

    def close(self) -> None:
        self.client.close()
        self.page.close()
        for io in self.servers:
            io.close()


@pytest.fixture(params=[0, 1], ids=["here", "on another server"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    pair = Pair(request.param)
    yield pair
    pair.close()


# ------------------------------------------------------------------ slow handlers


def test_a_slow_handler_is_told(pair: Pair) -> None:
    gate = Gate()
    pair.client.socket.on("quick", lambda: None)
    pair.client.socket.on("slow", lambda: gate.stop())
    pair.client.emit("quick")
    calling = gevent.spawn(pair.client.emit, "slow")
    gate.wait_reached()

    pair.clock.advance(1.5)
    gate.open()
    calling.get()

    about, when = pair.page.expect("slow_handler", timeout=60)
    assert about == {
        "serverId": f"server {pair.servers.index(pair.io)}",
        "kind": "event",
        "nsp": "/",
        "id": pair.client.id,
        "event": "slow",
        "seconds": 1.5,
        "failed": False,
    }
    assert when.startswith("2023-11-14T22:13:21.500")
    pair.page.expect_nothing("slow_handler")


# ------------------------------------------------------------------ queues


def test_what_waits_is_told(pair: Pair) -> None:
    gate = Gate()
    pair.client.socket.on("work", lambda *_: gate.stop())
    raising = gevent.spawn(_emit_many, pair.client, 3)
    gate.wait_reached()
    wait_until(lambda: pair.client.socket.conn.intake.events == 2)

    pair.clock.advance(2)

    name = f"server {pair.servers.index(pair.io)}"
    while True:
        [queues] = pair.page.expect("queues", timeout=60)
        if queues["serverId"] == name and queues["events"]:
            break
    [waiting] = queues["clients"]
    assert (queues["events"], waiting["events"]) == (2, 2)
    assert waiting["bytes"] == queues["bytes"] > 0
    assert (waiting["buffered"], waiting["paused"]) == (0, False)
    assert len(waiting["clientId"]) == 12
    gate.open()
    raising.get()


def _emit_many(client: TestClient, count: int) -> None:
    for emitting in [gevent.spawn(client.emit, "work") for _ in range(count)]:
        emitting.get()


# ------------------------------------------------------------------ tails


def test_a_page_follows_one_socket(pair: Pair) -> None:
    other = TestClient(pair.io)
    client = pair.client
    client.socket.on("login", lambda who: {"token": "x"})

    assert pair.page.emit_with_ack("tail", "/", client.id) is True
    client.emit_with_ack("login", {"name": "ann", "password": "s3cret"})
    other.emit("unseen")
    client.socket.emit("news", b"x")

    got = [_tailed(pair) for _ in range(3)]
    login = {"name": "ann", "password": "[hidden]"}
    assert [(about["way"], about["type"], about["data"]) for about in got] == [
        ("in", "event", ["login", login]),
        ("out", "ack", [{"token": "[hidden]"}]),
        ("out", "event", ["news", b"x"]),
    ]
    assert got[0]["ack"] == got[1]["ack"]
    pair.page.emit_with_ack("untail")
    client.emit("unseen")
    pair.page.settle()
    pair.page.expect_nothing("tailed")
    other.close()


def _tailed(pair: Pair) -> dict[str, Any]:
    namespace, sid, about, when = pair.page.expect("tailed", timeout=60)
    assert (namespace, sid, when) == ("/", pair.client.id, NOW)
    return dict(about)


def test_the_end_of_a_socket_ends_its_tail(pair: Pair) -> None:
    pair.page.emit_with_ack("tail", "/", pair.client.id)
    observers = len(pair.io.reactor.observers.all)

    pair.client.socket.disconnect()

    assert _tailed_end(pair) == {
        "way": "gone",
        "reason": "server namespace disconnect",
    }
    assert len(pair.io.reactor.observers.all) == observers - 1


def _tailed_end(pair: Pair) -> dict[str, Any]:
    while True:
        about = dict(pair.page.expect("tailed", timeout=60)[2])
        if about["way"] == "gone":
            return about


def test_a_page_that_goes_leaves_no_tail(pair: Pair) -> None:
    pair.page.emit_with_ack("tail", "/", pair.client.id)
    pair.page.close()

    wait_until(lambda: not pair.io.reactor.observers.of_packets)


@pytest.mark.parametrize(
    "args", [(), (None,), ("/", "nobody"), ("/nowhere", "x"), ("/", 5), ("/", "x", 1)]
)
@pytest.mark.parametrize("name", ["tail", "kick"])
def test_nobody_is_followed_or_kicked(name: str, args: tuple[Any, ...]) -> None:
    pair = Pair(0)

    assert pair.page.emit_with_ack(name, *args) is False
    assert pair.client.connected
    pair.close()


# ------------------------------------------------------------------ kicks


def test_a_client_is_kicked(pair: Pair) -> None:
    sid = pair.client.id

    assert pair.page.emit_with_ack("kick", "/", sid) is True

    assert pair.client.expect_disconnect(timeout=60) == "io server disconnect"
    assert pair.page.emit_with_ack("kick", "/", sid) is False


def test_pages_are_out_of_reach(pair: Pair) -> None:
    other = page(pair.io)

    assert pair.page.emit_with_ack("kick", "/admin", other.id) is False
    assert pair.page.emit_with_ack("tail", "/admin", other.id) is False

    assert other.connected
    other.close()


def test_a_server_to_look_at_kicks_nobody() -> None:
    pair = Pair(1, readonly=True)
    first = pair.servers[0].of("/admin")

    pair.page.emit("kick", "/", pair.client.id)
    first.server_side_emit("sockio:admin:kick", "/", pair.client.id)
    assert pair.page.emit_with_ack("tail", "/", pair.client.id) is True

    assert pair.client.connected
    pair.close()
