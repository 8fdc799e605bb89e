"""Node's servers and ours in one cluster on a MongoDB, in both directions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mongo_server import MongoServer
from tests.support.node import Driver
from tests.support.waiting import wait_until

from .mixed import Mixed, MixedChecks, Ours

#: Seconds between two heartbeats: a server of Node greets before it listens, so that it
#: learns of others by their next ones.
INTERVAL = 0.2


@pytest.fixture
def mixed(node: Driver, mongo_server: MongoServer) -> Iterator[Mixed]:
    ours = [Ours(f"{mongo_server.url}?heartbeat_interval={INTERVAL}") for _ in range(2)]
    options = {
        "collection": mongo_server.collection,
        "addCreatedAtField": True,
        "heartbeatInterval": INTERVAL * 1000,
    }
    port = mongo_server.port
    theirs = [node.server("mongodb", port, "mongo", **options) for _ in range(2)]
    mixed = Mixed(node, ours, theirs, node_keeps_order=False)
    yield mixed
    mixed.close()


class TestMongo(MixedChecks):
    """What any bus must pass."""


def test_emitters_reach_clients_and_servers_of_all(
    mixed: Mixed, mongo_server: MongoServer
) -> None:
    collection = mongo_server.collection
    emitter = mixed.node.emitter("mongodb", mongo_server.port, collection=collection)

    emitter.run("it.in('r1').socketsJoin('new')")
    wait_until(lambda: mixed.ours[0].fetch("new"))
    emitter.run("it.to('new').volatile.emit('n', 3)")
    emitter.run("it.to('r0').to('r1').except('r1').emit('n', 2)")
    emitter.run("it.emit('n', 1, Buffer.from([0, 255]))")
    emitter.run("it.serverSideEmit('heard', 4)")
    emitter.run("it.in('new').socketsLeave('new')")

    assert mixed.ours[0].heard.next() == mixed.ours[1].heard.next() == (4,)
    wait_until(lambda: not mixed.ours[0].fetch("new"))
    one = [1, b"\x00\xff"]
    assert mixed.received([2, 2, 1, 1]) == [[[2], one], [[3], one], [one], [one]]
