from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
import pytest

from sockio.schema.events import Channel, event_of
from sockio.schema.gathering import Schema, gather
from sockio.schema.typescript import typescript
from tests.support import typed_shop

T = TypeVar("T")


class Pair(msgspec.Struct, array_like=True, tag="pair"):
    """A list on the wire."""

    first: int
    second: str


class Odd(msgspec.Struct, rename={"key": "a key"}):
    """A field whose name is no name of JavaScript."""

    key: int = msgspec.field(default=0)


class Box(msgspec.Struct, Generic[T]):
    """A type with a parameter."""

    content: T


class EventError(msgspec.Struct):
    """A name that the schema itself uses."""


def written(
    handler: Callable[..., Any], *, errors: bool = False, name: str = "e"
) -> str:
    """Return the line of an event of clients."""
    channel = Channel("/", {name: event_of(name, handler)})
    text = typescript(Schema([channel], errors, []))
    [line] = [line for line in text.splitlines() if line.startswith('  "')]
    return line.strip()


def taking(type_: Any) -> Callable[..., None]:
    def handler(value: Any) -> None: ...

    handler.__annotations__["value"] = type_
    return handler


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (int, "number"),
        (float, "number"),
        (bool, "boolean"),
        (str, "string"),
        (None, "null"),
        (bytes, "Binary"),
        (memoryview, "Binary"),
        (datetime, "string"),
        (timedelta, "string"),
        (UUID, "string"),
        (Decimal, "string"),
        (Any, "any"),
        (object, "any"),
        (typed_shop.Plain, "any"),
        (typed_shop.Plain | int, "any"),
        (list[int | str], "(number | string)[]"),
        (set[int], "number[]"),
        (tuple[int, ...], "number[]"),
        (tuple[int, str], "[number, string]"),
        (dict[int, bool], "{ [key: string]: boolean }"),
        (Literal["a", 1, None], 'null | 1 | "a"'),
        (typed_shop.Color, '"red" | "blue"'),
        (typed_shop.Point, "[number, number]"),
        (typed_shop.Bounded, "number"),
        (Pair, '["pair", number, string]'),
        (EventError, "EventError_"),
        (Box[int], "Box"),
    ],
    ids=str,
)
def test_types(type_: Any, text: str) -> None:
    assert written(taking(type_)) == f'"e": (value: {text}) => void;'


def test_interfaces() -> None:
    channel = Channel("/", {"e": event_of("e", taking(Odd | int))})

    text = typescript(Schema([channel], False, []))

    assert 'export interface Odd {\n  "a key"?: number;\n}\n' in text
    assert "Binary" not in text
    assert "EventError" not in text


def silent(a: int, b: str = "") -> None: ...


def some(a: int, b: str = "") -> bool:
    return True


def several(*a: int) -> tuple[int, str]:
    return len(a), ""


def words(new: int, *a: str) -> None: ...


def unknown(*a: int) -> Any: ...


ANY_ACK = (
    "(...args: [...a: number[]] | [...a: number[], ack: (...answer: any[]) => void])"
)


@pytest.mark.parametrize(
    ("handler", "usual", "errors"),
    [
        (
            silent,
            "(a: number, b?: string)",
            "(a: number, b?: string, ack?: (error?: EventError) => void)",
        ),
        (
            some,
            "(...args: [a: number, ack: (answer: boolean) => void] | "
            "[a: number, b: string, ack: (answer: boolean) => void])",
            "(...args: [a: number, ack: (answer: boolean | EventError) => void] | "
            "[a: number, b: string, ack: (answer: boolean | EventError) => void])",
        ),
        (
            several,
            "(...args: [...a: number[], "
            "ack: (answer: number, answer1: string) => void])",
            "(...args: [...a: number[], "
            "ack: (answer: number | EventError, answer1: string) => void])",
        ),
        (
            words,
            "(new_: number, ...a: string[])",
            "(...args: [new_: number, ...a: string[]] | "
            "[new_: number, ...a: string[], ack: (error?: EventError) => void])",
        ),
        (unknown, ANY_ACK, ANY_ACK),
    ],
)
def test_arguments_and_answers(
    handler: Callable[..., Any], usual: str, errors: str
) -> None:
    assert written(handler) == f'"e": {usual} => void;'
    assert written(handler, errors=True) == f'"e": {errors} => void;'


def test_a_map_has_the_name_of_its_namespace() -> None:
    names = ["/", "/a-b", "/a/b", "/7"]
    channels = [Channel(name) for name in names]

    text = typescript(Schema(channels, False, []))

    for prefix in ("", "AB", "AB_", "_7"):
        for kind in ("ClientToServerEvents", "ServerToClientEvents"):
            assert f"export interface {prefix}{kind} {{\n  [event: string]:" in text


def test_events_to_clients_are_answered_by_clients() -> None:
    text = typescript(gather(typed_shop.io))

    assert (
        '"how-many": (where: [number, number], ack: (answer: number) => void)' in text
    )
    assert "picture?: Binary | null;" in text
    assert "export type Binary" in text
    assert "export interface EventError {" in text
