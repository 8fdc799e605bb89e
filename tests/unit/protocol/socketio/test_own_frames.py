from __future__ import annotations

import json

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.socketio import JsonParser, Packet, PacketType
from sockio.protocol.socketio.own_frames import read

EVENT = PacketType.EVENT


@pytest.mark.parametrize(
    "packet",
    [
        Packet(PacketType.CONNECT, data={"sid": "x"}),
        Packet(EVENT, "/a", ["e", 1, 1.5, None, {"k": [True]}], 3),
        Packet(PacketType.ACK, "/", [2**64 - 1, -(2**63)], 0),
        Packet(EVENT, data=["\ud800", 1e300, 2**64 - 1]),
        Packet(EVENT, data=["e", {"a": [b"x", b""]}, b"y"]),
        Packet(EVENT, data=["e", *(bytes((n,)) for n in range(50))]),
    ],
)
def test_a_packet_is_read_as_it_was_written(packet: Packet) -> None:
    assert read(JsonParser().encode(packet)) == packet


def test_what_is_no_number_in_json_is_nothing() -> None:
    data = ["e", float("nan"), float("-inf"), 10**400]

    packet = read(JsonParser(json).encode(Packet(EVENT, data=data)))

    assert packet.data == ["e", None, None, float("inf")]


def test_what_javascript_could_not_read_is_refused() -> None:
    look_alike = {"_placeholder": True, "num": 7}
    frames = JsonParser().encode(Packet(EVENT, data=["e", look_alike, b""]))

    with pytest.raises(ProtocolError):
        read(frames)
