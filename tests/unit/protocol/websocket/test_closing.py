from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.websocket.closing import close_frame, parse_close


def test_close_frames() -> None:
    assert close_frame() == b"\x88\x02\x03\xe8"
    assert close_frame(1009, "big") == b"\x88\x05\x03\xf1big"
    assert close_frame(1005) == b"\x88\x00"


def test_a_long_reason_is_cut_at_a_character() -> None:
    wire = close_frame(1000, "€" * 100)

    assert len(wire) == 2 + 2 + 123
    assert parse_close(wire[2:]) == (1000, "€" * 41)


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    assert parse_close(code.to_bytes(2, "big") + b"why") == (code, "why")


def test_a_close_frame_may_be_empty() -> None:
    assert parse_close(b"") == (None, "")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_codes_that_must_not_be_sent(code: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_close(code.to_bytes(2, "big"))

    assert caught.value.code == 1002


@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03", 1002), (b"\x03\xe8\xff", 1007)]
)
def test_other_bad_close_frames(payload: bytes, code: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_close(payload)

    assert caught.value.code == code
