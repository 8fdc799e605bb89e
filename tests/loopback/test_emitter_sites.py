"""Emitters to a cluster of brokers, and to one that sentinels watch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sockio
from sockio.adapters.buses.redis.connection import slot_of
from tests.contract.emitters import in_thread
from tests.support.redis_sites import SLOTS, RedisCluster, Sentinel
from tests.support.waiting import PATIENCE, wait_until

from .conftest import Serve
from .test_emitter_faults import emits


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Give a cluster of three nodes."""
    cluster = RedisCluster()
    yield cluster
    cluster.close()


@pytest.mark.parametrize("mode", ["pubsub", "sharded"])
def test_a_cluster(serve: Serve, cluster: RedisCluster, mode: str) -> None:
    url = f"{cluster.url}?mode={mode}&prefix=emitted"
    servers = [serve(adapter=url) for _ in range(2)]
    for number, served in enumerate(servers):
        served.io.on("question", lambda number=number: number)
        served.io.start()
    client, socket = servers[0].connect()
    rooms = [f"room {number}" for number in range(9)]
    socket.join(rooms)
    for served in servers:
        adapter = served.io.sockets.adapter
        wait_until(lambda adapter=adapter: adapter.server_count() == 2)  # type: ignore[misc]

    with sockio.Emitter(url, timeout=PATIENCE) as emitter:
        for number, room in enumerate(rooms):
            emitter.to(room).emit("n", number)
        got = sorted(client.receive_event() for _ in rooms)
        assert got == [["n", number] for number in range(9)]
        ask = emitter.server_side_emit_with_ack
        assert sorted(in_thread(ask, "question", timeout=PATIENCE)) == [0, 1]


def test_a_slot_that_has_moved(serve: Serve, cluster: RedisCluster) -> None:
    url = f"{cluster.url}?mode=sharded&prefix=moved"
    served = serve(adapter=url)
    served.io.start()
    client, _ = served.connect()
    wait_until(lambda: served.io.sockets.adapter.server_count() == 1)
    slot = slot_of(b"moved#/#", SLOTS)
    with sockio.Emitter(url, timeout=PATIENCE) as emitter:
        emitter.emit("n", 1)
        assert client.receive_event() == ["n", 1]

        successor = cluster.nodes[(slot * 3 // SLOTS + 1) % 3]
        cluster.move(slot, successor)
        count = ("PUBSUB", "SHARDNUMSUB", "moved#/#")
        wait_until(lambda: ":1" in successor.command(*count))
        emitter.emit("n", 2)

        assert client.receive_event() == ["n", 2]


def test_a_broker_that_sentinels_replace(serve: Serve) -> None:
    sentinel = Sentinel()
    try:
        served = serve(adapter=sentinel.url)
        served.io.start()
        client, _ = served.connect()
        wait_until(lambda: served.io.sockets.adapter.server_count() == 1)
        with sockio.Emitter(sentinel.url, timeout=PATIENCE) as emitter:
            emitter.emit("n", 1)
            assert client.receive_event() == ["n", 1]
            sentinel.master.kill()

            wait_until(lambda: emits(emitter), 0.05)
            wait_until(lambda: served.io.sockets.adapter.server_count() == 1)
            emitter.emit("last")
            got = list(iter(client.receive_event, ["last"]))
            assert got in ([], [["n", 1]])
    finally:
        sentinel.close()
