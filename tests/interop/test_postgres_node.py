"""Node's servers and ours in one cluster on a PostgreSQL, in both directions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.node import Driver
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until

from .mixed import Mixed, MixedChecks, Ours

#: A server of Node hears its first answers only if it listens before it greets. Others
#: learn of it, and it of them, by the next heartbeats.
INTERVAL = 0.2


@pytest.fixture
def mixed(node: Driver, postgres_server: Postgres) -> Iterator[Mixed]:
    url = f"{postgres_server.url}?heartbeat_interval={INTERVAL}"
    ours = [Ours(url) for _ in range(2)]
    wait_until(lambda: [each.count() for each in ours] == [2, 2])
    options = {"heartbeatInterval": INTERVAL * 1000}
    theirs = [
        node.server("pg", postgres_server.port, "postgres", **options) for _ in range(2)
    ]
    mixed = Mixed(node, ours, theirs, node_keeps_order=False)
    yield mixed
    mixed.close()


class TestPostgres(MixedChecks):
    """What any bus must pass."""


def test_large_messages_travel_both_ways(mixed: Mixed) -> None:
    # As text they would not need a row of the table for what they are, but for their
    # size; 7,999 bytes are the most without one.
    for size in (7_000, 8_000, 100_000):
        for number, peer in enumerate(mixed.peers):
            peer.emit("n", number, "é" * (size // 2))

    for events in mixed.received([12] * 4):
        assert sorted([number, len(text)] for number, text in events) == [
            [number, size // 2]
            for number in range(4)
            for size in (7_000, 8_000, 100_000)
        ]


def test_emitters_reach_clients_and_servers_of_ours(
    mixed: Mixed, postgres_server: Postgres
) -> None:
    # Servers of Node ignore them: their messages name no namespace.
    emitter = mixed.node.emitter("pg", postgres_server.port)

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
    assert mixed.received([2, 2, 0, 0]) == [[[2], one], [[3], one], [], []]
    emitter.run("it.in('r0').disconnectSockets()")
    assert mixed.clients[0].next("disconnect").args == ["io server disconnect"]
