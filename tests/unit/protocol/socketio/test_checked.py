from __future__ import annotations

from typing import Any

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.socketio import CheckedDecoder, Packet, PacketType
from sockio.protocol.socketio.checked import check

EVENT = PacketType.EVENT


class Careless:
    """A decoder that returns what the test gives it."""

    def __init__(self, packet: Any) -> None:
        self._packet = packet

    def feed(self, data: str | bytes) -> Any:
        return self._packet


@pytest.mark.parametrize(
    ("fields", "packet"),
    [
        ((0, "/", None, None), Packet(PacketType.CONNECT)),
        ((0, "/a", {"t": 1}, None), Packet(PacketType.CONNECT, "/a", {"t": 1})),
        ((1, "/", None, None), Packet(PacketType.DISCONNECT)),
        ((2, "/", ["e"], 0), Packet(EVENT, "/", ["e"], 0)),
        ((3, "/", [], 2**53), Packet(PacketType.ACK, "/", [], 2**53)),
        ((5, "/", ["e", b""], None), Packet(EVENT, "/", ["e", b""])),
        ((6, "/", [b""], 1), Packet(PacketType.ACK, "/", [b""], 1)),
    ],
)
def test_what_a_client_may_send(fields: tuple[Any, ...], packet: Packet) -> None:
    result = check(*fields)

    assert result == packet
    assert type(result.type) is PacketType


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((7, "/", None, None), "invalid packet type"),
        ((True, "/", None, None), "invalid packet type"),
        (("2", "/", ["e"], None), "invalid packet type"),
        (([], "/", ["e"], None), "invalid packet type"),
        ((2, "", ["e"], None), "invalid namespace"),
        ((2, None, ["e"], None), "invalid namespace"),
        ((2, "/" + 512 * "n", ["e"], None), "invalid namespace"),
        ((2, "/", None, None), "invalid payload"),
        ((2, "/", ("e",), None), "invalid payload"),
        ((2, "/", ["disconnect"], None), "invalid payload"),
        ((1, "/", {}, None), "invalid payload"),
        ((2, "/", ["e"], -1), "invalid packet id"),
        ((2, "/", ["e"], True), "invalid packet id"),
        ((2, "/", ["e"], 2**53 + 1), "invalid packet id"),
    ],
)
def test_what_a_client_must_not_send(fields: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        check(*fields)

    assert caught.value.reason == reason


def test_a_decoder_may_be_careless() -> None:
    careless = CheckedDecoder(Careless((2, "/", ["e"], None)))
    wrong = CheckedDecoder(Careless(Packet(EVENT, "/", ["connect"])))

    assert careless.feed("") == Packet(EVENT, "/", ["e"])
    with pytest.raises(ProtocolError, match="invalid payload"):
        wrong.feed("")


def test_a_packet_may_take_several_frames() -> None:
    assert CheckedDecoder(Careless(None)).feed("") is None
