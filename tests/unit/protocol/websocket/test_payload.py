from __future__ import annotations

import runpy
import sys

import pytest

from sockio.protocol.websocket import payload
from sockio.protocol.websocket.payload import apply_mask, encode_text

MASK = b"\x37\xfa\x21\x3d"


def test_text_is_utf8() -> None:
    assert encode_text("€😀") == "€😀".encode()


def test_lone_surrogates_become_replacement_characters() -> None:
    assert encode_text("a\ud800b\udfff") == "a\ufffdb\ufffd".encode()
    assert encode_text("\ud83d\ude00") == "😀".encode()


def test_the_masked_example_of_the_rfc() -> None:
    assert apply_mask(b"Hello", MASK).hex() == "7f9f4d5158"


def test_masks_are_the_same_without_compiled_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    in_python = runpy.run_path(payload.__file__)["apply_mask"]

    for size in (0, 1, 3, 4, 5, 1000):
        data = bytes(n % 251 for n in range(size))
        assert in_python(data, MASK) == apply_mask(data, MASK)
        assert in_python(bytearray(data), MASK) == apply_mask(data, MASK)
