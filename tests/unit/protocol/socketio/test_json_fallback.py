from __future__ import annotations

import datetime
import enum
import json
from dataclasses import dataclass
from typing import Any

import pytest

from sockio.protocol.socketio import json_fallback
from sockio.protocol.socketio.attachments import Attachments

INF = float("inf")


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 2


class Word(str, enum.Enum):
    HELLO = "hello"


@dataclass
class Move:
    to: str
    _seen: bool = False


def dumps(value: Any) -> str:
    return json_fallback.dumps(value, Attachments().take)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\ud800é", '"\\ud800\\u00e9"'),
        (2**70, "1180591620717411303424"),
        ({2: "a", None: "b", True: "c"}, '{"2":"a","null":"b","true":"c"}'),
        ([float("nan"), INF, -INF, 1.5], "[null,null,null,1.5]"),
        ((1, [2, {"a": (3,)}]), '[1,[2,{"a":[3]}]]'),
        ([True, False, None], "[true,false,null]"),
        (Size.BIG, "2"),
        (Word.HELLO, '"hello"'),
        (Colour.RED, '"red"'),
        (Move("e4"), '{"to":"e4"}'),
        (Move("\ud800"), '{"to":"\\ud800"}'),
        (datetime.date(2024, 5, 1), '"2024-05-01"'),
        (b"x", '{"_placeholder":true,"num":0}'),
    ],
)
def test_what_it_writes(value: Any, text: str) -> None:
    assert dumps(value) == text


def test_deep_nesting_is_written() -> None:
    value: list[Any] = []
    for _ in range(400):
        value = [value]

    assert dumps(value) == json.dumps(value)


def test_what_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(RecursionError):
        dumps(value)


@pytest.mark.parametrize("value", [{(1, 2): 3}, {"a": {1}}, [Move], object()])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\ud800"', "\ud800"),
        (' {"a": [1, -2, 1.5, 1e400]} ', {"a": [1, -2, 1.5, INF]}),
        ("18446744073709551616", 18446744073709551616.0),
    ],
)
def test_what_it_reads(text: str, value: Any) -> None:
    result = json_fallback.loads(text)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("text", ["", "NaN", "[Infinity]", "-Infinity", "[1,]", "'a'"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the reasons are the library's
        json_fallback.loads(text)


def test_long_integers_are_read_at_once() -> None:
    assert json_fallback.loads("1" + "0" * 300) == 1e300
