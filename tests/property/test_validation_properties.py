"""A validating server does what msgspec says of the type that a handler declares."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import make_dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sockio
from sockio.testing import TestClient

#: Bytes travel as attachments, not as text; in JSON the keys of dicts are text.
AS_SENT: dict[str, Any] = {
    "builtin_types": (bytes, bytearray, memoryview),
    "str_keys": True,
}


def bounded(least: int, size: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=least, lt=least + size)]


def record(first: Any, second: Any) -> Any:
    fields = [("a", first), ("b", second, None)]
    return make_dataclass("Record", fields)  # type: ignore[arg-type]


leaves = st.one_of(
    st.sampled_from([int, float, str, bool, bytes, None, Any, Literal["a", "b", 1]]),
    st.builds(bounded, st.integers(-3, 3), st.integers(1, 4)),
)
kinds: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda t: list[t], inner),  # type: ignore[valid-type]
        st.builds(lambda t: dict[str, t], inner),  # type: ignore[valid-type]
        st.builds(lambda t: dict[int, t], inner),  # type: ignore[valid-type]
        st.builds(lambda t, u: tuple[t, u], inner, inner),  # type: ignore[valid-type]
        st.builds(lambda t: t | None if t is not None else int, inner),
        st.builds(record, inner, inner),
    ),
    max_leaves=4,
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.integers(-5, 5),
        st.floats(-5, 5),
        st.sampled_from(["a", "b", "1", "", b"", b"ab", True, None]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "1"]), inner, max_size=3),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """Give a client that all examples use; what it does wrong is not counted."""
    log = logging.getLogger("sockio.socket")
    before = log.level
    log.setLevel(logging.ERROR)
    with TestClient(sockio.Server(validate=True)) as client:
        yield client
    log.setLevel(before)


def said(value: Any, kind: Any) -> tuple[str, Any]:
    """Return what msgspec makes of a value, or says of it."""
    try:
        return "made", repr(msgspec.convert(value, kind, **AS_SENT))
    except msgspec.ValidationError as exc:
        return "wrong", re.sub(r" - at .*", "", str(exc))


@given(kinds, values)
def test_the_server_does_what_msgspec_says(
    client: TestClient, kind: Any, value: Any
) -> None:
    got: list[Any] = []

    def handler(value: Any) -> None:
        got.append(repr(value))

    handler.__annotations__ = {"value": kind}
    socket = client.socket
    socket.off("value").on("value", handler)
    outcome, expected = said(value, kind)

    if outcome == "made":
        client.emit("value", value)
        assert got == [expected]
    else:
        with pytest.raises(sockio.EventRejected) as caught:
            client.emit("value", value)
        assert not got
        assert str(caught.value).endswith(f": {expected}")
        assert str(caught.value.path).startswith("value")
