"""Directories: in one process, in Redis, in PostgreSQL and in MongoDB."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import gevent
import pytest

from sockio.adapters import Directory, Exchange
from sockio.adapters.buses.broker_directory import PATIENCE
from sockio.adapters.buses.mongo.bus import MongoBus
from sockio.adapters.buses.postgres.bus import PostgresBus
from sockio.adapters.buses.redis.bus import RedisBus
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.mongo_server import MongoServer
from tests.support.postgres import Postgres
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

Make = Callable[[], Directory]
Open = Callable[[Any], Directory]
BROKERS = ("redis", "postgres", "mongo")


class Broker(Protocol):
    """A broker that a test may kill."""

    @property
    def url(self) -> str: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...
    def go_on(self) -> None: ...


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def open_bus(clock: FakeClock) -> Iterator[Open]:
    """Give what opens a bus, and returns its directory."""
    opened: list[Any] = []
    reactor = Reactor(clock)
    reactor.start()

    def open_bus(bus: Any) -> Directory:
        bus.open(reactor, lambda message, offset: None)
        opened.append(bus)
        directory: Directory = bus.directory
        return directory

    yield open_bus
    for bus in opened:
        bus.close()


@pytest.fixture(params=["in process", *BROKERS])
def make(
    request: pytest.FixtureRequest,
    open_bus: Open,
    redis_server: RedisServer,
    postgres_server: Postgres,
    mongo_server: MongoServer,
) -> Make:
    """Give what makes the directory of one more server."""
    prefix = os.urandom(8).hex()
    match request.param:
        case "redis":
            return lambda: open_bus(RedisBus(f"{redis_server.url}?prefix={prefix}"))
        case "postgres":
            url = f"{postgres_server.url}?prefix={prefix}"
            return lambda: open_bus(PostgresBus(url))
        case "mongo":
            return lambda: open_bus(MongoBus(mongo_server.url))
    exchange = Exchange()
    return lambda: exchange.bus().directory


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
    names = [f"name-{number}" for number in range(20)]

    claims = [gevent.spawn(one.claim, name, f"of {name}", 30) for name in names]
    reads = [gevent.spawn(one.read, "nothing") for _ in range(400)]
    assert [each.get(timeout=60) for each in claims] == [f"of {n}" for n in names]
    assert [each.get(timeout=60) for each in reads] == [None] * 400
    reads = [gevent.spawn(one.read, name) for name in names * 20]

    assert [each.get(timeout=60) for each in reads] == [f"of {n}" for n in names] * 20


# ------------------------------------------------------------------ at a broker


@pytest.mark.parametrize("make", BROKERS, indirect=True)
def test_a_text_runs_out(make: Make) -> None:
    directory = make()
    assert directory.claim("a", "first", 0.05) == "first"

    wait_until(lambda: directory.read("a") is None)

    assert directory.claim("a", "second", 30) == "second"
    assert directory.claim("a", "first", 30) == "second"


@pytest.mark.parametrize("make", BROKERS, indirect=True)
def test_a_text_that_is_claimed_again_stays(make: Make) -> None:
    directory = make()
    directory.claim("a", "first", 0.05)
    directory.claim("b", "other", 0.05)

    assert directory.claim("a", "first", 30) == "first"

    wait_until(lambda: directory.read("b") is None)
    assert directory.read("a") == "first"


@pytest.mark.parametrize("make", BROKERS, indirect=True)
def test_many_claim_one_name(make: Make) -> None:
    directories = [make() for _ in range(5)]

    claims = [
        gevent.spawn(directory.claim, "a", f"$of {number}", 30)
        for number, directory in enumerate(directories)
    ]

    (found,) = {each.get(timeout=60) for each in claims}
    assert found == directories[0].read("a")
    assert found in {f"$of {number}" for number in range(5)}


@pytest.fixture(scope="module", params=BROKERS)
def own(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give a broker that tests may kill."""
    make: dict[str, Callable[[], Any]] = {
        "redis": RedisServer,
        "postgres": lambda: Postgres(tcp=True),
        "mongo": MongoServer,
    }
    server = make[request.param]()
    yield server
    server.close()


@pytest.fixture
def broker(own: Any) -> Iterator[Broker]:
    """Give a broker that the test may kill, and a new collection there."""
    if isinstance(own, MongoServer):
        with own.new_collection():
            yield own
    else:
        yield own


@pytest.fixture
def bus(broker: Broker) -> Any:
    match broker.url.partition(":")[0]:
        case "redis":
            return RedisBus(broker.url)
        case "postgresql":
            return PostgresBus(broker.url)
    return MongoBus(f"{broker.url}?serverSelectionTimeoutMS=300&directConnection=true")


def test_a_broker_that_was_away(broker: Broker, bus: Any, open_bus: Open) -> None:
    directory = open_bus(bus)
    directory.claim("a", "first", 30)
    broker.kill()
    try:
        with pytest.raises(OSError, match="away"):
            directory.read("a")
    finally:
        broker.start()

    assert directory.claim("b", "second", 30) == "second"


def test_who_waits_when_it_closes_is_told(
    broker: Broker, bus: Any, open_bus: Open
) -> None:
    directory = open_bus(bus)
    # A client of pymongo 4.18, which Python 3.10 has, may leave a connection open if it
    # is closed while it connects.
    wait_until(lambda: bus.up)
    broker.stop()
    try:
        waiting = gevent.spawn(directory.read, "a")
        gevent.idle()

        bus.directory.close()

        with pytest.raises(OSError, match="closed"):
            waiting.get(timeout=20)
        with pytest.raises(OSError, match="closed"):
            directory.read("a")
    finally:
        broker.go_on()


def test_who_asks_a_broker_that_hangs_is_told(
    broker: Broker, bus: Any, open_bus: Open, clock: FakeClock
) -> None:
    directory = open_bus(bus)
    directory.claim("hangs", "first", 30)
    broker.stop()
    try:
        asking = gevent.spawn(directory.read, "hangs")
        clock.settle()
        clock.advance(PATIENCE)
        with pytest.raises(OSError, match="away: no answer in 2 s"):
            asking.get(timeout=20)
    finally:
        broker.go_on()
    assert directory.read("hangs") == "first"


# ------------------------------------------------------------------ what is refused


def test_a_connection_that_has_ended_is_made_anew(open_bus: Open) -> None:
    server = RedisServer()
    directory = open_bus(RedisBus(server.url))
    directory.claim("a", "first", 30)

    server.command("CLIENT", "KILL", "TYPE", "normal")

    assert directory.read("a") == "first"
    server.close()


def test_a_redis_that_refuses(open_bus: Open) -> None:
    server = RedisServer()
    directory = open_bus(RedisBus(server.url))
    server.command("SET", "{socket.io-sockio}#a", "x")
    server.command("CONFIG", "SET", "min-replicas-to-write", "5")

    with pytest.raises(OSError, match="refuses"):
        directory.claim("b", "first", 30)
    assert directory.read("a") == "x"
    server.close()


def test_a_postgres_where_the_table_cannot_be_made(
    postgres_server: Postgres, open_bus: Open
) -> None:
    postgres_server.sql("DROP ROLE IF EXISTS poorer", "CREATE ROLE poorer LOGIN")
    url = postgres_server.url.replace("postgres@", "poorer@")
    directory = open_bus(PostgresBus(f"{url}?directory_table=not_there"))

    with pytest.raises(OSError, match=r"refuses.*make the table with 'CREATE TABLE"):
        directory.claim("a", "first", 30)

    postgres_server.sql(
        "CREATE TABLE not_there (prefix text, name text, content text NOT NULL,"
        " until timestamptz NOT NULL, PRIMARY KEY (prefix, name))",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON not_there TO poorer",
    )
    assert directory.claim("a", "first", 30) == "first"


def test_a_mongo_that_refuses(mongo_server: MongoServer, open_bus: Open) -> None:
    directory = open_bus(MongoBus(mongo_server.url))
    directory.claim("a", "first", 30)
    texts = mongo_server.documents.database[mongo_server.collection + ".sockio"]
    texts.create_index("text", unique=True)

    with pytest.raises(OSError, match="refuses"):
        directory.claim("b", "first", 30)
    assert directory.read("a") == "first"
