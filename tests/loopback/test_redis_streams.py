"""Redis streams: one order of events for all, and clients that come back elsewhere."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import msgpack
import pytest

from sockio.errors import EncodeError
from tests.support.redis_pair import RedisPair
from tests.support.redis_server import RedisServer
from tests.support.served import Heard
from tests.support.waiting import wait_until

from .conftest import Serve
from .test_recovery import connect, join, lose


@pytest.fixture
def prefix() -> str:
    """Give a name for streams, channels and keys that nobody else uses."""
    return os.urandom(4).hex()


@pytest.fixture
def pair(serve: Serve, redis_server: RedisServer, prefix: str) -> RedisPair:
    """Give two servers on one stream that have recovery."""
    url = f"{redis_server.url}?mode=streams&prefix={prefix}"
    pair = RedisPair(serve, url, connection_state_recovery=True, ping_interval=3600)
    pair.wait_two()
    return pair


def wait_until_kept(pair: RedisPair) -> None:
    """Wait until the broker has what both servers have told it, also of sessions."""
    wait_until(lambda: all(bus.idle for bus in pair.buses))


def test_all_clients_get_the_events_in_the_same_order(pair: RedisPair) -> None:
    for number in range(0, 100, 2):
        pair.first.io.emit("n", number)
        pair.second.io.emit("n", number + 1)

    here = [pair.here.receive_event() for _ in range(100)]
    there = [pair.there.receive_event() for _ in range(100)]

    assert here == there
    assert [n for _, n, _ in here if n % 2] == list(range(1, 100, 2))
    assert [n for _, n, _ in here if not n % 2] == list(range(0, 100, 2))


def test_a_client_comes_back_to_another_server(pair: RedisPair) -> None:
    first, second = pair.first, pair.second
    websocket, joined, socket = connect(first)
    socket.join("room")
    socket.data.name = "Ann"
    first.io.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    first.io.emit("all", 1)
    first.io.to("room").emit("room", b"\x00")
    first.io.to("other").emit("other")
    first.io.except_("room").emit("except")
    first.io.volatile.emit("volatile")
    first.io.to(joined.sid).emit("own", 3)
    wait_until_kept(pair)

    again, _ = second.raw.open_websocket_session()
    again.send(f'40{{"pid":"{joined.pid}","offset":"{offset}"}}')

    assert str(again.receive_message()).startswith('42["all",1,"')
    assert str(again.receive_message()).startswith('451-["room",{"_placeholder"')
    assert again.receive_message() == b"\x00"
    assert str(again.receive_message()).startswith('42["own",3,"')
    assert joined.sid in str(again.receive_message())
    back = second.io.sockets.sockets[joined.sid]
    assert back.recovered
    assert back.data.name == "Ann"
    second.io.to("room").emit("more")
    assert again.receive_event()[:-1] == ["more"]


@pytest.mark.parametrize("back_to", [0, 1])
def test_a_client_that_has_seen_no_event_comes_back(
    pair: RedisPair, back_to: int
) -> None:
    websocket, joined, socket = connect(pair.first)
    lose(websocket, socket)
    pair.first.io.emit("missed")
    wait_until_kept(pair)

    again, _ = pair.servers[back_to].raw.open_websocket_session()
    back = join(again, pid=joined.pid)

    assert back.sid == joined.sid
    assert [event[0] for event in back.missed] == ["missed"]


def test_nothing_twice_and_nothing_lost_while_events_flow(pair: RedisPair) -> None:
    websocket, joined, socket = connect(pair.first)
    pair.first.io.emit("n", 0)
    offset = websocket.receive_event()[-1]
    got = [0]
    for turn in range(1, 6):
        lose(websocket, socket)
        wait_until_kept(pair)
        for number in range(20):
            pair.servers[number % 2].io.emit("n", 100 * turn + number)
        served = pair.servers[turn % 2]
        websocket, _ = served.raw.open_websocket_session()
        back = join(websocket, pid=joined.pid, offset=offset)
        assert back.sid == joined.sid
        socket = served.io.sockets.sockets[joined.sid]
        got += [event[1] for event in back.missed]
        pair.servers[0].io.emit("n", 100 * turn + 20)
        pair.servers[1].io.emit("n", 100 * turn + 21)
        while not {100 * turn + 20, 100 * turn + 21} <= set(got):
            _, number, offset = websocket.receive_event()
            got.append(number)

    assert sorted(got) == [0, *(100 * t + n for t in range(1, 6) for n in range(22))]


def test_a_session_is_good_for_one_return(pair: RedisPair) -> None:
    websocket, joined, socket = connect(pair.first)
    pair.first.io.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    wait_until_kept(pair)

    sids = []
    for served in (pair.second, pair.first):
        again, _ = served.raw.open_websocket_session()
        sids.append(join(again, pid=joined.pid, offset=offset).sid)

    assert sids[0] == joined.sid != sids[1]


def test_who_has_missed_what_was_trimmed_gets_a_new_socket(
    pair: RedisPair, redis_server: RedisServer, prefix: str
) -> None:
    websocket, joined, socket = connect(pair.first)
    pair.first.io.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    for _ in range(3):
        pair.first.io.emit("missed")
    wait_until_kept(pair)
    redis_server.command("XTRIM", prefix, "MAXLEN", "2")

    again, _ = pair.second.raw.open_websocket_session()
    back = join(again, pid=joined.pid, offset=offset)

    assert back.sid != joined.sid
    assert back.missed == []


@pytest.mark.parametrize(
    "offset", ["x", "99999999999999-0", "1-1", "0-0~ab.x", "9" * 20 + "-0"]
)
def test_offsets_that_were_never_given(pair: RedisPair, offset: str) -> None:
    websocket, joined, socket = connect(pair.first)
    pair.first.io.emit("seen")
    websocket.receive_event()
    lose(websocket, socket)
    pair.first.io.emit("missed")
    wait_until_kept(pair)

    again, _ = pair.second.raw.open_websocket_session()

    assert join(again, pid=joined.pid, offset=offset).sid != joined.sid


def test_what_cannot_be_kept_of_a_socket_is_told(
    pair: RedisPair, caplog: pytest.LogCaptureFixture
) -> None:
    websocket, joined, socket = connect(pair.first)
    socket.data.lock = object()
    pair.first.io.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)

    again, _ = pair.first.raw.open_websocket_session()

    assert join(again, pid=joined.pid, offset=offset).sid != joined.sid
    assert "socket.data cannot be kept" in caplog.text
    assert "of type object" in caplog.text


@pytest.mark.parametrize("garbage", ["7", "AAAA", "gaA=", "gqNzaWQBomlk"])
def test_sessions_that_cannot_be_read(
    pair: RedisPair, redis_server: RedisServer, garbage: str
) -> None:
    redis_server.command("SET", "sio:session:garbage", garbage)
    websocket, _ = pair.first.raw.open_websocket_session()

    joined = join(websocket, pid="garbage", offset="0-0")

    assert joined.pid != "garbage"


def test_a_message_above_the_limit(serve: Serve, redis_server: RedisServer) -> None:
    url = f"{redis_server.url}?mode=streams&prefix=limit&max_message=10000"
    pair = RedisPair(serve, url, connection_state_recovery=True)

    for emit in (pair.first.io.emit, pair.first.io.server_side_emit):
        with pytest.raises(EncodeError, match="max_message="):
            emit("n", "x" * 10_000)

    pair.first.io.emit("n", 1)
    assert pair.here.receive_event()[:-1] == ["n", 1]


def test_emitters_of_node_reach_clients_and_servers(
    pair: RedisPair, redis_server: RedisServer, prefix: str
) -> None:
    # In the words of @socket.io/redis-streams-emitter.
    heard = Heard()
    pair.second.io.on("heard", heard)

    def say(kind: int, content: bytes) -> None:
        fields = [b"uid", b"emitter", b"nsp", b"/", b"type", b"%d" % kind]
        redis_server.add(prefix.encode(), [[*fields, b"data", content]])

    def emit(value: Any, *rooms: str) -> bytes:
        data = {
            "opts": {"rooms": rooms, "except": [], "flags": {}},
            "packet": {"type": 2, "data": ["n", value], "nsp": "/"},
        }
        if isinstance(value, bytes):
            return base64.b64encode(msgpack.packb(data))
        return json.dumps(data).encode()

    rooms = b'{"opts":{"rooms":[],"except":[]},"rooms":["room"]}'
    say(3, emit(1))
    say(4, rooms)
    say(3, emit(b"\x00", "room"))
    say(5, rooms)
    say(3, emit(2, "room"))
    say(9, b'{"packet":["heard",3]}')
    assert heard.next() == (3,)
    for client in (pair.here, pair.there):
        assert client.receive_event()[:-1] == ["n", 1]
        assert str(client.receive_message()).startswith('451-["n",{"_placeholder"')
        assert client.receive_message() == b"\x00"
    say(6, b'{"opts":{"rooms":[],"except":[]},"close":false}')
    assert pair.there.receive_message() == "41"
