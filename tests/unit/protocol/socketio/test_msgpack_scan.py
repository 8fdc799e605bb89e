from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.socketio.msgpack_scan import MAX_DEPTH, is_simple


@pytest.mark.parametrize(
    "data",
    [
        *("00", "7f", "e0", "ff", "c0", "c2", "c3", "a0", "a1 61", "90", "80"),
        *("cc 80", "cd 01 00", "ce 00 01 00 00", "cf 00 00 00 00 00 00 00 01"),
        *("d0 80", "d1 80 00", "d2 80 00 00 00", "d3 80 00 00 00 00 00 00 00"),
        *("ca 3f c0 00 00", "cb 3f f8 00 00 00 00 00 00"),
        *("d9 01 61", "da 00 01 61", "db 00 00 00 01 61", "d9 00"),
        *("c4 01 81", "c5 00 01 81", "c6 00 00 00 01 81", "c4 00"),
        *("91 91 91 90", "dc 00 02 01 02", "dd 00 00 00 01 90", "93 01 92 02 03 04"),
        *("81 a1 61 01", "82 a1 61 80 a1 62 90", "81 a0 82 a0 01 a1 61 02"),
        *("de 00 01 a1 61 01", "df 00 00 00 01 a1 61 01", "81 d9 01 61 c0"),
        *("81 da 00 01 61 c0", "81 db 00 00 00 01 61 c0", "91 82 a1 61 01 a1 62 02"),
        # extensions that mean the same whatever their marker
        *("c7 00 00", "c7 02 00 61 62", "c8 00 02 00 61 62", "c9 00 00 00 00 05"),
        *("d5 00 61 62", "d6 00 61 62 63 64", "d8 00" + "81" * 16, "d4 05 81"),
        *("d6 ff 00 00 00 01", "d7 ff 00 00 00 00 00 00 00 01", "c7 01 05 81"),
    ],
)
def test_what_a_library_reads_rightly(data: str) -> None:
    assert is_simple(bytes.fromhex(data))


@pytest.mark.parametrize(
    "data",
    [
        # undefined, a date, and ArrayBuffers that could be taken for these
        *("d4 00 00", "d7 00 00 00 00 00 00 00 00 00", "c7 01 00 61"),
        *("c7 08 00 61 61 61 61 61 61 61 61", "c8 00 01 00 61", "c9 00 00 00 01 00 61"),
        *("92 01 d4 00 00", "81 a1 61 d4 00 00"),
        # integers as keys
        *("81 01 c0", "81 ff c0", "81 cc 80 c0", "81 cf 00 00 00 00 00 00 00 01 c0"),
        *("81 d3 00 00 00 00 00 00 00 01 c0", "82 a1 61 01 05 c0", "91 81 a0 81 05 80"),
    ],
)
def test_what_it_does_not(data: str) -> None:
    assert not is_simple(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *(
            (cut, "the packet is cut off")
            for cut in [
                *("", "a2 61", "cd 01", "d9", "dc", "92 01", "81", "81 a1 61", "cf"),
                *("c7", "c7 05 00 61", "d4", "d4 05", "81 a1 61 92", "d9 02 61"),
                *("dd ff ff ff ff", "df 7f ff ff ff", "c6 ff ff ff ff 01"),
            ]
        ),
        ("01 02", "bytes behind the packet"),
        ("90 90", "bytes behind the packet"),
        ("c1", "unknown marker 0xc1"),
        ("91 c1", "unknown marker 0xc1"),
        ("91" * (MAX_DEPTH + 1) + "c0", "the packet is nested too deep"),
        ("81 a0" * (MAX_DEPTH + 1) + "c0", "the packet is nested too deep"),
        ("91" * 100_000, "the packet is nested too deep"),
        *(
            (f"{mapping} {key} 01", "a key that is no text")
            for mapping in ("81", "91 82 a1 61 01", "81 a1 61 81")
            for key in ("90", "91 01", "80", "c0", "c3", "c4 01 61", "d4 00 00", "c1")
        ),
        ("81 ca 00 00 00 00 01", "a key that is no text"),
        ("81 cb 00 00 00 00 00 00 00 00 01", "a key that is no text"),
        ("81 d6 ff 00 00 00 01 01", "a key that is no text"),
        ("81 c7 00 00 01", "a key that is no text"),
    ],
)
def test_what_is_refused(data: str, reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        is_simple(bytes.fromhex(data))

    assert caught.value.reason == reason


def test_the_deepest() -> None:
    assert is_simple(b"\x91" * MAX_DEPTH + b"\xc0")
    assert is_simple(b"\x81\xa0" * MAX_DEPTH + b"\xc0")


def test_what_lies_beside_does_not_add_up() -> None:
    assert is_simple(b"\xdc\x07\xd0" + b"\x91\x90" * 2000)
