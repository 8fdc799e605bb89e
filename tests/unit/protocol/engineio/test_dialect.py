from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.engineio.dialect import (
    V3,
    V3_BASE64,
    V4,
    V4_BASE64,
    Dialect,
    dialect_of,
)
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.websocket.frames import frame

OTHERS = [V4_BASE64, V3, V3_BASE64]


@pytest.mark.parametrize(
    ("query", "dialect"),
    [
        ({"EIO": "4"}, V4),
        ({"EIO": "4", "b64": "1"}, V4_BASE64),
        ({"EIO": "4", "b64": ""}, V4),
        ({"EIO": "3"}, V3),
        ({"EIO": "3", "b64": "1"}, V3_BASE64),
        ({"EIO": "40"}, V3),
        ({}, V3),
    ],
)
def test_the_dialect_of_a_request(query: dict[str, str], dialect: Dialect) -> None:
    assert dialect_of(query) is dialect


@pytest.mark.parametrize(
    ("dialect", "message"),
    [(V4, b"\1\2"), (V4_BASE64, "bAQI="), (V3, b"\4\1\2"), (V3_BASE64, "b4AQI=")],
)
def test_bytes_in_each_dialect(dialect: Dialect, message: str | bytes) -> None:
    packet = Packet(PacketType.MESSAGE, b"\1\2")

    assert dialect.encode(packet) == message
    assert dialect.decode(message) == packet


@pytest.mark.parametrize("dialect", [V4, *OTHERS])
def test_what_is_no_packet_is_an_error(dialect: Dialect) -> None:
    with pytest.raises(ProtocolError):
        dialect.decode("x")


# ------------------------------------------------------------------ wires


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize(
    "wire",
    [Wire(("2[]", "é")), Wire(packets=(Packet(PacketType.PONG, "probe"),)), Wire()],
    ids=["messages", "another packet", "nothing"],
)
def test_text_is_the_same_in_all_dialects(dialect: Dialect, wire: Wire) -> None:
    assert wire.spoken(dialect) is wire


@pytest.mark.parametrize(
    ("dialect", "messages"),
    [
        (V4_BASE64, ["451-", "bAQI="]),
        (V3, ["451-", b"\4\1\2"]),
        (V3_BASE64, ["451-", "b4AQI="]),
    ],
)
def test_a_wire_with_bytes_is_translated_once(
    dialect: Dialect, messages: list[str | bytes]
) -> None:
    wire = Wire(("51-", b"\1\2"), compress=False)

    translation = wire.spoken(dialect)

    assert translation.messages == messages
    assert translation.websocket == b"".join(map(frame, messages))
    assert translation.packets == wire.packets
    assert not translation.compress
    assert wire.spoken(dialect) is translation
    assert wire.messages == ["451-", b"\1\2"]


def test_each_dialect_has_a_translation_of_its_own() -> None:
    wire = Wire((b"\1",))

    assert wire.spoken(V3).messages == [b"\4\1"]
    assert wire.spoken(V3_BASE64).messages == ["b4AQ=="]
    assert wire.spoken(V3).messages == [b"\4\1"]
