"""A Redis that is away, hangs, is slow or restarts: local delivery goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import wraps

import gevent
import pytest

from sockio.adapters import Gap
from sockio.errors import EncodeError
from sockio.testing import FakeClock
from tests.support.holding_proxy import HoldingProxy
from tests.support.redis_pair import RedisPair
from tests.support.redis_server import RedisServer
from tests.support.served import Heard
from tests.support.strange_redis import strange
from tests.support.waiting import wait_until

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
def proxy(redis_server: RedisServer) -> Iterator[HoldingProxy]:
    """Give a way to the broker that a test can hold up."""
    proxy = HoldingProxy(redis_server.port)
    yield proxy
    proxy.close()


def clocks() -> tuple[FakeClock, FakeClock]:
    return FakeClock(), FakeClock()


# ------------------------------------------------------------------ away


def test_a_broker_that_starts_later(serve: Serve, broker: RedisServer) -> None:
    clock = FakeClock()
    broker.kill()
    pair = RedisPair(serve, broker.url, (clock, None), ping_interval=3600)
    for number in range(20):
        pair.local(number)
    assert not pair.stats().connected
    assert pair.stats().messages_waiting == 20
    assert pair.stats().bytes_waiting > 20 * len('42["n",1]')

    broker.start()
    wait_until(lambda: pair.buses[1].up)
    while not pair.buses[0].up:
        clock.advance(0.5)
        wait_until(lambda: pair.buses[0].up or not pair.buses[0].owed)

    for number in range(20):
        assert pair.there.receive_event() == ["n", number]
    stats = pair.stats()
    assert stats.connected
    assert (stats.gaps, stats.lost, stats.uncertain) == (1, 0, 0)
    assert (stats.messages_waiting, stats.bytes_waiting) == (0, 0)


@modes
def test_a_broker_that_restarts(
    serve: Serve, broker: RedisServer, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    pair = RedisPair(serve, f"{broker.url}?mode={mode}")
    for restarts in range(1, 4):
        pair.wait_two()
        pair.local(-1)
        assert pair.there.receive_event() == ["n", -1]
        broker.kill()
        pair.wait_down()
        for number in range(20):
            pair.local(number)
        pair.first.io.server_side_emit("x")
        pair.socket.join("room")

        broker.start()
        for number in range(20):
            assert pair.there.receive_event() == ["n", number]
        pair.wait_up()
        assert pair.stats().gaps == restarts
    assert pair.stats().lost == pair.stats().uncertain == 0
    assert [(gap.lost, gap.uncertain) for gap in pair.gaps[0].all] == [(0, 0)] * 3
    # Once when it goes, once when it comes, for each server.
    warnings = [r for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 2 * 2 * 3


def test_servers_that_do_not_come_back_are_not_waited_for_long(
    serve: Serve, broker: RedisServer
) -> None:
    pair = RedisPair(serve, broker.url, clocks(), ping_interval=3600)
    pair.wait_two()
    broker.kill()
    pair.wait_down()
    pair.local(1)
    pair.second.io.close()
    broker.start()
    clock, bus = pair.clocks[0], pair.buses[0]
    assert clock is not None
    while not bus.up:
        clock.advance(0.5)
        wait_until(lambda: bus.up or not bus.owed)
    began = clock.now()

    while not bus.idle:
        wait_until(lambda: bus.idle or not bus.owed)
        clock.advance(0.05)

    assert 5 < clock.now() - began < 7


def test_a_broker_that_hangs(
    serve: Serve, broker: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    pair = RedisPair(serve, broker.url, clocks(), ping_interval=3600)
    pair.wait_two()
    pair.pass_time(7)
    pair.wait_two()
    broker.stop()

    pair.local(1)  # written into a connection that still seems to be there
    pair.advance(5)
    pair.advance(5)
    pair.wait_down()
    pair.local(2)
    for _ in range(3):  # the system accepts connections, and nobody answers
        pair.advance_until_connecting()
        pair.local(3)

    broker.go_on()
    pair.wait_up()
    pair.advance_until(lambda: pair.buses[0].idle)
    assert pair.stats().uncertain == 1
    assert pair.gaps[0].all[0].seconds > 0  # type: ignore[operator]
    numbers: list[int] = []
    while numbers.count(3) < 3:
        numbers.append(pair.there.receive_event()[1])
    assert numbers in ([2, 3, 3, 3], [1, 2, 3, 3, 3])
    assert "no answer in 5 s" in caplog.text


@modes
def test_a_black_hole(
    serve: Serve, redis_server: RedisServer, proxy: HoldingProxy, mode: str
) -> None:
    direct = f"{redis_server.url}?prefix=hole&mode={mode}"
    held = direct.replace(str(redis_server.port), str(proxy.port))
    pair = RedisPair(serve, (held, direct), clocks(), ping_interval=3600)
    pair.wait_two()
    proxy.allow(0)

    pair.local(1)
    pair.second.io.emit("n", "unheard")
    assert pair.there.receive_event() == ["n", "unheard"]
    clock = pair.clocks[0]
    assert clock is not None
    clock.advance(5)
    clock.advance(5)
    assert not pair.stats().connected
    pair.local(2)
    while not pair.buses[0].connecting:
        clock.advance(0.01)

    proxy.let_go()
    wait_until(lambda: pair.buses[0].up)
    pair.advance_until(lambda: pair.buses[0].idle)
    numbers = [pair.there.receive_event()[1]]
    while numbers[-1] != 2:
        numbers.append(pair.there.receive_event()[1])
    assert numbers in ([2], [1, 2])
    assert pair.stats().uncertain == 1
    assert pair.stats(1).gaps == pair.stats(1).uncertain == 0


def test_questions_to_nobody_end(
    serve: Serve, broker: RedisServer, clock: FakeClock
) -> None:
    broker.kill()
    pair = RedisPair(serve, f"{broker.url}?requests_timeout=2.5", (clock, clock))

    partial = gevent.spawn(pair.first.io.fetch_sockets, allow_partial=True)
    clock.settle()
    clock.advance(2.4)
    assert not partial.ready()
    clock.advance(0.1)
    assert partial.get(timeout=30) == [pair.socket]


# ------------------------------------------------------------------ lost


def test_what_waits_is_bounded(
    serve: Serve, broker: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    pair = RedisPair(serve, f"{broker.url}?outbox=10000")
    heard = Heard()
    pair.first.io.on("adapter_gap", heard)
    pair.wait_two()
    broker.kill()
    pair.wait_down()
    for number in range(200):
        pair.local(number)
    broker.start()

    first = pair.there.receive_event()[1]
    assert first > 0
    for number in range(first + 1, 200):
        assert pair.there.receive_event() == ["n", number]
    (gap,) = heard.next()
    assert gap.lost == pair.stats().lost == first
    assert gap.uncertain == 0
    assert gap.seconds is not None
    assert pair.gaps[0].all == [gap]
    assert caplog.text.count("the oldest messages are dropped") == 1
    assert f"{first} were dropped" in caplog.text


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


def test_a_server_ends_while_the_broker_is_away(
    serve: Serve, broker: RedisServer
) -> None:
    broker.kill()
    pair = RedisPair(serve, broker.url)
    pair.local(1)

    pair.first.io.close()

    assert pair.stats().lost >= 2  # that, and the goodbye


# ------------------------------------------------------------------ large and slow


def test_ten_megabytes(serve: Serve, redis_server: RedisServer) -> None:
    pair = RedisPair(serve, f"{redis_server.url}?prefix=large")
    pair.wait_two()

    pair.first.io.emit("n", b"x" * 10_000_000)

    for client in (pair.here, pair.there):
        assert str(client.receive_message()).startswith("451-")
        assert client.receive_message() == b"x" * 10_000_000


def test_a_message_above_the_limit(serve: Serve, redis_server: RedisServer) -> None:
    pair = RedisPair(serve, f"{redis_server.url}?prefix=limit&max_message=10000")
    pair.wait_two()

    for emit in (pair.first.io.emit, pair.first.io.server_side_emit):
        with pytest.raises(EncodeError, match="max_message="):
            emit("n", "x" * 10_000)

    # It has reached nobody, here or there.
    pair.local(1)
    assert pair.there.receive_event() == ["n", 1]
    assert pair.stats().lost == pair.stats().messages_waiting == 0


@pytest.mark.parametrize("slow", [0, 1])
def test_a_slow_broker(
    serve: Serve, redis_server: RedisServer, proxy: HoldingProxy, slow: int
) -> None:
    # A message takes longer than a broker may be silent, and it is not.
    urls = [f"{redis_server.url}?prefix=slow{slow}"] * 2
    urls[slow] = urls[slow].replace(str(redis_server.port), str(proxy.port))
    pair = RedisPair(serve, urls, clocks(), ping_interval=3600)
    pair.wait_two()
    clock = pair.clocks[slow]
    assert clock is not None
    proxy.allow(0)

    pair.first.io.emit("n", b"x" * 2_000_000)
    pair.local_message(2_000_000)
    for _ in range(8):
        proxy.allow(100_000)
        # The slow one waits for an answer to the message itself, the other for none.
        wait_until(lambda: proxy.exhausted and (slow == 0 or not pair.buses[1].owed))
        clock.advance(4)
    assert pair.stats(slow).connected
    proxy.let_go()

    assert str(pair.there.receive_message()).startswith("451-")
    assert pair.there.receive_message() == b"x" * 2_000_000
    for number in (0, 1):
        assert pair.stats(number).gaps == pair.stats(number).uncertain == 0


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
    pair = RedisPair(serve, url, ping_interval=3600)
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
