"""A cluster of brokers, and a broker that is replaced when it fails."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from sockio.adapters.buses.redis.connection import slot_of
from tests.support.redis_pair import RedisPair
from tests.support.redis_sites import SLOTS, RedisCluster, Sentinel
from tests.support.waiting import wait_until

from .conftest import Serve


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Give a cluster of three nodes."""
    cluster = RedisCluster()
    yield cluster
    cluster.close()


@pytest.fixture
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


def test_another_node_becomes_responsible(serve: Serve, cluster: RedisCluster) -> None:
    pair = RedisPair(serve, f"{cluster.url}?mode=sharded&prefix=moving")
    pair.wait_two()
    pair.socket.join("room")
    wait_until(lambda: pair.buses[0].up)
    slot = slot_of(b"moving#/#room#", SLOTS)

    for node in cluster.nodes:
        cluster.move(slot, to=node)
        wait_until(lambda: pair.buses[0].up)
        said = gevent.spawn(_say_until, pair, number := node.port)
        while pair.here.receive_event() != ["n", number]:
            pass
        said.kill()
    for number in (0, 1):
        stats = pair.stats(number)
        assert (stats.gaps, stats.lost, stats.uncertain) == (0, 0, 0)


def _say_until(pair: RedisPair, number: int) -> None:
    """Say something to a room again and again, until its new node is known."""
    while True:
        pair.second.io.to("room").emit("n", number)
        gevent.idle()


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
