"""Directories: in one process, and in Redis."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import gevent
import pytest

from sockio.adapters import Directory, Exchange
from sockio.adapters.buses.redis.bus import RedisBus
from sockio.runtime.reactor import Reactor
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

Make = Callable[[], Directory]


@pytest.fixture(params=["in process", "redis"])
def make(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[Make]:
    """Give what makes the directory of one more server."""
    opened: list[RedisBus] = []
    reactor = Reactor()
    reactor.start()
    prefix = os.urandom(8).hex()

    def make_redis() -> Directory:
        bus = RedisBus(f"{redis_server.url}?prefix={prefix}")
        bus.directory.open(reactor)
        opened.append(bus)
        return bus.directory

    exchange = Exchange()
    yield make_redis if request.param == "redis" else lambda: exchange.bus().directory
    for bus in opened:
        bus.directory.close()


def test_the_first_text_stays(make: Make) -> None:
    one, two = make(), make()

    assert one.read("a") is None
    assert one.claim("a", "first", 30) == "first"
    assert two.claim("a", "second", 30) == "first"
    assert one.claim("a", "first", 30) == "first"
    assert one.read("a") == two.read("a") == "first"
    assert two.read("b") is None


def test_many_ask_at_once(make: Make) -> None:
    one = make()
    names = [f"name-{number}" for number in range(500)]

    claims = [gevent.spawn(one.claim, name, f"of {name}", 30) for name in names]
    assert [each.get(timeout=60) for each in claims] == [f"of {n}" for n in names]
    reads = [gevent.spawn(one.read, name) for name in names]

    assert [each.get(timeout=60) for each in reads] == [f"of {n}" for n in names]


# ------------------------------------------------------------------ Redis alone


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def bus(server: RedisServer) -> Iterator[RedisBus]:
    bus = RedisBus(server.url)
    reactor = Reactor()
    reactor.start()
    bus.directory.open(reactor)
    yield bus
    bus.directory.close()


def test_a_text_runs_out(bus: RedisBus) -> None:
    assert bus.directory.claim("a", "first", 0.05) == "first"

    wait_until(lambda: bus.directory.read("a") is None)

    assert bus.directory.claim("a", "second", 0.05) == "second"


def test_a_broker_that_was_away(server: RedisServer, bus: RedisBus) -> None:
    bus.directory.claim("a", "first", 30)
    server.kill()
    with pytest.raises(OSError, match="away"):
        bus.directory.read("a")

    server.start()

    assert bus.directory.claim("a", "second", 30) == "second"


def test_a_connection_that_has_ended_is_made_anew(
    server: RedisServer, bus: RedisBus
) -> None:
    bus.directory.claim("a", "first", 30)

    server.command("CLIENT", "KILL", "TYPE", "normal")

    assert bus.directory.read("a") == "first"


def test_a_broker_that_refuses(server: RedisServer, bus: RedisBus) -> None:
    server.command("SET", "{socket.io-sockio}#a", "x")
    server.command("CONFIG", "SET", "min-replicas-to-write", "5")

    with pytest.raises(OSError, match="refuses"):
        bus.directory.claim("b", "first", 30)
    assert bus.directory.read("a") == "x"


def test_who_waits_when_it_closes_is_told(server: RedisServer, bus: RedisBus) -> None:
    server.stop()
    waiting = gevent.spawn(bus.directory.read, "a")
    gevent.idle()

    bus.directory.close()

    with pytest.raises(OSError, match="closed"):
        waiting.get(timeout=20)
    with pytest.raises(OSError, match="closed"):
        bus.directory.read("a")
