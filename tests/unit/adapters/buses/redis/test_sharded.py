from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sockio.adapters.buses.node_wire import read_message, write_message
from sockio.adapters.buses.redis.options import Options
from sockio.adapters.buses.redis.sharded import SHARDED
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.rooms import Rooms
from sockio.errors import ProtocolError
from sockio.testing import FakeClock

COMMON, OWN = b"my#/chat#", b"my#/chat#uid#"
SID = "x" * 20


class Joined:
    """A member, and what it has subscribed to."""

    def __init__(self, subscription_mode: str, recovery: float | None = None) -> None:
        self.clock = FakeClock()
        self.rooms = Rooms()
        options = Options(
            mode="sharded", prefix="my", subscription_mode=subscription_mode
        )
        nsp: Any = SimpleNamespace(
            name="/chat", clock=self.clock, recovery_duration=recovery
        )
        self.member = SHARDED.member(options, nsp, "uid", self.rooms.members)
        self.names: set[bytes] = {name for _, name in self.member.subscriptions()}
        self.member.watch(
            lambda sub, wanted: (
                self.names.add(sub[1]) if wanted else self.names.discard(sub[1])
            )
        )

    def channel(self, *rooms: str, **data: Any) -> bytes:
        """Return the channel of a broadcast to these rooms."""
        opts = {"rooms": list(rooms), "except": [], "flags": {}}
        packet = {"type": 2, "data": ["x"]}
        content = {"packet": packet, "opts": opts, **data}
        message = Message("uid", "/chat", MessageType.BROADCAST, content)
        channel, written = self.member.write(message)
        assert read_message(written) == message
        return channel


@pytest.mark.parametrize(
    ("mode", "room", "is_apart"),
    [
        ("dynamic", "room", True),
        ("dynamic", "é", True),
        ("dynamic", SID, False),
        # JavaScript counts the halves of a pair of surrogates.
        ("dynamic", "\N{GRINNING FACE}" * 10, False),
        ("dynamic", "\N{GRINNING FACE}" * 20, True),
        ("dynamic-private", "room", True),
        ("dynamic-private", SID, True),
        ("static", "room", False),
        ("static", SID, False),
    ],
)
def test_rooms_with_a_channel_of_their_own(
    mode: str, room: str, is_apart: bool
) -> None:
    joined = Joined(mode)
    apart = COMMON + f"{room}#".encode()

    joined.rooms.add("sid", [room])
    assert joined.names == {COMMON, OWN} | ({apart} if is_apart else set())
    assert {name for _, name in joined.member.subscriptions()} == joined.names
    assert joined.channel(room) == (apart if is_apart else COMMON)
    joined.rooms.remove_all("sid")
    assert joined.names == {COMMON, OWN}


def test_what_goes_to_all() -> None:
    joined = Joined("dynamic-private")

    assert joined.channel() == COMMON
    assert joined.channel("a", "b") == COMMON
    assert joined.channel("a", "a") == COMMON + b"a#"
    # All servers must say how many clients they have asked.
    assert joined.channel("a", requestId="1") == COMMON


def test_answers_go_to_who_asked() -> None:
    data = {"requestId": "1", "packet": 5}
    answer = Message("uid", "/chat", MessageType.BROADCAST_ACK, data)

    channel, written = Joined("static").member.write_reply("other", answer)

    assert channel == b"my#/chat#other#"
    assert read_message(written) == answer


def test_rooms_into_which_sockets_were_just_let() -> None:
    joined = Joined("dynamic")
    data = {"opts": {"rooms": [SID], "except": []}, "rooms": ["a", "b"]}
    joined.member.write(Message("uid", "/chat", MessageType.SOCKETS_JOIN, data))

    assert joined.channel("a") == joined.channel("b") == COMMON
    assert joined.channel("c") == COMMON + b"c#"
    joined.clock.advance(11)
    assert joined.channel("a") == COMMON + b"a#"


def test_with_recovery_rooms_outlive_their_sockets() -> None:
    joined = Joined("dynamic", recovery=120)
    joined.rooms.add("sid", ["a", "b"])
    joined.rooms.remove_all("sid")
    joined.clock.advance(100)
    joined.rooms.add("again", ["a"])
    joined.clock.advance(20)

    assert joined.names == {COMMON, OWN, COMMON + b"a#"}
    joined.rooms.remove_all("again")
    assert COMMON + b"a#" in {name for _, name in joined.member.subscriptions()}
    joined.member.leave()
    assert joined.clock.armed == 0


def test_who_has_left_hears_of_no_rooms() -> None:
    joined = Joined("dynamic")
    joined.member.leave()

    joined.rooms.add("sid", ["a"])

    assert joined.names == {COMMON, OWN}


def test_what_is_not_for_us() -> None:
    read = Joined("dynamic").member.read
    message = Message("other", "/chat", MessageType.SERVER_SIDE_EMIT, {"packet": ["x"]})

    assert read(COMMON, write_message(message)) == message
    assert read(COMMON, write_message(message._replace(uid="uid"))) is None
    assert read(COMMON, write_message(message._replace(nsp="/"))) is None
    with pytest.raises(ProtocolError):
        read(COMMON, b"garbage")
