"""Two parsers for one server, which bring their clients the same."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest

from sockio.errors import EncodeError, ProtocolError
from sockio.protocol.socketio import (
    AutoDecoder,
    AutoParser,
    JsonParser,
    MsgpackParser,
    Packet,
    PacketType,
)
from sockio.protocol.socketio.own_frames import read

EVENT = PacketType.EVENT
CONNECT = {"type": 0, "nsp": "/", "data": {"token": "x"}}


class Colour(Enum):
    RED = "red"


@dataclass
class Move:
    to: str
    at: datetime


MOMENT = datetime(2024, 5, 1, 12, 30, tzinfo=timezone.utc)
#: Functions that make the values, since a file can be read only once.
VALUES: list[Callable[[], Any]] = [
    lambda: MOMENT,
    lambda: datetime(2024, 5, 1, 1, 2, 3, 4),
    lambda: date(2024, 5, 1),
    lambda: time(1, 2, 3),
    lambda: Decimal("1.50"),
    lambda: UUID(int=7),
    lambda: Colour.RED,
    lambda: Move("e4", MOMENT),
    lambda: [Move("e4", MOMENT), {"when": (MOMENT,)}],
    lambda: {2: 1, None: 3, True: 4, 1.5: 5},
    lambda: [float("nan"), float("inf"), -0.0, 1.0, 1e300],
    lambda: [2**64 - 1, -(2**63), 2**70, 10**400],
    lambda: {"a": [b"x", bytearray(b"y"), memoryview(b"z")]},
    lambda: io.BytesIO(b"file"),
    lambda: {"emoji": "\U0001f600", "text": "é\u2028"},
]


def of_json(parser: JsonParser, value: Any) -> Any:
    return read(parser.encode(Packet(EVENT, data=["e", value]))).data[1]


def of_msgpack(frames: list[str | bytes]) -> Any:
    [frame] = frames
    assert isinstance(frame, bytes)
    return msgspec.msgpack.decode(frame)["data"][1]


# ------------------------------------------------------------------ what is sent


@pytest.mark.parametrize("make", VALUES)
def test_both_parsers_send_the_same(make: Callable[[], Any]) -> None:
    auto = AutoParser()

    packet = Packet(EVENT, data=["e", make()])
    direct = of_msgpack(auto.msgpack.encode(packet))
    translated = of_msgpack(
        auto.translate(auto.encode(Packet(EVENT, data=["e", make()])))
    )

    assert direct == translated
    text = of_json(auto.json, make())
    assert direct == text or text[-1] == float("inf")  # JSON cannot carry it


class Codec:
    """A JSON library that writes moments as milliseconds, and sets as lists."""

    def dumps(self, value: Any, /, *, default: Callable[[Any], Any]) -> str:
        def convert(item: Any) -> Any:
            if isinstance(item, datetime):
                return round(item.timestamp() * 1000)
            return sorted(item) if isinstance(item, set) else default(item)

        return json.dumps(value, default=convert, ensure_ascii=False)

    def loads(self, text: str, /) -> Any:
        return json.loads(text)


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (MOMENT, 1714566600000),
        ({"s": {3, 1}}, {"s": [1, 3]}),
        ([Move("e4", MOMENT)], [{"to": "e4", "at": 1714566600000}]),
        ([b"x", {"y": Decimal("1.5")}], [b"x", {"y": "1.5"}]),
        (float("nan"), None),
        ("plain", "plain"),
    ],
)
def test_the_conversions_of_a_json_library_are_for_both(
    value: Any, arrives: Any
) -> None:
    auto = AutoParser(Codec())
    packet = Packet(EVENT, data=["e", value])

    assert of_json(auto.json, value) == arrives
    assert of_msgpack(auto.msgpack.encode(packet)) == arrives
    assert of_msgpack(auto.translate(auto.encode(packet))) == arrives


def test_a_packet_without_data_needs_no_conversion() -> None:
    [frame] = MsgpackParser(Codec()).encode(Packet(PacketType.DISCONNECT))

    assert msgspec.msgpack.decode(frame) == {"type": 1, "nsp": "/"}  # type: ignore[arg-type]


def test_what_the_json_library_cannot_say_is_an_error() -> None:
    parser = MsgpackParser(Codec())
    look_alike = {"_placeholder": True, "num": 7}

    with pytest.raises(EncodeError, match="object cannot be sent"):
        parser.encode(Packet(EVENT, data=["e", object()]))
    with pytest.raises(EncodeError, match="illegal attachments"):
        parser.encode(Packet(EVENT, data=["e", look_alike, b""]))


# ------------------------------------------------------------------ what is read


def test_text_shows_a_client_of_json() -> None:
    auto = AutoParser()
    decoder = auto.decoder()

    assert decoder.feed('0{"token":"x"}') == Packet(
        PacketType.CONNECT, data={"token": "x"}
    )
    assert decoder.feed('2["e"]') == Packet(EVENT, data=["e"])
    assert decoder.settle()[0] is auto.json
    with pytest.raises(ProtocolError):
        decoder.feed(msgspec.msgpack.encode(CONNECT))


def test_bytes_show_a_client_of_msgpack() -> None:
    auto = AutoParser()
    decoder = auto.decoder()

    packet = decoder.feed(msgspec.msgpack.encode(CONNECT))

    assert packet == Packet(PacketType.CONNECT, data={"token": "x"})
    assert decoder.settle()[0] is auto.msgpack
    with pytest.raises(ProtocolError):
        decoder.feed("0")


def test_who_says_nothing_speaks_json() -> None:
    auto = AutoParser()
    decoder: AutoDecoder = auto.decoder()

    parser, _ = decoder.settle()

    assert parser is auto.json
    with pytest.raises(ProtocolError):
        decoder.feed(msgspec.msgpack.encode(CONNECT))


def test_the_limit_of_attachments_is_for_json() -> None:
    decoder = AutoParser(max_attachments=1).decoder()

    with pytest.raises(ProtocolError, match="too many attachments"):
        decoder.feed('52-["e"]')
