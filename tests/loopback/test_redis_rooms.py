"""Broadcasts to rooms that a server does not have are dropped before they are read."""

from __future__ import annotations

import pytest

from sockio.adapters.buses.redis.wire import Channels
from tests.support.redis_pair import RedisPair
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

from .conftest import Serve
from .test_recovery import connect, join, lose


def test_what_is_for_a_room_of_others_is_not_read(
    serve: Serve, redis_server: RedisServer
) -> None:
    pair = RedisPair(serve, f"{redis_server.url}?prefix=foreign")
    pair.wait_two()
    pair.socket.join("ours")
    channels = Channels("foreign", "/")

    redis_server.publish(
        (channels.broadcasts + f"{room}#".encode(), b"garbage")
        for room in ("theirs", "ours", "theirs")
    )
    pair.second.io.emit("last")

    assert pair.here.receive_event() == ["last"]
    assert pair.stats(0).unreadable == 1
    assert pair.stats(1).unreadable == 0


modes = pytest.mark.parametrize("mode", ["pubsub", "sharded"])


@modes
def test_who_has_just_joined_on_behalf_of_another_server_is_reached(
    serve: Serve, redis_server: RedisServer, mode: str
) -> None:
    pair = RedisPair(serve, f"{redis_server.url}?prefix=joining&mode={mode}")
    pair.wait_two()

    for number in range(100):
        pair.second.io.to(pair.socket.id).sockets_join(f"room {number}")
        pair.second.io.to(f"room {number}").emit("n", number)

    for number in range(100):
        assert pair.here.receive_event() == ["n", number]


@modes
def test_what_a_client_of_a_room_misses_is_kept(
    serve: Serve, redis_server: RedisServer, mode: str
) -> None:
    url = f"{redis_server.url}?prefix=kept&mode={mode}"
    pair = RedisPair(serve, url, connection_state_recovery=True)
    pair.wait_two()
    websocket, joined, socket = connect(pair.second)
    socket.join("room")
    pair.first.io.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)

    pair.first.io.to("room").emit("missed")
    pair.first.io.emit("last")
    assert pair.there.receive_event()[0] == "seen"
    assert pair.there.receive_event()[0] == "last"
    pair.wait_up()
    again, _ = pair.second.raw.open_websocket_session()
    back = join(again, pid=joined.pid, offset=offset)

    assert back.sid == joined.sid
    assert [event[0] for event in back.missed] == ["missed", "last"]


@pytest.mark.parametrize("mode", ["dynamic", "static", "dynamic-private"])
def test_only_who_has_a_room_hears_what_is_said_to_it(
    serve: Serve, redis_server: RedisServer, mode: str
) -> None:
    url = f"{redis_server.url}?prefix={mode}&mode=sharded&subscription_mode={mode}"
    pair = RedisPair(serve, url)
    pair.wait_two()
    bus, other = pair.buses
    pair.socket.join("ours")
    wait_until(lambda: bus.up)
    heard = other.heard

    other_id = next(iter(pair.second.io.sockets.sockets))
    pair.second.io.to("ours").emit("n", "to the room")
    pair.second.io.to(pair.socket.id).emit("n", "to the socket")
    assert pair.here.receive_event() == ["n", "to the room"]
    assert pair.here.receive_event() == ["n", "to the socket"]
    pair.first.io.to(other_id).emit("last")
    assert pair.there.receive_event() == ["last"]

    # What comes back to the sender tells which channel it took.
    own = {"static": 2, "dynamic": 1, "dynamic-private": 0}[mode]
    assert other.heard - heard == own + 1
    pair.socket.leave("ours")
    pair.second.io.to("ours").emit("n", "nobody")
    pair.second.io.emit("last")
    assert pair.here.receive_event() == ["last"]
