from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters.buses.redis.options import Options
from sockio.adapters.buses.redis.sharded_channels import SETTLING, ShardedChannels
from sockio.adapters.cluster.messages import Message, MessageType

SID = "x" * 20


def channels(mode: str = "dynamic") -> ShardedChannels:
    return ShardedChannels(Options(prefix="p", subscription_mode=mode), "/chat")


def broadcast(*rooms: str, **data: Any) -> Message:
    data["opts"] = {"rooms": list(rooms)}
    return Message("me", "/chat", MessageType.BROADCAST, data)


@pytest.mark.parametrize(
    ("mode", "room", "channel"),
    [
        ("dynamic", "r", b"p#/chat#r#"),
        ("dynamic", SID, b"p#/chat#"),
        ("dynamic", "\U0001f600" * 10, b"p#/chat#"),
        ("dynamic-private", SID, b"p#/chat#" + SID.encode() + b"#"),
        ("static", "r", b"p#/chat#"),
    ],
)
def test_a_broadcast_to_one_room(mode: str, room: str, channel: bytes) -> None:
    assert channels(mode).route(broadcast(room), 0) == channel


def test_everything_else_is_for_all() -> None:
    for message in (
        broadcast(),
        broadcast("r", "s"),
        broadcast("r", requestId="a"),
        Message("me", "/chat", MessageType.SERVER_SIDE_EMIT, {"packet": ["x"]}),
    ):
        assert channels().route(message, 0) == b"p#/chat#"


def test_a_room_into_which_sockets_were_just_let() -> None:
    those = channels()
    join = Message("me", "/chat", MessageType.SOCKETS_JOIN, {"rooms": ["r"]})

    assert those.route(join, 0) == b"p#/chat#"

    assert those.route(broadcast("r"), SETTLING) == b"p#/chat#"
    assert those.route(broadcast("s"), SETTLING) == b"p#/chat#s#"
    assert those.route(broadcast("r"), SETTLING + 1) == b"p#/chat#r#"
    those.route(join._replace(data={"rooms": ["s"]}), SETTLING + 1)
    assert those.route(broadcast("s"), SETTLING + 1) == b"p#/chat#"
