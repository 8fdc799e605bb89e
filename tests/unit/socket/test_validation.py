"""Arguments become what handlers declare, or are rejected with the wrong path named."""

from __future__ import annotations

import functools
import gc
import math
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest

from sockio.errors import ConfigError, EventRejected
from sockio.runtime.known_signatures import MOST_KNOWN
from sockio.socket.validation import converter, parameters

if TYPE_CHECKING:
    from tests.support.served import Heard


class Color(Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Named(TypedDict):
    name: str


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str]


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    full_name: str


class Node(msgspec.Struct):
    nodes: list[Node] = []


@dataclass
class Item:
    price: float
    picture: bytes = b""
    tags: list[str] = field(default_factory=list)


@dataclass
class Even:
    value: int

    def __post_init__(self) -> None:
        if self.value % 2:
            raise ValueError("an odd number")


class Plain:
    """No data of a client becomes one."""


Bounded = Annotated[int, msgspec.Meta(ge=1, le=9)]
Short = Annotated[str, msgspec.Meta(max_length=3)]

#: A type, a value that fits it, what the handler gets.
GOOD: list[tuple[Any, Any, Any]] = [
    (int, 5, 5),
    (float, 5, 5.0),
    (str, "a", "a"),
    (bool, True, True),
    (None, None, None),
    (bytes, b"ab", b"ab"),
    (bytearray, b"ab", bytearray(b"ab")),
    (list[int], [1, 2], [1, 2]),
    (set[int], [1, 2], {1, 2}),
    (tuple[int, str], [1, "a"], (1, "a")),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (Sequence[int], [1], [1]),
    (Mapping[str, Any], {"a": [1]}, {"a": [1]}),
    (int | str, "a", "a"),
    (int | None, None, None),
    (Literal["a", 1], 1, 1),
    (Color, "red", Color.RED),
    (Bounded, 9, 9),
    (Short, "abc", "abc"),
    (Point, [1, 2], Point(1, 2)),
    (Named, {"name": "ann", "more": 1}, {"name": "ann"}),
    (Item, {"price": 1}, Item(1.0)),
    (Item, {"price": 1, "picture": b"x"}, Item(1.0, b"x")),
    (list[Item], [{"price": 1, "tags": ["a"]}], [Item(1.0, tags=["a"])]),
    (Even, {"value": 2}, Even(2)),
    (Cat | Dog, {"type": "dog", "tricks": ["sit"]}, Dog(["sit"])),
    (Strict, {"fullName": "ann"}, Strict("ann")),
    (Node, {"nodes": [{}]}, Node([Node()])),
    (Decimal, "1.50", Decimal("1.50")),
    (UUID, "6e8bc430-9c3a-11d9-9669-0800200c9a66", UUID(int=0)),
    (datetime, "2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=timezone.utc)),
    (object, {"a": 1}, {"a": 1}),
]

#: A type, a value that does not fit, the path below the argument, what is said.
BAD: list[tuple[Any, Any, str, str]] = [
    (int, "5", "", "Expected `int`, got `str`"),
    (int, True, "", "Expected `int`, got `bool`"),
    (int, 1.5, "", "Expected `int`, got `float`"),
    (str, b"a", "", "Expected `str`, got `bytes`"),
    (bytes, "YWI=", "", "Expected `bytes`, got `str`"),
    (bytearray, "YWI=", "", "Expected `bytes`, got `str`"),
    (int, None, "", "Expected `int`, got `null`"),
    (list[int], [1, "2"], "[1]", "Expected `int`, got `str`"),
    (tuple[int, str], [1], "", "Expected `array` of length 2, got 1"),
    (dict[str, list[int]], {"a": ["b"]}, "[...][0]", "Expected `int`, got `str`"),
    (dict[int, str], {"a": "a"}, "", "a key: Expected `int`, got `str`"),
    (int | None, "a", "", "Expected `int | null`, got `str`"),
    (Literal["a", "b"], "c", "", "Invalid enum value 'c'"),
    (Color, "blue", "", "Invalid enum value 'blue'"),
    (Bounded, 0, "", "Expected `int` >= 1"),
    (Short, "abcd", "", "Expected `str` of length <= 3"),
    (Named, {}, "", "Object missing required field `name`"),
    (Item, {"price": "1"}, ".price", "Expected `float`, got `str`"),
    (Item, {"price": 1, "picture": "eA=="}, ".picture", "Expected `bytes`, got `str`"),
    (list[Item], [{"price": 1, "tags": [7]}], "[0].tags[0]", "Expected `str`, got"),
    (Even, {"value": 1}, "", "an odd number"),
    (Cat | Dog, {"type": "cow"}, ".type", "Invalid value 'cow'"),
    (Strict, {"fullName": 1}, ".fullName", "Expected `str`, got `int`"),
    (Strict, {"fullName": "a", "x": 1}, "", "Object contains unknown field `x`"),
    (datetime, "yesterday", "", "Invalid RFC3339 encoded datetime"),
    (Plain, {}, "", "Expected `Plain`, got `dict`"),
]


def handler_of(type_: Any) -> Callable[..., Any]:
    def handler(value: Any) -> None: ...

    handler.__annotations__ = {"value": type_}
    return handler


def convert(fn: Callable[..., Any], *args: Any) -> Any:
    found = converter("order", fn)
    return args if found is None else found("order", args)


def rejection(fn: Callable[..., Any], *args: Any) -> EventRejected:
    with pytest.raises(EventRejected) as caught:
        convert(fn, *args)
    return caught.value


@pytest.mark.parametrize(("type_", "value", "got"), GOOD, ids=str)
def test_what_fits_becomes_what_is_declared(type_: Any, value: Any, got: Any) -> None:
    (made,) = convert(handler_of(type_), value)

    if type_ is UUID:
        got = UUID(value)
    assert made == got
    assert type(made) is type(got)


@pytest.mark.parametrize(("type_", "value", "path", "said"), BAD, ids=str)
def test_what_does_not_fit_is_named(
    type_: Any, value: Any, path: str, said: str
) -> None:
    error = rejection(handler_of(type_), value)

    assert error.path == f"value{path}"
    assert str(error).startswith(f"event 'order': value{path}: {said}")


# ------------------------------------------------------------------ parameters


def some(first: int, second: str = "none", *others: float, ack: Any = None) -> None:
    """Take arguments in each way."""


def test_defaults_are_left_to_the_handler() -> None:
    assert convert(some, 1) == (1,)
    assert convert(some, 1, "a") == (1, "a")


def test_all_arguments_that_are_left_have_one_type() -> None:
    assert convert(some, 1, "a", 2, 3) == (1, "a", 2.0, 3.0)
    assert rejection(some, 1, "a", 2, "3").path == "others[1]"
    assert rejection(some, 1, 2, 3).path == "second"


def test_without_types_nothing_is_converted() -> None:
    def untyped(a, b=1, *rest): ...  # type: ignore[no-untyped-def]
    def anything(a: Any, b: object, *, ack: Callable[..., None]) -> None: ...

    assert converter("order", untyped) is None
    assert converter("order", anything) is None
    assert converter("order", print) is None


def test_our_own_events_are_not_those_of_clients() -> None:
    def gone(reason: bytes) -> None: ...

    assert converter("disconnect", gone) is None


def test_an_argument_without_a_type_is_left_as_it_is() -> None:
    def handler(a, b: int): ...  # type: ignore[no-untyped-def]

    value = object()
    assert convert(handler, value, 1) == (value, 1)


def test_what_cannot_be_looked_at_is_rejected() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"nodes": [deep]}

    for value, said in ((deep, "nested too deeply"), ({"\ud800": 1}, "not valid")):
        error = rejection(handler_of(Node), value)
        assert said in str(error)
        assert error.path is None
    assert "out of range" in str(rejection(handler_of(float), 10**400))
    assert "range error" in str(rejection(handler_of(Power), {"value": 1000}))


def test_a_client_is_told_no_more_than_a_line_of_its_own_text() -> None:
    error = rejection(handler_of(Color), "x\n" * 10_000)

    assert len(str(error)) < 300
    assert "\n" not in str(error)


def test_what_the_code_of_a_type_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        convert(handler_of(Wrong), {"value": 0})


@dataclass
class Power:
    """A type that cannot hold all numbers."""

    value: float

    def __post_init__(self) -> None:
        self.value = math.exp(self.value)


@dataclass
class Wrong:
    """A type whose code fails."""

    value: float

    def __post_init__(self) -> None:
        self.value = 1 / self.value


# ------------------------------------------------------------------ handlers


def passing_on(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(*args: Any, **named: Any) -> Any:
        return fn(*args, **named)

    return wrapper


class Orders:
    def create(self, item: Item) -> None: ...

    def __call__(self, item: Item) -> None: ...


def with_user(user: Plain, item: Item, count: int = 1) -> None: ...


@pytest.mark.parametrize(
    "fn",
    [
        Orders().create,
        Orders(),
        passing_on(Orders().create),
        functools.partial(with_user, Plain()),
        functools.partial(passing_on(with_user), Plain(), count=2),
        passing_on(passing_on(functools.partial(with_user, Plain()))),
    ],
)
def test_types_are_found_through_what_surrounds_a_handler(
    fn: Callable[..., Any],
) -> None:
    assert convert(fn, {"price": 1}) == (Item(1.0),)
    assert rejection(fn, {"price": "1"}).path == "item.price"


def test_handlers_of_the_same_code_share_a_converter() -> None:
    def make() -> Callable[..., Any]:
        def handler(item: Item) -> None: ...

        return handler

    assert converter("a", make()) is converter("b", make())
    assert converter("a", passing_on(make())) is converter("a", passing_on(make()))


def test_the_same_code_may_have_other_types() -> None:
    first, second = handler_of(int), handler_of(str)

    assert convert(first, 1) == (1,)
    assert convert(second, "a") == ("a",)
    assert rejection(second, 1).path == "value"


def test_the_same_code_in_another_module_has_the_types_of_that_one() -> None:
    text = "def handler(value: 'Number'): ..."
    one, other = {"Number": int}, {"Number": str}
    exec(text, one)
    exec(text, other)
    first: Any = one["handler"]
    second: Any = other["handler"]

    assert convert(first, 1) == (1,)
    assert convert(second, "a") == ("a",)


def test_types_that_cannot_be_hashed_are_types_too() -> None:
    fn = handler_of(Annotated[int, ["not", "hashable"]])

    assert convert(fn, 1) == (1,)
    assert rejection(fn, "1").path == "value"


def test_no_handler_is_kept() -> None:
    def make(thing: Any) -> Callable[..., Any]:
        def handler(value: int, default: Any = thing) -> Any:
            return thing

        return handler

    thing = Plain()
    kept = weakref.ref(thing)
    converter("order", make(thing))
    del thing
    gc.collect()

    assert kept() is None


def test_not_everything_is_kept() -> None:
    shared = converter("order", handler_of(int))

    for number in range(MOST_KNOWN + 1):
        fn = handler_of(Any)
        fn.__annotations__[f"unused {number}"] = Any
        converter("order", fn)

    assert converter("order", handler_of(int)) is not shared


# ------------------------------------------------------------------ mistakes


def test_a_name_that_is_known_to_type_checkers_only() -> None:
    def handler(heard: Heard) -> None: ...

    with pytest.raises(ConfigError, match=r"'Heard', which .* not below TYPE_CHECKING"):
        converter("order", handler)


def test_a_name_of_the_function_that_made_the_handler() -> None:
    class Local: ...

    def handler(local: Local) -> None: ...

    with pytest.raises(ConfigError, match="at the top of the module"):
        converter("order", handler)


@pytest.mark.parametrize("type_", [Item | Named, Plain | int, dict[Plain, int] | Cat])
def test_a_type_to_which_nothing_can_be_converted(type_: Any) -> None:
    with pytest.raises(ConfigError, match="the type of value cannot be validated: "):
        converter("order", handler_of(type_))


def test_what_an_event_fills() -> None:
    assert [tuple(each) for each in parameters(some)] == [
        ("first", int, False, False),
        ("second", str, True, False),
        ("others", float, False, True),
    ]


def test_iterables_are_compared_by_their_class() -> None:
    assert convert(handler_of(Iterable[int]), ["a"]) == (["a"],)
