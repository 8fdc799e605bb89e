"""``io.adapter(...)`` while clients are connected and events flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio import Observer
from sockio.adapters import Cluster, Exchange, Gap, MemoryAdapter
from sockio.errors import ClusterTimeout
from sockio.socket.server.namespaces import PARTING
from sockio.testing import FakeClock
from tests.support.broker_pair import BrokerPair, Gaps, bus_of
from tests.support.mongo_server import MongoServer
from tests.support.redis_server import RedisServer
from tests.support.served import Served
from tests.support.waiting import wait_until

from .conftest import Serve

#: Events between two changes of the adapter.
SOME = 10


@pytest.fixture
def adapters(
    redis_server: RedisServer, mongo_server: MongoServer
) -> list[Callable[[], Any]]:
    """Give what makes adapters of all kinds."""
    return [
        lambda: MemoryAdapter,
        lambda: Cluster(Exchange(recovery=True).bus()),
        lambda: f"{redis_server.url}?prefix=other",
        lambda: f"{redis_server.url}?prefix=other&mode=streams",
        lambda: mongo_server.url,
    ]


@pytest.mark.parametrize("recovery", [None, True])
@pytest.mark.parametrize("connected", [True, False])
def test_clients_get_everything_once_and_in_order(
    serve: Serve,
    adapters: list[Callable[[], Any]],
    recovery: bool | None,
    connected: bool,
) -> None:
    served = serve(connection_state_recovery=recovery)
    (one, socket), (two, other) = served.connect(), served.connect()
    socket.join("room")
    other.join("later")
    total = 0

    for make in [*adapters, *reversed(adapters)]:
        served.io.adapter(make())
        if connected:
            wait_until(lambda: getattr(bus_at(served), "up", True))
        other.join("room")
        for number in range(total, total + SOME):
            emit = (served.io, served.io.to("room"), served.io.except_("x"))[number % 3]
            if number % 4:
                emit.emit("n", number)
            else:
                # Another greenlet says it, so that all others have a turn.
                gevent.spawn(emit.emit, "n", number).join()
        total += SOME

    assert [one.receive_event()[1] for _ in range(total)] == list(range(total))
    assert [two.receive_event()[1] for _ in range(total)] == list(range(total))
    assert socket.rooms == {socket.id, "room"}
    assert other.rooms == {other.id, "later", "room"}
    served.io.emit("end")
    assert one.receive_event()[0] == two.receive_event()[0] == "end"


def bus_at(served: Served) -> Any:
    cluster = served.io.adapter()
    return cluster.bus if isinstance(cluster, Cluster) else None


def test_what_was_said_before_reaches_the_others(
    serve: Serve, redis_server: RedisServer
) -> None:
    pair = BrokerPair(serve, f"{redis_server.url}?prefix=before")
    pair.wait_two()

    for number in range(500):
        pair.first.io.emit("n", number)
    pair.first.io.adapter(f"{redis_server.url}?prefix=after")
    for number in range(500, 510):
        pair.first.io.emit("n", number)
    numbers = [pair.there.receive_event()[1] for _ in range(500)]
    # What waits is said before the other server is there to hear it.
    wait_until(lambda: bus_of(pair.first).up and bus_of(pair.first).idle)
    pair.second.io.adapter(f"{redis_server.url}?prefix=after")
    for served in pair.servers:
        wait_until(lambda served=served: bus_of(served).up)  # type: ignore[misc]
    pair.second.io.emit("n", 510)
    pair.first.io.emit("n", 511)

    assert numbers == list(range(500))
    assert {pair.there.receive_event()[1] for _ in range(2)} == {510, 511}
    assert [pair.here.receive_event()[1] for _ in range(510)] == list(range(510))
    assert {pair.here.receive_event()[1] for _ in range(2)} == {510, 511}
    for number in (0, 1):
        assert pair.stats(number).lost == pair.stats(number).uncertain == 0


def test_what_a_former_adapter_has_said_does_not_come_back(serve: Serve) -> None:
    exchange = Exchange()
    served, late = (serve(adapter=Cluster(exchange.bus())) for _ in range(2))
    late.io.start()
    websocket, socket = served.connect()
    # Its words are still on their way.
    late.io.sockets.adapter.uid = socket.nsp.adapter.uid  # type: ignore[attr-defined]

    for _ in range(2):
        served.io.adapter(Cluster(exchange.bus()))
    late.io.emit("n", 1)
    gevent.idle()
    served.io.emit("n", 2)

    assert websocket.receive_event() == ["n", 2]


def test_what_could_not_be_said_is_counted_and_announced(
    serve: Serve, redis_server: RedisServer
) -> None:
    clock, gaps = FakeClock(), Gaps()
    served = serve(adapter="redis://127.0.0.1:9", clock=clock, ping_interval=3600)
    served.io.observe(gaps)
    served.io.start()
    for number in range(3):
        served.io.emit("n", number)

    served.io.adapter(f"{redis_server.url}?prefix=counted")
    stats = served.io.stats().adapter
    assert stats is not None
    assert stats.messages_waiting == 4  # and that it leaves
    wait_until(lambda: bus_of(served).up)
    while not gaps.all:
        wait_until(lambda: not bus_of(served).owed)
        clock.advance(PARTING / 5)

    stats = served.io.stats().adapter
    assert stats is not None
    assert (stats.connected, stats.messages_waiting, stats.lost) == (True, 0, 4)
    assert gaps.all == [Gap(seconds=None, lost=4, uncertain=0)]


def test_a_server_may_end_while_a_former_adapter_waits(serve: Serve) -> None:
    served = serve(adapter="redis://127.0.0.1:9", clock=FakeClock())
    served.io.start()
    former: Any = served.io.adapter()
    served.io.emit("n", 1)
    served.io.adapter(MemoryAdapter)
    assert former.bus.account.lost == 0

    served.io.close()

    assert former.bus.account.lost == 2
    assert served.io.stats().adapter is None


def test_questions_end_with_the_adapter(serve: Serve) -> None:
    exchange = Exchange()
    failed: list[Exception] = []

    class Watching(Observer):
        def adapter_failed(self, nsp: str, error: Exception) -> None:
            failed.append(error)

    served = serve(adapter=Cluster(exchange.bus()))
    served.io.observe(Watching())
    served.io.start()
    websocket, socket = served.connect()
    # Another server that never answers.
    exchange.join(socket.nsp, "silent", exchange.bus())
    fetching = gevent.spawn(served.io.fetch_sockets)
    partial = gevent.spawn(served.io.fetch_sockets, allow_partial=True)
    asking = gevent.spawn(served.io.timeout(60).emit_with_ack, "ask")
    gevent.idle()

    served.io.adapter(MemoryAdapter)
    websocket.send('430["answer"]')

    with pytest.raises(ClusterTimeout, match="when the adapter was closed") as raised:
        fetching.get(timeout=20)
    assert [found.id for found in raised.value.responses] == [socket.id]
    assert partial.get(timeout=20) == [socket]
    assert asking.get(timeout=20) == ["answer"]
    assert len(failed) == 2
