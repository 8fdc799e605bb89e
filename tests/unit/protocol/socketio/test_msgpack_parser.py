from __future__ import annotations

import array
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import msgspec
import pytest

from sockio.errors import EncodeError, ProtocolError
from sockio.protocol.socketio import Packet, PacketType
from sockio.protocol.socketio.msgpack_parser import MsgpackParser

CONNECT = PacketType.CONNECT
DISCONNECT = PacketType.DISCONNECT
EVENT = PacketType.EVENT
ACK = PacketType.ACK
CONNECT_ERROR = PacketType.CONNECT_ERROR

parser = MsgpackParser()
pack = msgspec.msgpack.encode
UTC = timezone.utc


def unpack(packet: Packet) -> Any:
    [frame] = parser.encode(packet)
    assert isinstance(frame, bytes)
    return msgspec.msgpack.decode(frame)


def sent(value: Any) -> Any:
    """Return what a client gets for an argument of an event."""
    data = unpack(Packet(EVENT, data=["e", value]))["data"]
    assert data[0] == "e"
    return data[1]


def decode(message: Any) -> Packet:
    return parser.decoder().feed(pack(message))


# ------------------------------------------------------------------ both ways


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (Packet(CONNECT), {"type": 0, "nsp": "/"}),
        (
            Packet(CONNECT, "/admin", {"a": 1}),
            {"type": 0, "data": {"a": 1}, "nsp": "/admin"},
        ),
        (Packet(DISCONNECT), {"type": 1, "nsp": "/"}),
        (Packet(EVENT, data=["e", 1]), {"type": 2, "data": ["e", 1], "nsp": "/"}),
        (Packet(EVENT, data=[5]), {"type": 2, "data": [5], "nsp": "/"}),
        (
            Packet(EVENT, data=["e"], id=0),
            {"type": 2, "data": ["e"], "id": 0, "nsp": "/"},
        ),
        (
            Packet(ACK, data=[b"\x00"], id=2**53),
            {"type": 3, "data": [b"\x00"], "id": 2**53, "nsp": "/"},
        ),
        (
            Packet(CONNECT_ERROR, data={"message": "no"}),
            {"type": 4, "data": {"message": "no"}, "nsp": "/"},
        ),
        (Packet(CONNECT_ERROR, "/x", "no"), {"type": 4, "data": "no", "nsp": "/x"}),
    ],
)
def test_packets_and_their_maps(packet: Packet, message: dict[str, Any]) -> None:
    assert unpack(packet) == message
    assert decode(message) == packet
    assert decode({**message, "options": {"compress": True}}) == packet


@pytest.mark.parametrize("kind", [CONNECT, DISCONNECT])
def test_nil_stands_for_nothing(kind: PacketType) -> None:
    packet = decode({"type": kind, "nsp": "/", "data": None, "id": None})

    assert packet == Packet(kind)
    assert type(packet.type) is PacketType


# ------------------------------------------------------------------ writing


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 2


class Text(str): ...


@dataclass
class Move:
    to: str
    data: bytes = b""


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (b"\x01", b"\x01"),
        (bytearray(b"\x01"), b"\x01"),
        (memoryview(b"abcd")[::2], b"ac"),
        (array.array("B", [1, 2]), b"\x01\x02"),
        (io.BytesIO(b"file"), b"file"),
        ({"a": [b"", None, True, 1.5]}, {"a": [b"", None, True, 1.5]}),
        (float("inf"), None),
        (float("nan"), None),
        ([1.5, {"a": [float("nan")]}], [1.5, {"a": [None]}]),
        ((float("-inf"),), [None]),
        ((1, (2,)), [1, [2]]),
        ({1: 2, None: 3}, {"1": 2, "null": 3}),
        ((None, True, 1.5), [None, True, 1.5]),
        ({Text("a"): Text("b")}, {"a": "b"}),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (2**70, 2.0**70),
        (-(10**400), None),
        (10**400, None),
        ("x\ud800y", "x\ufffdy"),
        ({"\ud800": 1}, {"\ufffd": 1}),
        (datetime(2024, 5, 1, tzinfo=UTC), "2024-05-01T00:00:00+00:00"),
        (datetime(2024, 5, 1), "2024-05-01T00:00:00"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), str(UUID(int=1))),
        (Colour.RED, "red"),
        (Size.BIG, 2),
        (Move("e4", b"\x01"), {"to": "e4", "data": b"\x01"}),
        ([Move("e4")], [{"to": "e4", "data": b""}]),
        ({"m": {"n": Size.BIG}}, {"m": {"n": 2}}),
    ],
)
def test_what_arrives(value: Any, arrives: Any) -> None:
    result = sent(value)

    assert result == arrives
    assert type(result) is type(arrives)


def test_a_file_in_two_places_is_read_once() -> None:
    file = io.BytesIO(b"file")

    assert sent([file, file]) == [b"file", b"file"]


def test_a_json_library_converts_what_is_sent() -> None:
    converting = MsgpackParser(json)
    look_alike = {"_placeholder": True, "num": 7}

    [frame] = converting.encode(Packet(EVENT, data=["e", {1: (b"x", Colour.RED)}]))
    assert parser.decoder().feed(frame).data == ["e", {"1": [b"x", "red"]}]
    [frame] = converting.encode(Packet(DISCONNECT))
    assert parser.decoder().feed(frame) == Packet(DISCONNECT)
    with pytest.raises(EncodeError, match="illegal attachments"):
        converting.encode(Packet(EVENT, data=["e", look_alike, b""]))


def endless() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: {1, 2}, "a value of type set cannot be sent"),
        (object, "a value of type object cannot be sent"),
        (lambda: {(1, 2): 3}, "the data cannot be sent: keys must be"),
        (endless, "the data is nested too deep"),
        (io.StringIO, "a file must be open in binary mode"),
    ],
)
def test_what_cannot_travel_raises_in_the_caller(
    make: Callable[[], Any], message: str
) -> None:
    with pytest.raises(EncodeError, match=message):
        parser.encode(Packet(EVENT, data=["e", make()]))


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("extension", "value"),
    [
        ("d4 00 00", None),
        ("c7 01 00 00", b"\x00"),
        ("c7 08 00 00 00 00 00 00 00 00 00", bytes(8)),
        ("c7 03 00 01 02 03", b"\x01\x02\x03"),
        ("c7 00 00", b""),
        ("d7 00 00 00 00 00 00 00 03 e8", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("d6 ff 00 00 00 01", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("d4 05 61", [5, b"a"]),
    ],
)
def test_extensions_of_javascript(extension: str, value: Any) -> None:
    event = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e" + bytes.fromhex(extension)

    for frame in (event, bytearray(event), memoryview(event)):
        packet = parser.decoder().feed(frame)  # type: ignore[arg-type]

        assert packet == Packet(EVENT, data=["e", value])
        assert type(packet.data[1]) is type(value)


@pytest.mark.parametrize("behind", ["", "d4 00 00"], ids=["fast", "own"])
def test_keys_are_text(behind: str) -> None:
    mapping = "83 01 a1 61 cf ff ff ff ff ff ff ff ff a1 62 d0 80 81 05 c0"
    frame = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa1e"

    packet = parser.decoder().feed(frame + bytes.fromhex(mapping + (behind or "c0")))

    assert packet.data[1:] == [
        {"1": "a", str(2**64 - 1): "b", "-128": {"5": None}},
        None,
    ]


@pytest.mark.parametrize(
    "key",
    [
        *("c0", "c2", "c3", "c4 01 61", "ca 00 00 00 00", "cb 40 00 00 00 00 00 00 00"),
        *("90", "91 01", "92 01 02", "80", "dc 00 01 01", "de 00 00", "d4 00 00"),
        *("d6 ff 00 00 00 01", "d7 00 00 00 00 00 00 00 00 00", "c7 03 00 61 62 63"),
    ],
)
@pytest.mark.parametrize("before", ["c0", "d4 00 00"], ids=["fast", "own"])
def test_no_other_key_is_taken(key: str, before: str) -> None:
    # Everybody knows the hashes of such keys, and can choose keys that collide.
    frame = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa1e"
    for mapping in (
        f"81 {key} 01",
        f"82 a1 61 01 {key} 01",
        f"91 81 a1 61 81 {key} 01",
    ):
        with pytest.raises(ProtocolError, match="a key that is no text"):
            parser.decoder().feed(frame + bytes.fromhex(before + mapping))


def test_undefined_stands_for_nothing() -> None:
    frame = b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\xd4\x00\x00"

    assert parser.decoder().feed(frame) == Packet(CONNECT)


BAD_TYPE = "invalid packet type"
NOT_MSGPACK = "the packet is not MessagePack"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ([], BAD_TYPE),
        ({}, BAD_TYPE),
        ({"type": 5, "nsp": "/", "data": ["e"]}, BAD_TYPE),
        ({"type": -1, "nsp": "/"}, BAD_TYPE),
        ({"type": True, "nsp": "/"}, BAD_TYPE),
        ({"type": 1.0, "nsp": "/"}, BAD_TYPE),
        ({"type": [], "nsp": "/"}, BAD_TYPE),
        ({"type": 2, "data": ["e"]}, "invalid namespace"),
        ({"type": 2, "nsp": b"/", "data": ["e"]}, "invalid namespace"),
        ({"type": 2, "nsp": "x", "data": ["e"]}, "invalid namespace"),
        ({"type": 2, "nsp": "/" + 512 * "n", "data": ["e"]}, "invalid namespace"),
        ({"type": 0, "nsp": "/", "data": []}, "invalid payload"),
        ({"type": 1, "nsp": "/", "data": {}}, "invalid payload"),
        ({"type": 2, "nsp": "/"}, "invalid payload"),
        ({"type": 2, "nsp": "/", "data": []}, "invalid payload"),
        ({"type": 2, "nsp": "/", "data": ["connect"]}, "invalid payload"),
        ({"type": 2, "nsp": "/", "data": [b"e"]}, "invalid payload"),
        ({"type": 3, "nsp": "/", "data": {}}, "invalid payload"),
        ({"type": 4, "nsp": "/"}, "invalid payload"),
        ({"type": 2, "nsp": "/", "data": ["e"], "id": -1}, "invalid packet id"),
        ({"type": 2, "nsp": "/", "data": ["e"], "id": 2**53 + 1}, "invalid packet id"),
        ({"type": 2, "nsp": "/", "data": ["e"], "id": "1"}, "invalid packet id"),
        ({"type": 2, "nsp": "/", "data": ["e"], "id": True}, "invalid packet id"),
    ],
)
def test_what_a_client_must_not_send(message: Any, reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(message)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ('2["e"]', "got plaintext data instead of MessagePack"),
        (b"", "the packet is cut off"),
        (b"\xc1", "unknown marker 0xc1"),
        (b"\x01\x02", "bytes behind the packet"),
        (b"\xa1\xff", NOT_MSGPACK),
        (b"\x92\xd4\x00\x00\xa1\xff", "text that is not UTF-8"),
        (b"\xd7\xff" + b"\xff" * 8, NOT_MSGPACK),
        (b"\x91" * 100_000, "the packet is nested too deep"),
        (b"\x92\xd4\x00\x00" + b"\x91" * 100_000, "the packet is nested too deep"),
        (b"\xdd\xff\xff\xff\xff", "the packet is cut off"),
    ],
)
def test_frames_that_are_no_packet(frame: str | bytes, reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parser.decoder().feed(frame)

    assert caught.value.reason == reason


def test_the_longest_namespace() -> None:
    nsp = "/" + "n" * 511

    assert decode({"type": 0, "nsp": nsp}) == Packet(CONNECT, nsp)
