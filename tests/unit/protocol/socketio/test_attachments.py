from __future__ import annotations

import array
import ctypes
import io
import os
import struct
from collections import UserDict, namedtuple
from pickle import PickleBuffer as Scalar
from typing import Any

import pytest

from sockio.errors import EncodeError, ProtocolError
from sockio.protocol.socketio.attachments import Attachments, restore

Point = namedtuple("Point", "x y")


def placeholder(number: Any) -> dict[str, Any]:
    return {"_placeholder": True, "num": number}


class Real(float):
    """As NumPy's float64: a float that JSON libraries do not know."""


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (b"ab", b"ab"),
        (b"", b""),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (array.array("B", [1, 2]), b"\x01\x02"),
        (io.BytesIO(b"ab"), b"ab"),
    ],
)
def test_what_becomes_an_attachment(value: Any, data: bytes) -> None:
    found = Attachments()

    assert found.take(value) == placeholder(0)
    assert found == [data]
    assert type(found[0]) is bytes


def test_placeholders_are_numbered_in_order() -> None:
    found = Attachments()

    assert [found.take(value) for value in (b"a", b"b")] == [
        placeholder(0),
        placeholder(1),
    ]


def test_a_file_is_read_from_its_position_and_only_once() -> None:
    file = io.BytesIO(b"abcd")
    file.seek(2)
    found = Attachments()

    found.take(file)
    found.take(file)

    assert found == [b"cd", b"cd"]


def test_a_file_of_text_is_refused() -> None:
    with pytest.raises(EncodeError, match="binary mode"):
        Attachments().take(io.StringIO("text"))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Real(1.5), 1.5),
        (Point(1, 2), [1, 2]),
        (UserDict(a=1), {"a": 1}),
        (Scalar(memoryview(struct.pack("d", 1.5)).cast("d", [])), 1.5),
    ],
)
def test_what_json_carries_in_another_form(value: Any, plain: Any) -> None:
    found = Attachments()

    assert found.take(value) == plain
    assert found == []


@pytest.mark.parametrize("value", [object(), {1}, 1j, ctypes.c_int(5)])
def test_what_cannot_travel_is_named(value: Any) -> None:
    with pytest.raises(EncodeError, match=type(value).__name__):
        Attachments().take(value)


def test_bytes_are_put_back_at_any_depth() -> None:
    tree = ["e", {"a": [placeholder(1), {}, []]}, placeholder(0), None, 1]

    assert restore(tree, [b"x", b"y"]) == ["e", {"a": [b"y", {}, []]}, b"x", None, 1]


def test_depth_does_not_use_up_the_stack() -> None:
    tree: list[Any] = [placeholder(0)]
    for _ in range(10_000):
        tree = [tree]

    tree = restore(tree, [b"x"])

    while isinstance(tree[0], list):
        tree = tree[0]
    assert tree == [b"x"]


def test_a_number_may_be_written_as_a_float() -> None:
    assert restore(["e", placeholder(1.0)], [b"x", b"y"]) == ["e", b"y"]


@pytest.mark.parametrize("number", [1, -1, None, "0", 0.5, True, 1.0, float("inf")])
def test_an_attachment_that_there_is_not(number: Any) -> None:
    with pytest.raises(ProtocolError, match="illegal attachments"):
        restore(["e", placeholder(number)], [b"x"])


def test_what_only_resembles_a_placeholder_stays() -> None:
    tree = ["e", {"_placeholder": False, "num": 0}, {"_placeholder": 1, "num": 0}]

    assert restore(tree, [b"x"]) == tree


def test_nothing_is_left_open() -> None:
    with open(os.devnull, "rb") as file:
        assert Attachments().take(file) == placeholder(0)
