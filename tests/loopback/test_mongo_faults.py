"""A MongoDB that is away, hangs or restarts, refuses, or has strange documents."""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps
from typing import Any

import gevent
import pytest
from bson.binary import Binary
from bson.int64 import Int64

from sockio.adapters import Gap
from sockio.adapters.buses.mongo.wire import ADAPTER_CLOSE
from sockio.errors import ClusterTimeout
from tests.support.broker_pair import BrokerPair
from tests.support.cutting_proxy import CuttingProxy
from tests.support.holding_proxy import HoldingProxy
from tests.support.mongo_server import MongoServer, advance_until_up, settle
from tests.support.waiting import wait_until

from .broker_faults import BrokerFaults, clocks
from .conftest import Serve

#: It is soon noticed that a server is away; all goes to the address in the URL.
QUICK = "serverSelectionTimeoutMS=300&directConnection=true"


@pytest.fixture(scope="module")
def own_server() -> Iterator[MongoServer]:
    server = MongoServer()
    yield server
    server.close()


@pytest.fixture
def broker(own_server: MongoServer) -> Iterator[MongoServer]:
    """Give a server that the test may kill."""
    with own_server.new_collection():
        yield own_server
        own_server.start()


@pytest.fixture(scope="module")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """Give one that remembers its collections when it is started again."""
    server = MongoServer(str(tmp_path_factory.mktemp("mongo")))
    yield server
    server.close()


@pytest.fixture
def shared(mongo_server: MongoServer) -> MongoServer:
    """Give the server of all tests, with a new collection."""
    return mongo_server


@pytest.fixture
def options() -> str:
    """Give the only way in which messages travel."""
    return ""


class TestMongo(BrokerFaults):
    """What any bus must pass; applications differ by their collections."""

    @pytest.fixture
    def broker(self, lasting_server: MongoServer) -> Iterator[MongoServer]:
        """Give a server that the test may kill, and that forgets nothing."""
        with lasting_server.new_collection():
            yield lasting_server
            lasting_server.start()

    def url(self, broker: Any, *options: str) -> str:
        ours = [option for option in options if not option.startswith("prefix=")]
        return super().url(broker, QUICK, *ours)


def numbers(client: Any, last: int) -> list[int]:
    """Return the numbers that a client gets, up to the last one."""
    got = [client.receive_event()[1]]
    while got[-1] != last:
        got.append(client.receive_event()[1])
    return got


def test_a_server_that_restarts(
    serve: Serve, broker: MongoServer, caplog: pytest.LogCaptureFixture
) -> None:
    pair = BrokerPair(serve, f"{broker.url}?{QUICK}", clocks(), ping_interval=3600)
    advance_until_up(pair)

    # After a restart it has lost everything, and does not say so. What it has not
    # answered yet would be said again, since it does not know that it has it.
    wait_until(lambda: all(bus.idle for bus in pair.buses))
    broker.restart()
    pair.wait_down()
    for number in range(20):
        pair.local(number)
    advance_until_up(pair)
    assert numbers(pair.there, 19) == list(range(20))
    for number in (0, 1):
        stats = pair.stats(number)
        assert (stats.gaps, stats.lost, stats.uncertain) == (1, 0, 0)
    assert [gap.lost for gap in pair.gaps[0].all] == [0]
    warnings = [r for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 2 * 2


def test_after_a_broken_connection_nothing_is_missing(
    serve: Serve, mongo_server: MongoServer
) -> None:
    proxy = CuttingProxy(f"http://127.0.0.1:{mongo_server.port}")
    url = f"{mongo_server.url}?{QUICK}"
    through = url.replace(str(mongo_server.port), proxy.url.rpartition(":")[2])
    pair = BrokerPair(serve, (through, url))
    pair.wait_two()
    for number in range(60):
        if number % 20 == 10:
            proxy.cut_after(0, silently=False)
        pair.first.io.emit("n", number)
        pair.second.io.emit("m", number)
        gevent.idle()

    for client in (pair.here, pair.there):
        heard = [client.receive_event() for _ in range(120)]
        for name in ("n", "m"):
            numbers = [number for event, number in heard if event == name]
            assert numbers == list(range(60))
    wait_until(lambda: pair.buses[0].up)
    stats = pair.stats()
    assert (stats.gaps, stats.lost, stats.uncertain) == (0, 0, 0)
    assert pair.gaps[0].all == []
    proxy.close()


def test_a_server_that_hangs(serve: Serve, mongo_server: MongoServer) -> None:
    proxy = HoldingProxy(mongo_server.port)
    url = f"{mongo_server.url}?{QUICK}"
    through = url.replace(str(mongo_server.port), str(proxy.port))
    pair = BrokerPair(serve, (f"{through}&socketTimeoutMS=300", url))
    pair.wait_two()
    proxy.allow(0)

    pair.local(1)
    wait_until(lambda: not pair.stats().connected)
    pair.local(2)
    proxy.let_go()

    assert numbers(pair.there, 2) == [1, 2]
    assert (pair.stats().lost, pair.stats().uncertain) == (0, 0)
    proxy.close()


def test_what_waits_is_bounded(serve: Serve, broker: MongoServer) -> None:
    broker.kill()
    pair = BrokerPair(serve, f"{broker.url}?outbox=10000&{QUICK}")

    for number in range(100):
        pair.local(number)

    assert 0 < pair.stats().bytes_waiting <= 10_000
    waiting = pair.stats().messages_waiting
    assert pair.stats().lost + waiting == 100
    with pytest.raises(ClusterTimeout):
        pair.first.io.timeout(0.01).fetch_sockets()
    pair.first.io.close()
    assert pair.stats().lost >= 100 + 1  # that, and the goodbye


def test_a_collection_that_is_dropped(serve: Serve, mongo_server: MongoServer) -> None:
    pair = BrokerPair(serve, mongo_server.url)
    pair.wait_two()

    mongo_server.documents.drop()
    wait_until(lambda: pair.stats(0).gaps and pair.stats(1).gaps)
    pair.wait_up()
    pair.local(1)

    assert pair.there.receive_event() == ["n", 1]


def test_what_is_refused_is_lost(
    serve: Serve, mongo_server: MongoServer, caplog: pytest.LogCaptureFixture
) -> None:
    mongo_server.documents.create_index("data.packet.data", unique=True, sparse=True)
    pair = BrokerPair(serve, mongo_server.url, clocks(), ping_interval=3600)
    advance_until_up(pair)

    pair.local(1)
    pair.local(1)
    wait_until(lambda: pair.stats().lost == 1)
    pair.advance(6)
    wait_until(lambda: pair.gaps[0].all)

    assert pair.gaps[0].all == [Gap(seconds=None, lost=1, uncertain=0)]
    assert caplog.text.count("refuses a document") == 1


def test_servers_come_fall_silent_and_leave(
    serve: Serve, mongo_server: MongoServer
) -> None:
    pair = BrokerPair(serve, mongo_server.url, clocks(), ping_interval=3600)
    pair.wait_two()
    clock = pair.clocks[0]
    assert clock is not None
    mongo_server.insert({"type": 1, "uid": "silent", "nsp": "/"})
    wait_until(lambda: pair.first.io.sockets.adapter.server_count() == 3)

    asking = gevent.spawn(pair.first.io.timeout(60).fetch_sockets)
    buses: Any = pair.buses
    for _ in range(5):
        settle(mongo_server, buses)
        pair.advance(2.5)
    settle(mongo_server, buses)
    assert len(asking.get(timeout=60)) == 2
    assert pair.first.io.sockets.adapter.server_count() == 2

    pair.second.io.close()
    wait_until(lambda: pair.first.io.sockets.adapter.server_count() == 1)


def test_one_of_two_servers_runs_a_task(
    serve: Serve, mongo_server: MongoServer
) -> None:
    pair = BrokerPair(serve, mongo_server.url, clocks(), ping_interval=3600)
    advance_until_up(pair)
    runs: list[str] = []

    @pair.first.io.every(1, singleton=True)
    def task() -> None:
        runs.append("first")

    while not runs:
        pair.pass_time(1)
    # It is known by its name.
    pair.second.io.every(1, singleton=True)(wraps(task)(lambda: runs.append("second")))
    pair.pass_time(10)
    assert runs == ["first"] * len(runs)

    pair.first.close()
    runs.clear()
    clock = pair.clocks[1]
    assert clock is not None
    while not runs:
        wait_until(lambda: not pair.buses[1].owed)
        clock.advance(1)
    assert runs == ["second"]


# ------------------------------------------------------------------ strangers

OPTS: dict[str, Any] = {"rooms": [], "except": [], "flags": {}}
#: Documents that nobody can read.
UNREADABLE: tuple[dict[str, Any], ...] = (
    {},
    {"nsp": "/"},
    {"_id": 7, "nsp": "/", "type": 3},
    {"uid": "s", "nsp": "/", "type": "3"},
    {"uid": "s", "nsp": ["/"], "type": 3},
    {"uid": "s", "nsp": "/", "type": 3, "data": 7},
    {"uid": "s", "nsp": "/", "type": 3},
    {"uid": "s", "nsp": "/", "type": 3, "data": {"packet": {}, "opts": {}}},
    {"uid": "s", "nsp": "/", "type": 3, "data": {"packet": 7, "opts": OPTS}},
    {"uid": "s", "nsp": "/", "type": 7, "data": {}},
    {"uid": "s", "nsp": "/", "type": 7, "data": {"requestId": 7, "opts": OPTS}},
    {"uid": "s", "nsp": "/", "type": 9, "data": {"packet": 7}},
    {"uid": "s", "nsp": "/", "type": 8, "data": {"requestId": Binary(b"x")}},
)
#: Documents that mean nothing here.
IDLE: tuple[dict[str, Any], ...] = (
    {"uid": 7, "nsp": "/", "type": 2},
    {"uid": "s", "nsp": "/", "type": 99},
    {"uid": "s", "nsp": "/", "type": Int64(2**40)},
    {"uid": "s", "nsp": "/other", "type": 3, "data": {}},
    {"uid": "s", "nsp": "/", "type": 13, "data": {"pid": "x"}},
    {"uid": "s", "nsp": "/", "type": 11, "data": {"requestId": "x"}},
    {"uid": "s", "nsp": "/", "type": ADAPTER_CLOSE},
)


def test_strangers_harm_nobody(
    serve: Serve, mongo_server: MongoServer, caplog: pytest.LogCaptureFixture
) -> None:
    pair = BrokerPair(serve, mongo_server.url)
    pair.wait_two()

    mongo_server.insert(*UNREADABLE, *IDLE)
    packet = {"type": 2, "data": ["n", Binary(b"x" * 16, 4), Int64(7), 2.0]}
    data = {"packet": packet, "opts": {"rooms": None}}
    mongo_server.insert({"nsp": "/", "type": 3.0, "data": data})

    for number, client in enumerate((pair.here, pair.there)):
        assert client.receive_message() == '451-["n",{"_placeholder":true,"num":0},7,2]'
        assert client.receive_message() == b"x" * 16
        assert pair.stats(number).unreadable == len(UNREADABLE)
    assert [r for r in caplog.records if r.levelname in ("ERROR", "WARNING")] == []
