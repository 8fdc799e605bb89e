"""Node's servers and ours in one cluster on a Redis, in both directions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.node import Driver
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

from .mixed import Mixed, MixedChecks, Ours

classic = pytest.mark.parametrize("mode", ["pubsub"])


def start(
    node: Driver,
    broker: RedisServer,
    library: str,
    mode: str,
    subscriptions: str | None = None,
) -> Mixed:
    """Start servers of both kinds."""
    url, options = f"{broker.url}?mode={mode}", {}
    if subscriptions is not None:
        url += f"&subscription_mode={subscriptions}"
        options = {"subscriptionMode": subscriptions}
    ours = [Ours(url) for _ in range(2)]
    theirs = [node.server(library, broker.port, mode, **options) for _ in range(2)]
    return Mixed(node, ours, theirs)


@pytest.fixture(params=["pubsub", "sharded", "streams"])
def mode(request: pytest.FixtureRequest) -> str:
    """Give the way in which the servers use the broker."""
    return str(request.param)


@pytest.fixture(params=["redis", "ioredis"])
def mixed(
    request: pytest.FixtureRequest,
    node: Driver,
    redis_server: RedisServer,
    mode: str,
) -> Iterator[Mixed]:
    mixed = start(node, redis_server, request.param, mode)
    yield mixed
    mixed.close()


class TestRedis(MixedChecks):
    """What any bus must pass."""


@pytest.mark.parametrize("subscriptions", ["static", "dynamic-private"])
def test_other_channels(
    node: Driver, redis_server: RedisServer, subscriptions: str
) -> None:
    mixed = start(node, redis_server, "redis", "sharded", subscriptions)
    try:
        MixedChecks().test_broadcasts_reach_whom_they_are_for(mixed)
    finally:
        mixed.close()


@classic
def test_rooms_and_sockets_of_ours_are_told(mixed: Mixed) -> None:
    # Node asks for them by requests that servers of ours never send.
    run = mixed.theirs[0]._run

    rooms = run("return [...await it.of('/').adapter.allRooms()]")
    assert {"all", "r0", "r1", "r2", "r3", *mixed.ids} == set(rooms)


@classic
def test_emitters_reach_clients_and_servers_of_ours(
    mixed: Mixed, redis_server: RedisServer
) -> None:
    emitter = mixed.node.emitter("redis", redis_server.port)

    emitter.run("it.emit('n', 1, Buffer.from([0, 255]))")
    emitter.run("it.to('r0').to('r2').except('r2').emit('n', 2)")
    emitter.run("it.in('r1').socketsJoin('new')")
    wait_until(lambda: mixed.ours[0].fetch("new"))
    emitter.run("it.to('new').volatile.emit('n', 3)")
    emitter.run("it.serverSideEmit('heard', 4)")
    emitter.run("it.in('new').socketsLeave('new')")

    assert mixed.ours[0].heard.next() == mixed.ours[1].heard.next() == (4,)
    wait_until(lambda: not mixed.ours[0].fetch("new"))
    one = [[1, b"\x00\xff"]]
    assert mixed.received([2, 2, 1, 1]) == [[*one, [2]], [*one, [3]], one, one]
    emitter.run("it.in('r0').disconnectSockets()")
    assert mixed.clients[0].next("disconnect").args == ["io server disconnect"]
