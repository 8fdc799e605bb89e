"""A cluster of brokers, and a broker that is replaced when it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from sockio.adapters.buses.redis.connection import slot_of
from sockio.testing import FakeClock
from tests.support.holding_proxy import HoldingProxy
from tests.support.redis_pair import RedisPair
from tests.support.redis_server import RedisServer
from tests.support.redis_sites import SLOTS, RedisCluster, Sentinel
from tests.support.waiting import wait_until

from .conftest import Serve


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Give a cluster of three nodes."""
    cluster = RedisCluster()
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def sentinel() -> Iterator[Sentinel]:
    """Give a broker that a sentinel watches."""
    sentinel = Sentinel()
    yield sentinel
    sentinel.close()


modes = pytest.mark.parametrize("mode", ["pubsub", "sharded"])


@modes
def test_a_cluster(serve: Serve, cluster: RedisCluster, mode: str) -> None:
    urls = [
        f"redis+cluster://127.0.0.1:{node.port}?mode={mode}"
        for node in cluster.nodes[:2]
    ]
    pair = RedisPair(serve, urls)
    pair.wait_two()
    rooms = [f"room {number}" for number in range(20)]
    pair.socket.join(rooms)
    wait_until(lambda: pair.buses[0].up)

    for number, room in enumerate(rooms):
        pair.second.io.to(room).emit("n", number)
    said = [pair.here.receive_event() for _ in rooms]
    assert sorted(said) == [["n", number] for number in range(20)]
    for number in range(20):
        pair.local(number)
        assert pair.there.receive_event() == ["n", number]
    (other,) = pair.second.io.sockets.sockets
    found = pair.first.io.fetch_sockets()
    assert {socket.id for socket in found} == {pair.socket.id, other}
    assert [pair.stats(number).lost for number in (0, 1)] == [0, 0]


def test_servers_find_each_other_in_a_cluster(
    serve: Serve, cluster: RedisCluster
) -> None:
    urls = [f"redis+cluster://127.0.0.1:{node.port}" for node in cluster.nodes[:2]]
    buses: Any = RedisPair(serve, urls).buses
    one, two = (bus.directory for bus in buses)

    for number in range(20):
        assert one.claim(f"name-{number}", "first", 30) == "first"
        assert two.claim(f"name-{number}", "second", 30) == "first"
        assert two.read(f"name-{number}") == "first"


@modes
def test_a_node_of_a_cluster_restarts(
    serve: Serve, cluster: RedisCluster, mode: str
) -> None:
    pair = RedisPair(serve, f"{cluster.url}?mode={mode}")
    pair.wait_two()
    cluster.nodes[0].kill()
    pair.wait_down()
    for number in range(20):
        pair.local(number)
    cluster.nodes[0].start()

    for number in range(20):
        assert pair.there.receive_event() == ["n", number]
    assert pair.stats().gaps > 0
    assert pair.stats().lost == pair.stats().uncertain == 0


def test_a_node_of_a_cluster_hangs(serve: Serve, cluster: RedisCluster) -> None:
    url = f"{cluster.url}?mode=sharded&prefix=hanging"
    pair = RedisPair(serve, url, (FakeClock(), FakeClock()), ping_interval=3600)
    pair.wait_two()
    # Its channel is on the last node.
    slots = [slot_of(b"hanging#/#%d#" % number, SLOTS) for number in range(20)]
    room = str(next(n for n, slot in enumerate(slots) if slot > SLOTS * 2 // 3))
    pair.socket.join(room)
    wait_until(lambda: pair.buses[0].up)
    cluster.nodes[0].stop()

    pair.second.io.to(room).emit("n", 1)
    assert pair.here.receive_event() == ["n", 1]
    pair.advance(5)
    wait_until(lambda: all(bus.owed for bus in pair.buses))
    pair.advance(5)
    pair.wait_down()
    pair.second.io.to(room).emit("n", 2)
    pair.local(3)
    cluster.nodes[0].go_on()
    pair.advance_until(lambda: pair.buses[1].idle)

    assert pair.here.receive_event() == ["n", 2]
    assert (pair.stats(1).lost, pair.stats(1).uncertain) == (0, 0)


def test_another_node_becomes_responsible(serve: Serve, cluster: RedisCluster) -> None:
    pair = RedisPair(serve, f"{cluster.url}?mode=sharded&prefix=moving")
    pair.wait_two()
    pair.socket.join("room")
    wait_until(lambda: pair.buses[0].up)
    slot = slot_of(b"moving#/#room#", SLOTS)

    for node in cluster.nodes:
        cluster.move(slot, to=node)
        wait_until(lambda: pair.buses[0].up)
        _say_until_heard(pair, node.port)
    for number in (0, 1):
        stats = pair.stats(number)
        assert (stats.gaps, stats.lost, stats.uncertain) == (0, 0, 0)


def test_nodes_that_do_not_agree(
    serve: Serve, cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    pair = RedisPair(serve, f"{cluster.url}?mode=sharded&prefix=quarrel")
    pair.wait_two()
    pair.socket.join("room")
    wait_until(lambda: pair.buses[0].up)
    slot = slot_of(b"quarrel#/#room#", SLOTS)
    one, other, _ = cluster.nodes
    cluster.move(slot, to=other)
    asked = _refusals(cluster)

    cluster.tell(other, slot, owner=one)  # which it says of the other one
    pair.second.io.to("room").emit("n", 1)
    said = f"do not agree on which of them is responsible for slot {slot}"
    wait_until(lambda: said in caplog.text)
    assert _refusals(cluster) - asked < 200
    cluster.move(slot, to=one)

    assert pair.here.receive_event() == ["n", 1]
    assert (pair.stats(1).lost, pair.stats(1).uncertain) == (0, 0)


def _refusals(cluster: RedisCluster) -> int:
    """Return how many commands the nodes have refused."""
    told = "".join(node.command("INFO", "commandstats") for node in cluster.nodes)
    return sum(map(int, re.findall(r"rejected_calls=(\d+)", told)))


def _say_until_heard(pair: RedisPair, number: int) -> None:
    """Say something to a room again, as long as its new node is not known."""
    heard = None
    while heard != ["n", number]:
        pair.second.io.to("room").emit("n", number)
        with suppress(TimeoutError):
            heard = pair.here.receive_event(0.1)


def test_a_sentinel_that_hangs(serve: Serve, sentinel: Sentinel) -> None:
    hole = HoldingProxy(sentinel.port)
    hole.allow(0)
    url = sentinel.url.replace("//", f"//127.0.0.1:{hole.port},")
    clocks = FakeClock(), FakeClock()
    pair = RedisPair(serve, url, clocks, hangs=True, ping_interval=3600)
    pair.local(1)
    pair.advance(5)

    pair.advance_until(lambda: all(bus.up for bus in pair.buses))
    pair.wait_two()
    pair.local(2)
    while pair.there.receive_event() != ["n", 2]:
        pass
    hole.close()


def test_a_broker_that_sentinels_do_not_know(
    serve: Serve, sentinel: Sentinel, caplog: pytest.LogCaptureFixture
) -> None:
    pair = RedisPair(serve, sentinel.url.replace("/shop", "/nosuch"))
    wait_until(lambda: "the sentinels know no broker named nosuch" in caplog.text)
    pair.local(1)
    assert not pair.stats().connected


def test_what_is_no_cluster(
    serve: Serve, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    pair = RedisPair(serve, redis_server.url.replace("redis:", "redis+cluster:"))
    wait_until(lambda: "has cluster support disabled" in caplog.text)
    pair.local(1)
    assert not pair.stats().connected


def test_a_broker_without_sharded_pubsub(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    old = RedisServer("--rename-command", "SSUBSCRIBE", "")
    pair = RedisPair(serve, f"{old.url}?mode=sharded")
    wait_until(lambda: "mode=sharded needs Redis 7 or Valkey" in caplog.text)
    pair.local(1)
    old.close()


def test_a_sentinel_names_another_broker(serve: Serve, sentinel: Sentinel) -> None:
    pair = RedisPair(serve, f"{sentinel.url}?mode=sharded")
    pair.wait_two()
    sentinel.master.kill()
    pair.wait_down()
    for number in range(20):
        pair.local(number)

    for number in range(20):
        assert pair.there.receive_event() == ["n", number]
    wait_until(lambda: all(bus.up for bus in pair.buses))
    assert pair.stats().lost == pair.stats().uncertain == 0
    assert str(sentinel.replica.port) in sentinel.ask("GET-MASTER-ADDR-BY-NAME")
