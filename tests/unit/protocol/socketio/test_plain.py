"""What a value looks like does not depend on what wrote the packet."""

from __future__ import annotations

import enum
import json
import uuid
import zoneinfo
from collections import UserDict, namedtuple
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, ClassVar

import orjson
import pytest

from sockio.errors import EncodeError
from sockio.protocol.socketio import JsonParser, Packet, PacketType, json_fallback
from sockio.protocol.socketio.attachments import Attachments
from sockio.protocol.socketio.plain import plain, simplify


class Colour(enum.Enum):
    RED = "red"
    PRICE = Decimal("1.50")
    DATA = b"x"
    PAIR = (1, 2)
    DAY = date(2024, 5, 1)


class Size(enum.IntEnum):
    BIG = 2


class Permission(enum.IntFlag):
    READ = 4


class Word(str, enum.Enum):
    HELLO = "hello"


class Ratio(float, enum.Enum):
    HALF = 0.5
    NAN = float("nan")


class Stamp(datetime):
    """A subclass like pendulum's."""


class Day(date): ...


class Hour(time): ...


class Id(uuid.UUID): ...


class Text(str): ...


class Number(int): ...


class Real(float): ...


Point = namedtuple("Point", "x y")


@dataclass
class Move:
    to: str
    by: Any = None
    count: ClassVar[int] = 0
    seed: InitVar[int] = 0
    _seen: bool = False
    unset: int = field(init=False, repr=False)


class Castling(Move):
    """A subclass that is not decorated as a dataclass itself."""


@dataclass
class Slotted:
    __slots__ = ("_b", "a")
    a: int
    _b: int


class Half(tzinfo):
    """A zone of the kind that orjson may not know."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(minutes=30)

    def dst(self, moment: datetime | None) -> None: ...

    def tzname(self, moment: datetime | None) -> str:
        return "half"


extended = Move("e4")
extended.more = 5  # type: ignore[attr-defined]
PARIS = zoneinfo.ZoneInfo("Europe/Paris")
ODD = timezone(timedelta(hours=1, minutes=2, seconds=31))
ID = uuid.UUID("12345678-1234-5678-1234-567812345678")

VALUES = [
    (Colour.RED, "red"),
    (Colour.PRICE, "1.50"),
    (Colour.DATA, {"_placeholder": True, "num": 0}),
    (Colour.PAIR, [1, 2]),
    (Colour.DAY, "2024-05-01"),
    (Size.BIG, 2),
    (Permission.READ, 4),
    (Word.HELLO, "hello"),
    (Ratio.HALF, 0.5),
    (datetime(2024, 5, 1, 12, 30), "2024-05-01T12:30:00"),
    (datetime(2024, 5, 1, 12, 30, 1, 5), "2024-05-01T12:30:01.000005"),
    (datetime(24, 5, 1, tzinfo=timezone.utc), "0024-05-01T00:00:00+00:00"),
    (datetime(2024, 5, 1, tzinfo=PARIS), "2024-05-01T00:00:00+02:00"),
    (datetime(2024, 10, 27, 2, tzinfo=PARIS, fold=1), "2024-10-27T02:00:00+01:00"),
    (datetime(1890, 1, 1, tzinfo=PARIS), "1890-01-01T00:00:00+00:09"),
    (datetime(2024, 5, 1, tzinfo=ODD), "2024-05-01T00:00:00+01:03"),
    (datetime(2024, 5, 1, tzinfo=Half()), "2024-05-01T00:00:00+00:30"),
    (Stamp(2024, 5, 1, tzinfo=ODD), "2024-05-01T00:00:00+01:03"),
    (Stamp(2024, 10, 27, 2, tzinfo=PARIS, fold=1), "2024-10-27T02:00:00+01:00"),
    (date(2024, 5, 1), "2024-05-01"),
    (Day(2024, 5, 1), "2024-05-01"),
    (time(12, 30, 1, 5), "12:30:01.000005"),
    (Hour(12, 30), "12:30:00"),
    (time(12, 30, tzinfo=timezone.utc), "12:30:00+00:00"),
    (ID, str(ID)),
    (Id(str(ID)), str(ID)),
    (Decimal("1.50"), "1.50"),
    (Decimal("NaN"), "NaN"),
    (Move("e4", by=Colour.RED), {"to": "e4", "by": "red"}),
    (Move("e4", by=[ID]), {"to": "e4", "by": [str(ID)]}),
    (extended, {"to": "e4", "by": None, "more": 5}),
    (Castling("O-O"), {"to": "O-O", "by": None}),
    (Slotted(1, 2), {"a": 1}),
    (Text("a"), "a"),
    (Number(1), 1),
    (Real(1.5), 1.5),
    (Point(1, Colour.RED), [1, "red"]),
    (UserDict(a=Decimal(1)), {"a": "1"}),
]


def by_orjson(value: Any) -> Any:
    return JsonParser().encode(Packet(PacketType.EVENT, data=["e", value]))


def by_the_fallback(value: Any) -> Any:
    # The lone surrogate is what orjson refuses.
    frames = JsonParser().encode(Packet(PacketType.EVENT, data=["e", value, "\ud800"]))
    return [frames[0].replace(',"\\ud800"', ""), *frames[1:]]  # type: ignore[arg-type]


def by_another_library(value: Any) -> Any:
    return JsonParser(Compact()).encode(Packet(PacketType.EVENT, data=["e", value]))


class Compact:
    """The standard library, writing as orjson does."""

    loads = staticmethod(json.loads)

    def dumps(self, value: Any, *, default: Callable[[Any], Any]) -> str:
        return json.dumps(value, default=default, separators=(",", ":"))


@pytest.mark.parametrize("write", [by_orjson, by_the_fallback, by_another_library])
@pytest.mark.parametrize(("value", "shown"), VALUES)
def test_what_is_written(
    value: Any, shown: Any, write: Callable[[Any], list[Any]]
) -> None:
    head, *attachments = write(value)

    assert orjson.loads(head[head.index("[") :]) == ["e", shown]
    assert attachments == ([b"x"] if value is Colour.DATA else [])


@pytest.mark.parametrize("write", [by_orjson, by_the_fallback])
def test_an_enumeration_may_have_no_number_as_value(
    write: Callable[[Any], list[str]],
) -> None:
    assert write(Ratio.NAN) == ['2["e",null]']


@pytest.mark.parametrize("value", [object(), {1}, Move, Colour, timedelta(1), 1j])
def test_what_nothing_stands_for_is_named(value: Any) -> None:
    with pytest.raises(EncodeError, match=f"of type {type(value).__name__} cannot"):
        plain(value)


# ------------------------------------------------------------------ trees


def same(value: Any) -> Any:
    return value


def test_a_tree_is_copied() -> None:
    tree = {"a": [1, ("b", None)], "c": {}}

    copy = simplify(tree, same, plain)

    assert copy == {"a": [1, ["b", None]], "c": {}}
    assert tree == {"a": [1, ("b", None)], "c": {}}


def test_leaves_are_asked_about_whatever_is_text_or_a_number() -> None:
    tree = [None, True, Number(1), Real(1.5), Text("x"), Size.BIG]

    assert simplify(tree, repr, plain) == ["None", "True", "1", "1.5", "'x'", "2"]


def test_bytes_are_simple_enough() -> None:
    assert simplify([bytearray(b"x")], same, bytes) == [b"x"]


def test_keys_become_text() -> None:
    tree = dict.fromkeys(["a", Word.HELLO, Text("b"), 2, 1.5, True, None, Size.BIG])

    copy = simplify(tree, same, plain)

    assert list(copy) == ["a", "hello", "b", "2", "1.5", "true", "null"]
    assert {type(key) for key in copy} == {str}


@pytest.mark.parametrize("key", [(1, 2), Colour.RED, ID, b"x"])
def test_keys_that_cannot_be_text_are_refused(key: Any) -> None:
    with pytest.raises(TypeError, match="keys must be"):
        simplify({key: 1}, same, plain)


def test_keys_are_those_of_the_standard_library() -> None:
    tree = {2: "a", 1.5: "b", True: "c", None: "d", float("inf"): "e", 2**70: "f"}

    assert json_fallback.dumps(tree, Attachments().take) == json.dumps(
        tree, separators=(",", ":")
    )
