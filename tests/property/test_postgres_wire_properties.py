from __future__ import annotations

import contextlib
import json
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from sockio.adapters.buses.postgres.wire import read, read_attachment
from sockio.errors import ProtocolError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
)
KEYS = ("uid", "nsp", "type", "data", "attachmentId")


def feed(data: bytes) -> None:
    """Let everything read it: ProtocolError is all that may be raised."""
    for reader in (read, read_attachment):
        with contextlib.suppress(ProtocolError):
            reader(data, "/")


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    feed(data)
    feed(b"{" + data)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES), st.integers(0, 22))
def test_any_map(content: dict[str, Any], kind: int) -> None:
    for each in (content, {**content, "uid": "a", "type": kind}):
        feed(msgpack.packb(each))
        feed(json.dumps(each).encode())
