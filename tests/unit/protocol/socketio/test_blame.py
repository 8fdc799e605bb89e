"""Blame: the error names the event, the place of the value, and what to send."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import pathlib
import sys
import traceback
import types
from collections.abc import Iterator
from typing import Any

import pytest

from sockio.errors import EncodeError
from sockio.protocol.socketio import JsonParser, MsgpackParser, Packet, PacketType

parsers = pytest.mark.parametrize(
    "parser", [JsonParser(), MsgpackParser()], ids=["json", "msgpack"]
)


def refusal(parser: Any, *args: Any, kind: PacketType = PacketType.EVENT) -> str:
    data = ["chat", *args] if kind is PacketType.EVENT else list(args)
    with pytest.raises(EncodeError) as caught:
        parser.encode(Packet(kind, "/", data, 1))
    return str(caught.value)


@dataclasses.dataclass
class Message:
    tags: Any


class QuerySet:
    model = None

    def values(self) -> None: ...
    def iterator(self) -> None: ...


class Model:
    _meta = pk = None


class Row:
    __mapper__ = None


class Pydantic:
    def model_dump(self) -> None: ...


class WithToDict:
    def to_dict(self) -> None: ...


class Anything:
    def __init__(self) -> None:
        self.x = 1


def generator() -> Iterator[int]:
    yield 1


@parsers
@pytest.mark.parametrize(
    ("args", "place"),
    [
        (({1},), "args[0]"),
        ((1, "x", {1}), "args[2]"),
        (({"user": {"tags": {1}}},), "args[0]['user']['tags']"),
        (([0, [1, (2, {3})]],), "args[0][1][1][1]"),
        ((Message({1}),), "args[0].tags"),
        ((Message([Message({1})]),), "args[0].tags[0].tags"),
        ((enum.Enum("E", {"A": frozenset([1])}).A,), "args[0].value"),  # type: ignore[attr-defined]
        (({"k" * 100: {1}},), f"args[0]['{'k' * 59}...]"),
    ],
)
def test_the_place_is_named(parser: Any, args: tuple[Any, ...], place: str) -> None:
    assert refusal(parser, *args).startswith(f"event 'chat', {place}: ")


@parsers
def test_of_several_the_first_is_named(parser: Any) -> None:
    assert "args[0]['b']" in refusal(parser, {"a": 1, "b": {1}, "c": {2}})


@parsers
def test_what_is_wrong_with_a_key_is_told_of_its_dict(parser: Any) -> None:
    text = refusal(parser, {"a": {(1, 2): 3}})

    assert text == (
        "event 'chat', args[0]['a']: the data cannot be sent: keys must be text or "
        "numbers, not tuple"
    )


@parsers
@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ({1}, "send list(value), or sorted(value)"),
        (frozenset(), "send list(value), or sorted(value)"),
        ({}.keys(), "send list(value), or sorted(value)"),
        (generator(), "send list(value)"),
        (map(str, [1]), "send list(value)"),
        (zip([1], strict=True), "send list(value)"),
        (QuerySet(), 'send list(queryset.values("id", ...))'),
        (Model(), "model_to_dict(value)"),
        (Row(), "a dict of some of its columns"),
        (Pydantic(), 'send value.model_dump(mode="json")'),
        (WithToDict(), "send value.to_dict()"),
        (Anything(), "send a dict of what the client needs"),
        (pathlib.PurePath("/x"), "send str(value)"),
        (datetime.timedelta(1), "send value.total_seconds()"),
        (1j, "send [value.real, value.imag]"),
        (ValueError("x"), "send str(value)"),
        (Anything, "it is a class"),
        (print, "only the last argument"),
    ],
)
def test_the_way_out_is_told(parser: Any, value: Any, hint: str) -> None:
    text = refusal(parser, {"x": value}, "last")

    assert text.startswith("event 'chat', args[0]['x']: a value of type ")
    assert hint in text.partition("; ")[2]


@parsers
def test_there_is_one_traceback(parser: Any) -> None:
    try:
        parser.encode(Packet(PacketType.EVENT, "/", ["chat", {"x": {1}}]))
    except EncodeError as exc:
        text = "".join(traceback.format_exception(exc))

    assert text.count("Traceback (most recent call last)") == 1
    assert text.rstrip().splitlines()[-1].startswith("sockio.errors.EncodeError: event")


@parsers
def test_packets_without_an_event(parser: Any) -> None:
    kind = PacketType.ACK
    assert refusal(parser, {1}, kind=kind).startswith("an acknowledgement, args[0]: ")
    with pytest.raises(EncodeError, match=r"type CONNECT_ERROR, data\['data'\]: "):
        parser.encode(Packet(PacketType.CONNECT_ERROR, "/", {"data": {1}}))


@parsers
def test_what_contains_itself_is_told_without_a_search(parser: Any) -> None:
    endless: list[Any] = []
    endless.append(endless)

    assert refusal(parser, endless) == (
        "event 'chat': the data is nested too deep to be sent"
    )


@parsers
def test_values_that_resist_are_told_all_the_same(parser: Any) -> None:
    class Key:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert "keys must be text" in refusal(parser, {Key(): 1})


@parsers
def test_nothing_is_read_to_find_it(parser: Any) -> None:
    taken = []

    def lazily() -> Iterator[int]:
        taken.append(1)
        yield 1

    refusal(parser, lazily())

    assert taken == []


def test_types_of_packages_are_known_without_importing_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pandas = types.ModuleType("pandas")
    pandas.DataFrame = type("DataFrame", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)

    assert 'value.to_dict("records")' in refusal(JsonParser(), pandas.DataFrame())
