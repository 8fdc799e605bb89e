from __future__ import annotations

import struct
from datetime import datetime, timezone
from typing import Any

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.socketio import msgpack_reader

LONG = "é" * 40
UTC = timezone.utc


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00", 0),
        ("7f", 127),
        ("e0", -32),
        ("ff", -1),
        ("cc 80", 128),
        ("cd 01 00", 256),
        ("ce 00 01 00 00", 65536),
        ("cf ff ff ff ff ff ff ff ff", 2**64 - 1),
        ("d0 80", -128),
        ("d1 80 00", -32768),
        ("d2 80 00 00 00", -(2**31)),
        ("d3 80 00 00 00 00 00 00 00", -(2**63)),
        ("ca 3f c0 00 00", 1.5),
        ("cb 3f f8 00 00 00 00 00 00", 1.5),
        ("c0", None),
        ("c2", False),
        ("c3", True),
        ("a0", ""),
        ("a2 c3 a9", "é"),
        ("d9 50" + LONG.encode().hex(), LONG),
        ("da 00 50" + LONG.encode().hex(), LONG),
        ("db 00 00 00 50" + LONG.encode().hex(), LONG),
        ("c4 02 01 02", b"\x01\x02"),
        ("c5 00 01 02", b"\x02"),
        ("c6 00 00 00 00", b""),
        ("90", []),
        ("92 01 91 a1 61", [1, ["a"]]),
        ("dc 00 01 02", [2]),
        ("dd 00 00 00 01 02", [2]),
        ("80", {}),
        ("82 a1 61 01 a1 62 80", {"a": 1, "b": {}}),
        ("de 00 01 a1 61 01", {"a": 1}),
        ("df 00 00 00 01 a1 61 01", {"a": 1}),
        # keys are text; integers become text
        (
            "88 00 c0 e0 c0 cc 80 c0 d0 80 c0 cf ff ff ff ff ff ff ff ff c0"
            " d3 80 00 00 00 00 00 00 00 c0 d9 01 61 c0 a1 62 01",
            {
                **dict.fromkeys(["0", "-32", "128", "-128", str(2**64 - 1)]),
                **{str(-(2**63)): None, "a": None, "b": 1},
            },
        ),
        ("82 01 a1 61 a1 31 a1 62", {"1": "b"}),
        ("91" * 900 + "c0", nested(900)),
        # undefined
        ("d4 00 00", None),
        # dates: now, before 1970, the last one
        (
            "d7 00 00 00 01 8b cf e5 68 00",
            datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        ),
        (
            "d7 00 ff ff ff ff ff ff ff ff",
            datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
        ),
        # ArrayBuffers
        ("c7 00 00", b""),
        ("c7 01 00 00", b"\x00"),
        ("c7 08 00 00 00 01 8b cf e5 68 00", bytes.fromhex("0000018bcfe56800")),
        ("c8 00 02 00 01 02", b"\x01\x02"),
        ("c9 00 00 00 01 00 05", b"\x05"),
        ("d5 00 01 02", b"\x01\x02"),
        # timestamps
        ("d6 ff 00 00 00 01", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("d7 ff 00 00 00 00 00 00 00 01", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        # unknown extensions
        ("d4 05 61", [5, b"a"]),
        ("d8 f0" + "00" * 16, [-16, bytes(16)]),
        ("c7 03 07 61 62 63", [7, b"abc"]),
    ],
)
def test_what_is_read(data: str, value: Any) -> None:
    result = msgpack_reader.read(bytes.fromhex(data))

    assert result == value
    assert type(result) is type(value)


def date(milliseconds: int) -> bytes:
    return b"\xd7\x00" + struct.pack(">q", milliseconds)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the packet is cut off"),
        (b"\xa2a", "the packet is cut off"),
        (b"\xcd\x01", "the packet is cut off"),
        (b"\xd9", "the packet is cut off"),
        (b"\x92\x01", "the packet is cut off"),
        (b"\x81\x01", "the packet is cut off"),
        (b"\xdd\xff\xff\xff\xff", "the packet is cut off"),
        (b"\xdf\xff\xff\xff\xff" + b"\x01" * 100, "the packet is cut off"),
        (b"\xc7\x05\x00ab", "the packet is cut off"),
        (b"\xd4", "the packet is cut off"),
        (b"\x01\x02", "bytes behind the packet"),
        (b"\xc1", "unknown marker 0xc1"),
        (b"\xa1\xff", "text that is not UTF-8"),
        (b"\xa3\xed\xa0\x80", "text that is not UTF-8"),
        (b"\x81\x80\x01", "a key that is no text"),
        (b"\x81\x90\x01", "a key that is no text"),
        (b"\x81\x91\x01\x01", "a key that is no text"),
        (b"\x81\xc0\x01", "a key that is no text"),
        (b"\x81\xc3\x01", "a key that is no text"),
        (b"\x81\xc4\x01a\x01", "a key that is no text"),
        (b"\x81\xca" + bytes(4) + b"\x01", "a key that is no text"),
        (b"\x81\xcb" + bytes(8) + b"\x01", "a key that is no text"),
        (b"\x81\xd4\x00\x00\x01", "a key that is no text"),
        (b"\x81\xd6\xff" + bytes(4) + b"\x01", "a key that is no text"),
        (b"\x81" + date(0) + b"\x01", "a key that is no text"),
        (b"\x91" * 901 + b"\xc0", "the packet is nested too deep"),
        (b"\x81\xa1a" * 901 + b"\xc0", "the packet is nested too deep"),
        (b"\x91" * 100_000, "the packet is nested too deep"),
        (date(253_402_300_800_000), "a date out of range"),
        (date(2**63 - 1), "a date out of range"),
        (date(-(2**63)), "a date out of range"),
        (b"\xc7\x05\xffabcde", "a timestamp out of range"),
        (b"\xd7\xff" + b"\xff" * 8, "a timestamp out of range"),
        (b"\xc8\x01\x04\xff" + bytes(260), "a timestamp out of range"),
    ],
)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        msgpack_reader.read(data)

    assert caught.value.reason == reason
