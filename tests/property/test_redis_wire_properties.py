from __future__ import annotations

import contextlib
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockio.adapters.buses.redis.wire import (
    read_broadcast,
    read_request,
    read_response,
)
from sockio.errors import ProtocolError
from tests.support.strange_redis import strange

READERS = (read_broadcast, read_request, read_response)


def feed(data: bytes) -> None:
    """Let everything read it: ProtocolError is all that may be raised."""
    for read in READERS:
        with contextlib.suppress(ProtocolError):
            read(data, "/")


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    feed(data)
    feed(b"{" + data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
)
KEYS = ("uid", "type", "requestId", "opts", "rooms", "sid", "room", "close", "data")
MORE = ("packet", "sockets", "clientCount", "lost")


@given(st.dictionaries(st.sampled_from(KEYS + MORE), VALUES), st.integers(0, 15))
def test_any_map(content: dict[str, Any], kind: int) -> None:
    for each in (content, {**content, "type": kind, "requestId": "a"}):
        feed(msgpack.packb(each))
        feed(json.dumps(each).encode())


@given(st.lists(VALUES, max_size=4))
def test_any_list(content: list[Any]) -> None:
    feed(msgpack.packb(content))


def test_mutated_messages() -> None:
    for _, data in strange("socket.io", 5000):
        feed(data)


@pytest.mark.parametrize("size", [1, 100, 1000, 100_000])
def test_what_is_nested(size: int) -> None:
    feed(b"\x91" * size)
    feed(b"\x81\xa1x" * size)
    feed(b'{"data":' * size)
    feed(b'{"type":6,"data":' + b"[" * size + b"]" * size + b"}")
