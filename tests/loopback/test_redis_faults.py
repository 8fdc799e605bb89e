"""A Redis that is away, hangs, is slow or restarts: local delivery goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import wraps

import gevent
import pytest

from sockio.adapters import Gap
from tests.support.redis_pair import RedisPair
from tests.support.redis_server import RedisServer
from tests.support.served import Heard
from tests.support.strange_redis import strange
from tests.support.waiting import wait_until

from .broker_faults import ForgetfulBrokerFaults, clocks
from .conftest import Serve

#: Both ways in which messages travel.
modes = pytest.mark.parametrize("mode", ["pubsub", "sharded"])
LONG = os.environ.get("SOCKIO_LONG") == "1"
#: Messages of strangers.
STRANGE = 100_000 if LONG else 1000


@pytest.fixture
def broker() -> Iterator[RedisServer]:
    """Give a broker that the test may kill."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def shared(redis_server: RedisServer) -> RedisServer:
    """Give the broker of all tests."""
    return redis_server


@pytest.fixture(params=["mode=pubsub", "mode=sharded"])
def options(request: pytest.FixtureRequest) -> str:
    """Give both ways in which messages travel."""
    return str(request.param)


class TestRedis(ForgetfulBrokerFaults):
    """What any bus must pass."""


# ------------------------------------------------------------------ lost


def test_servers_that_were_cut_off_say_so(serve: Serve, broker: RedisServer) -> None:
    # As a broker does with a subscriber that reads too slowly.
    pair = RedisPair(serve, broker.url)
    pair.wait_two()
    heard = Heard()
    pair.second.io.on("adapter_gap", heard)

    broker.command("CLIENT", "KILL", "TYPE", "pubsub")

    (gap,) = heard.next()
    assert (gap.lost, gap.uncertain) == (0, 0)
    assert gap.seconds > 0
    pair.wait_two()
    pair.local(1)
    assert pair.there.receive_event() == ["n", 1]
    assert [pair.stats(number).gaps for number in (0, 1)] == [1, 1]


def test_what_the_broker_refuses_is_lost(
    serve: Serve, broker: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    broker.command("ACL", "SETUSER", "ann", "on", "nopass", "allchannels", "+@all")
    url = broker.url.replace("//", "//ann:x@")
    pair = RedisPair(serve, url, clocks(), ping_interval=3600)
    pair.wait_two()
    broker.command("ACL", "SETUSER", "ann", "-publish")

    pair.local(1)
    pair.local(2)
    wait_until(lambda: pair.buses[0].idle)
    pair.pass_time(6)
    wait_until(lambda: pair.gaps[0].all)

    assert pair.gaps[0].all == [Gap(seconds=None, lost=2, uncertain=0)]
    assert pair.stats().gaps == 0
    assert caplog.text.count("refuses a 'PUBLISH'") == 1


# ------------------------------------------------------------------ strangers


@modes
@pytest.mark.patience(600)
def test_strangers_harm_nobody(
    serve: Serve,
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    mode: str,
) -> None:
    url = f"{redis_server.url}?prefix=strangers&mode={mode}"
    # Beside a busy machine the loop may well be held for a second.
    pair = RedisPair(serve, url, ping_interval=3600, slow_handler=None)
    pair.wait_two()

    said = strange("strangers", STRANGE, sharded=mode == "sharded")
    command = b"SPUBLISH" if mode == "sharded" else b"PUBLISH"
    strangers = gevent.spawn(redis_server.publish, said, command)
    number = 0
    while not strangers.ready() or number < 10:
        pair.first.io.emit("n", number)
        while str(pair.here.receive_message()) != f'42["n",{number}]':
            pass  # what strangers say may be a broadcast
        number += 1
        gevent.idle()
    strangers.get()
    pair.first.io.emit("last")

    own = 0
    while (message := str(pair.there.receive_message())) != '42["last"]':
        own += message == f'42["n",{own}]'
    assert own == number
    assert pair.stats(1).unreadable > STRANGE / 5
    assert [r for r in caplog.records if r.levelname in ("ERROR", "WARNING")] == []


# ------------------------------------------------------------------ leases


@modes
def test_one_server_of_all_runs_a_task(
    serve: Serve, redis_server: RedisServer, mode: str
) -> None:
    url = f"{redis_server.url}?mode={mode}"
    first, second = clocks()
    pair = RedisPair(serve, url, (first, second), ping_interval=3600)
    pair.wait_two()
    runs: list[str] = []

    @pair.first.io.every(1, singleton=True)
    def task() -> None:
        runs.append("first")

    wait_until(lambda: pair.buses[0].idle)
    # It is known by its name.
    pair.second.io.every(1, singleton=True)(wraps(task)(lambda: runs.append("second")))

    pair.pass_time(30)
    assert runs == ["first"] * len(runs)
    assert len(runs) > 25

    pair.first.close()
    runs.clear()
    while not runs:
        wait_until(lambda: not pair.buses[1].owed)
        second.advance(1)
    assert runs == ["second"]


def test_while_the_broker_is_away_nobody_runs_a_task(
    serve: Serve, broker: RedisServer
) -> None:
    pair = RedisPair(serve, broker.url, clocks(), ping_interval=3600)
    pair.wait_two()
    runs: list[int] = []
    pair.first.io.every(1, singleton=True)(lambda: runs.append(1))
    wait_until(lambda: pair.buses[0].idle)
    pair.pass_time(5)
    assert runs

    broker.kill()
    pair.wait_down()
    pair.advance(10)
    runs.clear()
    pair.advance(10)

    assert runs == []
