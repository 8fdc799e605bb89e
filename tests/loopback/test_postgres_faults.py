"""A PostgreSQL that is away, slow or restarts, refuses, or carries strange messages."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from sockio.adapters import Cluster, Gap
from sockio.adapters.buses.tenures import LASTS
from sockio.errors import ClusterTimeout
from tests.support.broker_pair import BrokerPair
from tests.support.holding_proxy import HoldingProxy
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until

from .broker_faults import ForgetfulBrokerFaults, clocks
from .conftest import Serve

#: What strangers say on a channel; the rows that it names are not there, or not ours.
STRANGE = (
    "",
    "x",
    "[]",
    "7",
    "null",
    '"x"',
    "{}",
    '{"uid":"s"}',
    '{"uid":7,"type":3}',
    '{"type":3,"nsp":"/"}',
    '{"uid":"s","type":"3","nsp":"/"}',
    '{"uid":"s","type":true,"nsp":"/"}',
    '{"uid":"s","type":99,"nsp":"/"}',
    '{"uid":"s","type":3,"nsp":"/"}',
    '{"uid":"s","type":3,"nsp":"/","data":[]}',
    '{"uid":"s","type":3,"nsp":"/","data":{"packet":{},"opts":{}}}',
    '{"uid":"s","type":3,"nsp":"/x","data":{}}',
    '{"uid":"s","type":7,"nsp":"/","data":{}}',
    '{"uid":"s","type":7,"nsp":"/","data":{"requestId":7,"opts":{}}}',
    '{"uid":"s","type":9,"nsp":"/","data":{"packet":7}}',
    '{"uid":"s","type":3,"attachmentId":"1"}',
    '{"uid":"s","type":3,"attachmentId":"9999"}',
    '{"uid":"s","type":3,"attachmentId":"9; DROP TABLE socket_io_attachments"}',
    '{"uid":"s","type":3,"attachmentId":["1"]}',
    '{"uid":"s","type":3,"attachmentId":-1}',
)
#: How many of them have a type that is not known: they are ignored.
IGNORED = 2


@pytest.fixture(scope="module")
def own_server() -> Iterator[Postgres]:
    with Postgres(tcp=True) as server:
        yield server


@pytest.fixture
def broker(own_server: Postgres) -> Iterator[Postgres]:
    """Give a PostgreSQL that the test may kill."""
    yield own_server
    own_server.kill()
    own_server.start()


@pytest.fixture
def shared(postgres_server: Postgres) -> Postgres:
    """Give the PostgreSQL of all tests."""
    return postgres_server


@pytest.fixture
def options() -> str:
    """Give the only way in which messages travel."""
    return ""


class TestPostgres(ForgetfulBrokerFaults):
    """What any bus must pass."""


# ------------------------------------------------------------------ order, rows


def test_large_and_small_messages_arrive_in_order(
    serve: Serve, shared: Postgres
) -> None:
    pair = BrokerPair(serve, f"{shared.url}?prefix=order")
    pair.wait_two()

    for number in range(60):
        pair.first.io.emit("n", number, "x" * 9000 * (number % 3 == 0))

    for client in (pair.here, pair.there):
        numbers = [client.receive_event()[1] for _ in range(60)]
        assert numbers == list(range(60))


def test_equal_messages_all_arrive(serve: Serve, shared: Postgres) -> None:
    # In one transaction PostgreSQL would keep one of them.
    pair = BrokerPair(serve, f"{shared.url}?prefix=equal")
    pair.wait_two()

    for _ in range(20):
        pair.first.io.emit("n", 1)
    pair.first.io.emit("end")

    events = [pair.there.receive_event() for _ in range(21)]
    assert events == [["n", 1]] * 20 + [["end"]]


def test_old_rows_are_removed(serve: Serve, shared: Postgres) -> None:
    table = "rows_of_a_test"
    url = f"{shared.url}?prefix=rows&table_name={table}&cleanup_interval=60"
    pair = BrokerPair(serve, url, clocks(), ping_interval=3600)
    pair.wait_two()
    pair.first.io.emit("n", b"old")
    pair.local_message_of(b"old")
    wait_until(lambda: pair.buses[0].idle)
    shared.sql(f"UPDATE {table} SET created_at = now() - interval '61 seconds'")
    pair.first.io.emit("n", b"new")
    pair.local_message_of(b"new")

    pair.pass_time(70)

    wait_until(lambda: shared.sql(f"SELECT count(*) FROM {table}").strip() == "1")


def test_a_name_that_is_too_long_for_a_channel(
    serve: Serve, shared: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    pair = BrokerPair(serve, f"{shared.url}?prefix=long")
    nsp = "/" + "é" * 50
    for served in pair.servers:
        served.io.of(nsp)
    clients = [served.connect(nsp)[0] for served in pair.servers]
    for served in pair.servers:
        adapter = served.io.of(nsp).adapter
        wait_until(lambda adapter=adapter: adapter.server_count() == 2)  # type: ignore[misc]

    pair.first.io.of(nsp).emit("n", 1)

    for client in clients:
        assert client.receive_message() == f'42{nsp},["n",1]'
    assert "servers of Node have no channel for it" in caplog.text


# ------------------------------------------------------------------ refused


def test_without_the_table_small_messages_travel(
    serve: Serve, shared: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    shared.sql("DROP ROLE IF EXISTS poor", "CREATE ROLE poor LOGIN")
    url = shared.url.replace("postgres@", "poor@")
    url += "?prefix=poor&table_name=missing"
    pair = BrokerPair(serve, url, clocks(), ping_interval=3600)
    pair.wait_two()
    assert "CREATE UNLOGGED TABLE IF NOT EXISTS missing (id bigserial" in caplog.text

    pair.first.io.emit("n", b"x")
    pair.local_message_of(b"x")
    pair.local(1)

    assert pair.there.receive_event() == ["n", 1]
    wait_until(lambda: pair.buses[0].idle)
    pair.pass_time(6)
    assert pair.gaps[0].all == [Gap(seconds=None, lost=1, uncertain=0)]
    assert caplog.text.count("refuses a message") == 1


# ------------------------------------------------------------------ heartbeats


def test_a_server_that_is_silent_is_not_waited_for(
    serve: Serve, shared: Postgres
) -> None:
    direct = f"{shared.url}?prefix=silent"
    proxy = HoldingProxy(shared.port)
    held = direct.replace(str(shared.port), str(proxy.port))
    pair = BrokerPair(serve, (held, direct), clocks(), ping_interval=3600)
    pair.wait_two()
    clock = pair.clocks[1]
    assert clock is not None
    proxy.allow(0)

    asking = gevent.spawn(pair.second.io.timeout(60).fetch_sockets)
    clock.settle()
    for _ in range(15):
        wait_until(lambda: not pair.buses[1].owed)
        clock.advance(1)

    assert len(asking.get(timeout=30)) == 1
    assert pair.second.io.sockets.adapter.server_count() == 1
    proxy.close()


def test_a_newcomer_asks_all(serve: Serve, shared: Postgres) -> None:
    first = serve(adapter=f"{shared.url}?prefix=new")
    first.io.start()
    first.connect()
    wait_until(lambda: first.io.sockets.adapter.server_count() == 1)

    second = serve(adapter=f"{shared.url}?prefix=new")
    second.io.start()

    try:
        assert len(second.io.fetch_sockets()) == 1
    except ClusterTimeout as error:  # pragma: no cover
        raise AssertionError(error.responses) from error


# ------------------------------------------------------------------ strangers


def test_strangers_harm_nobody(
    serve: Serve, shared: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{shared.url}?prefix=strangers&table_name=strange"
    pair = BrokerPair(serve, url, ping_interval=3600)
    pair.wait_two()

    shared.sql(*(f"SELECT pg_notify('strangers#/', $${said}$$)" for said in STRANGE))
    pair.local(1)

    assert pair.there.receive_event() == ["n", 1]
    assert pair.stats(1).unreadable == len(STRANGE) - IGNORED
    assert [r for r in caplog.records if r.levelname in ("ERROR", "WARNING")] == []


# ------------------------------------------------------------------ one of all


def test_one_of_all_servers_holds_a_lease(serve: Serve, broker: Postgres) -> None:
    pair = BrokerPair(serve, f"{broker.url}?prefix=lease", clocks(), ping_interval=3600)
    pair.wait_two()
    first, second = (served.io.adapter() for served in pair.servers)
    assert isinstance(first, Cluster)
    assert isinstance(second, Cluster)
    leases = [first.lease("x")]
    wait_until(lambda: leases[0].held)
    leases.append(second.lease("x"))
    pair.pass_time(6)
    assert [lease.held for lease in leases] == [True, False]

    pair.first.io.close()  # its connection ends, and with it the lock, some time later

    def takes_it_when_it_asks_again() -> bool:
        wait_until(lambda: pair.buses[1].idle)
        pair.clocks[1].advance(1)  # type: ignore[union-attr]
        return leases[1].held

    wait_until(takes_it_when_it_asks_again)
    broker.kill()
    pair.clocks[1].advance(LASTS)  # type: ignore[union-attr]
    assert not leases[1].held
