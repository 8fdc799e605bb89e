"""Redis streams that are away, hang, are trimmed, deleted or full of strangers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from sockio.testing import FakeClock
from tests.support.holding_proxy import HoldingProxy
from tests.support.raw_websocket import RawWebSocket
from tests.support.redis_pair import RedisPair
from tests.support.redis_server import RedisServer
from tests.support.strange_redis import strange, strange_entries
from tests.support.waiting import wait_until

from .conftest import Serve
from .test_recovery import connect, join, lose

LONG = os.environ.get("SOCKIO_LONG") == "1"
#: Entries and messages of strangers.
STRANGE = 100_000 if LONG else 1000
OPTIONS: dict[str, Any] = {"connection_state_recovery": True, "ping_interval": 3600}


@pytest.fixture
def broker() -> Iterator[RedisServer]:
    """Give a broker that the test may kill."""
    server = RedisServer()
    yield server
    server.close()


def url_of(broker: RedisServer) -> str:
    return f"{broker.url}?mode=streams"


def start(serve: Serve, broker: RedisServer, *clocks: FakeClock) -> RedisPair:
    """Start two servers that have recovery."""
    pair = RedisPair(serve, url_of(broker), clocks or (None, None), **OPTIONS)
    pair.wait_two()
    return pair


def numbers(client: RawWebSocket, count: int) -> list[int]:
    """Return the numbers of so many events."""
    return [client.receive_event()[1] for _ in range(count)]


def local(pair: RedisPair, number: int) -> str:
    """Say something, which the first server's own client gets; return its offset."""
    pair.first.io.emit("n", number)
    _, got, offset = pair.here.receive_event()
    assert got == number
    return str(offset)


def cut_readers(broker: RedisServer) -> int:
    """Cut the connections on which streams are read; return how many there were."""
    cut = 0
    for client in broker.command("CLIENT", "LIST").splitlines():
        found = re.match(r"id=(\d+) .* cmd=xread ", client)
        if found is not None:
            broker.command("CLIENT", "KILL", "ID", found[1])
            cut += 1
    return cut


# ------------------------------------------------------------------ away


def test_a_broker_that_starts_later(serve: Serve, broker: RedisServer) -> None:
    clock = FakeClock()
    broker.kill()
    pair = RedisPair(serve, url_of(broker), (clock, None), **OPTIONS)
    for number in range(20):
        pair.first.io.emit("n", number)
    # They cannot be recovered.
    events = [pair.here.receive_event() for _ in range(20)]
    assert events == [["n", number, None] for number in range(20)]
    assert not pair.stats().connected

    broker.start()
    wait_until(lambda: pair.buses[1].up)
    while not pair.buses[0].up:
        clock.advance(0.5)
        wait_until(lambda: pair.buses[0].up or not pair.buses[0].owed)

    assert numbers(pair.there, 20) == list(range(20))
    assert "-" in local(pair, 20)
    assert (pair.stats().lost, pair.stats().uncertain) == (0, 0)


def test_a_broker_that_restarts_and_has_forgotten_everything(
    serve: Serve, broker: RedisServer
) -> None:
    pair = start(serve, broker)
    for restarts in range(1, 3):
        local(pair, -1)
        assert numbers(pair.there, 1) == [-1]
        broker.kill()
        pair.wait_down()
        for number in range(20):
            local(pair, number)

        broker.start()

        assert numbers(pair.there, 20) == list(range(20))
        pair.wait_two()
        wait_until(lambda restarts=restarts: pair.stats().gaps == restarts)  # type: ignore[misc]
    gap = pair.gaps[0].all[0]
    assert gap.seconds is not None
    assert (gap.lost, gap.uncertain) == (0, 0)
    local(pair, 1)
    assert numbers(pair.there, 1) == [1]


def test_what_is_said_while_a_broker_hangs_comes_once(
    serve: Serve, broker: RedisServer
) -> None:
    clock = FakeClock()
    pair = start(serve, broker, clock, clock)
    websocket, joined, socket = connect(pair.first)
    local(pair, 0)
    assert numbers(websocket, 1) == numbers(pair.there, 1) == [0]
    broker.stop()
    pair.first.io.emit("n", 1)
    pair.first.io.emit("n", 2)
    clock.advance(1)
    assert numbers(websocket, 2) == [1, 2]
    assert numbers(pair.here, 2) == [1, 2]
    pair.first.io.emit("n", 3)
    clock.advance(1)
    _, number, offset = websocket.receive_event()
    assert (number, pair.here.receive_event()[2]) == (3, offset)
    lose(websocket, socket)

    broker.go_on()
    assert numbers(pair.there, 3) == [1, 2, 3]
    wait_until(lambda: pair.buses[0].idle)
    pair.second.io.emit("n", 4)
    _, number, later = pair.here.receive_event()
    assert number == 4
    assert "~" in offset
    assert "~" not in later

    again, _ = pair.second.raw.open_websocket_session()
    back = join(again, pid=joined.pid, offset=offset)
    assert back.sid == joined.sid
    assert [event[1:] for event in back.missed] == [[4, later]]


def test_clients_that_come_back_while_a_broker_hangs(
    serve: Serve, broker: RedisServer
) -> None:
    clock = FakeClock()
    pair = start(serve, broker, clock, clock)
    broker.stop()
    websocket, _ = pair.first.raw.open_websocket_session()

    joining = gevent.spawn(join, websocket, pid="anybody", offset="1-1")
    gevent.idle()
    wait_until(lambda: pair.stats().messages_waiting or not pair.buses[0].idle)
    while not joining.ready():
        clock.advance(1)
        gevent.idle()

    assert joining.get().pid != "anybody"
    broker.go_on()


def test_a_reader_that_hears_nothing_is_connected_anew(
    serve: Serve, redis_server: RedisServer
) -> None:
    proxy = HoldingProxy(redis_server.port)
    direct = f"{redis_server.url}?mode=streams&prefix=hole"
    held = direct.replace(str(redis_server.port), str(proxy.port))
    clock = FakeClock()
    pair = RedisPair(serve, (direct, held), (None, clock), **OPTIONS)
    pair.wait_two()
    proxy.allow(0)
    for number in range(10):
        local(pair, number)

    for _ in range(4):
        clock.advance(5)
    assert not pair.buses[1].up
    proxy.let_go()
    while not pair.buses[1].up:
        clock.advance(0.1)
        wait_until(lambda: pair.buses[1].up or not pair.buses[1].owed)

    assert numbers(pair.there, 10) == list(range(10))
    assert pair.stats(1).gaps == 0
    proxy.close()


def test_connections_that_are_cut_lose_nothing(
    serve: Serve, broker: RedisServer
) -> None:
    pair = start(serve, broker)
    for number in range(3):
        local(pair, number)
        cut_readers(broker)

    assert numbers(pair.there, 3) == [0, 1, 2]
    pair.wait_two()
    assert pair.stats(0).gaps == pair.stats(1).gaps == 0


# ------------------------------------------------------------------ trimmed, deleted


def test_entries_that_are_trimmed_before_they_are_read(
    serve: Serve, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = HoldingProxy(redis_server.port)
    direct = f"{redis_server.url}?mode=streams&prefix=trimmed"
    held = direct.replace(str(redis_server.port), str(proxy.port))
    pair = RedisPair(serve, (direct, held), **OPTIONS)
    pair.wait_two()
    proxy.allow(0)
    for number in range(150):
        pair.first.io.emit("n", number)
    assert numbers(pair.here, 150) == list(range(150))
    redis_server.command("XTRIM", "trimmed", "MAXLEN", "10")

    proxy.let_go()

    wait_until(lambda: pair.gaps[1].all)
    pair.first.io.emit("n", "last")
    got = []
    while "last" not in got:
        got.append(pair.there.receive_event()[1])
    assert got[-11:] == [*range(140, 150), "last"]
    assert len(got) < 150
    assert pair.gaps[1].all[0].seconds is not None
    assert pair.stats(1).gaps == len(pair.gaps[1].all) == 1
    assert pair.stats(0).gaps == 0
    assert caplog.text.count("may be lost: trimmed or deleted unread") == 1
    proxy.close()


@pytest.mark.parametrize("id", ["later", "1-1"])
def test_a_stream_that_is_deleted(
    serve: Serve, broker: RedisServer, caplog: pytest.LogCaptureFixture, id: str
) -> None:
    # What is added to a new one may have smaller ids than what was in the old one.
    pair = start(serve, broker)
    local(pair, 0)
    assert numbers(pair.there, 1) == [0]
    if id == "later":  # than all in the old one, of which "*" knows nothing
        newest = broker.command("XREVRANGE", "socket.io", "+", "-", "COUNT", "1")
        [milliseconds] = re.findall(r"(\d+)-\d+", newest)
        id = f"{int(milliseconds) + 1}-0"
    entry = ("uid", "x", "nsp", "/", "type", "3", "data")
    data = '{"packet":{"type":2,"data":["n",1]},"opts":{"rooms":[]}}'

    broker.command("DEL", "socket.io")
    broker.command("XADD", "socket.io", id, *entry, repr(data))
    cut = cut_readers(broker)

    assert numbers(pair.here, 1) == numbers(pair.there, 1) == [1]
    # What is asked while a connection breaks is not answered.
    wait_until(lambda: caplog.text.count(" again, after ") == cut)
    pair.wait_two()
    local(pair, 2)
    assert numbers(pair.there, 1) == [2]
    if id == "1-1":
        wait_until(lambda: pair.stats(0).gaps == pair.stats(1).gaps == 1)


# ------------------------------------------------------------------ strangers


@pytest.mark.patience(600)
def test_strangers_harm_nobody(
    serve: Serve, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{redis_server.url}?mode=streams&prefix=strange"
    # Beside a busy machine the loop may well be held for a second.
    pair = RedisPair(serve, url, **OPTIONS, slow_handler=None)
    pair.wait_two()
    own = pair.second.io.sockets.adapter.uid  # type: ignore[attr-defined]

    def say() -> None:
        redis_server.publish(strange("strange", STRANGE, sharded=True))
        redis_server.add(b"strange", strange_entries(own, STRANGE))

    strangers = gevent.spawn(say)
    number = 0
    while not strangers.ready() or number < 10:
        pair.first.io.emit("n", number)
        while not str(pair.here.receive_message()).startswith(f'42["n",{number},"'):
            pass  # what strangers say may be a broadcast
        number += 1
        gevent.idle()
    strangers.get()
    pair.first.io.emit("last")

    heard = 0
    while not (message := str(pair.there.receive_message())).startswith('42["last"'):
        heard += message.startswith(f'42["n",{heard},"')
    assert heard == number
    assert pair.stats(1).unreadable > STRANGE / 5
    # Servers of other tests may still be watched.
    told = [r for r in caplog.records if r.name != "sockio.runtime.watchdog"]
    assert [r for r in told if r.levelname in ("ERROR", "WARNING")] == []
