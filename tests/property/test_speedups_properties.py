"""The functions in C do what their Python forms do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sockio.protocol.websocket.payload import (
    plain_masked_bytes,
    plain_masked_text,
    plain_message_frames,
)
from tests.support import build, services

if build.PURE:
    pytest.skip("plain Python was asked for", allow_module_level=True)
if not build.compiled():
    services.missing("compiled", "nothing is")

from sockio.protocol.websocket import speedups  # type: ignore[attr-defined]

texts = st.builds(
    lambda text, times: text * times,
    st.text(st.characters(exclude_categories=())),  # lone surrogates, too
    st.sampled_from([1, 1, 1, 100, 1000]),
)


def outcome(fn: Callable[..., Any], *args: Any) -> object:
    """Return what a call returned, or the type of what it raised."""
    try:
        return fn(*args)
    except Exception as exc:
        return type(exc)


@given(st.text(max_size=3), st.lists(texts | st.binary(), max_size=4))
@example("4", ["x" * 124])
@example("4", ["x" * 125])
@example("4", ["x" * 65534, b"y" * 125])
@example("4", ["x" * 65535, b"y" * 126, b"z" * 65535, b"z" * 65536])
@example("4", ["\ud800", b""])
@example("\ud83d", ["\ude00"])
@example("", [""])
def test_frames_are_the_same(lead: str, messages: list[str | bytes]) -> None:
    plain = plain_message_frames(lead, messages)

    assert speedups.message_frames(lead, messages) == plain
    assert speedups.message_frames(lead, tuple(messages)) == plain


@pytest.mark.parametrize("message", [bytearray(b"a"), None, 1])
def test_what_is_no_message_is_told(message: object) -> None:
    with pytest.raises(TypeError):
        speedups.message_frames("4", [message])


@given(st.binary(max_size=9), st.binary(min_size=4, max_size=4), texts, st.binary())
def test_masked_texts_are_the_same(
    before: bytes, mask: bytes, text: str, behind: bytes
) -> None:
    payload = text.encode("utf-8", "surrogatepass")
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    data = before + mask + masked + behind
    where = len(before), len(before) + 4 + len(payload)

    assert outcome(speedups.masked_text, data, *where) == outcome(
        plain_masked_text, data, *where
    )
    assert speedups.masked_bytes(data, *where) == payload


@given(st.binary(min_size=4, max_size=600))
def test_whatever_the_bytes_are(data: bytes) -> None:
    where = 0, len(data)

    assert outcome(speedups.masked_text, data, *where) == outcome(
        plain_masked_text, data, *where
    )
    assert speedups.masked_bytes(data, *where) == plain_masked_bytes(data, *where)


@pytest.mark.parametrize("where", [(0, 3), (-1, 6), (0, 9), (7, 8)])
def test_nothing_is_read_beside_the_data(where: tuple[int, int]) -> None:
    for read in (speedups.masked_text, speedups.masked_bytes):
        with pytest.raises(IndexError):
            read(b"12345678", *where)
