"""Values of every type, under each parser: the same arrives, or the same is refused."""

from __future__ import annotations

import gc
import io
import json
import weakref
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.errors import EncodeError
from sockio.protocol.socketio import (
    AutoParser,
    JsonParser,
    MsgpackParser,
    Packet,
    PacketType,
    own_frames,
)
from tests.support.values import REFUSED, SENT, shown

#: Clients of JSON get this as it is; MessagePack has no lone surrogates.
LONE = "\ud800"


def event(*args: Any) -> Packet:
    return Packet(PacketType.EVENT, data=["e", *args])


def by_json(value: Any) -> Any:
    return own_frames.read(JsonParser().encode(event(value))).data[1]


def by_json_that_orjson_refuses(value: Any) -> Any:
    return own_frames.read(JsonParser().encode(event(value, LONE))).data[1]


def by_the_standard_library(value: Any) -> Any:
    return own_frames.read(JsonParser(json).encode(event(value))).data[1]


def by_msgpack(value: Any) -> Any:
    parser = MsgpackParser()
    [frame] = parser.encode(event(value))
    return parser.decoder().feed(frame).data[1]


def by_msgpack_of_what_it_has_not(value: Any) -> Any:
    parser = MsgpackParser()
    [frame] = parser.encode(event(value, LONE, 2**70))
    return parser.decoder().feed(frame).data[1]


def by_translation(value: Any) -> Any:
    auto = AutoParser()
    [frame] = auto.translate(auto.encode(event(value)))
    return auto.msgpack.decoder().feed(frame).data[1]


WAYS: list[Callable[[Any], Any]] = [
    by_json,
    by_json_that_orjson_refuses,
    by_msgpack,
    by_msgpack_of_what_it_has_not,
    by_translation,
]
in_each_way = pytest.mark.parametrize("way", WAYS)


@in_each_way
@pytest.mark.parametrize(("make", "arrives"), SENT.values(), ids=SENT)
def test_what_arrives(
    make: Callable[[], Any], arrives: Any, way: Callable[[Any], Any]
) -> None:
    assert shown(way(make())) == shown(arrives)
    assert shown(way({"in": [make(), "more"]})) == shown({"in": [arrives, "more"]})


@in_each_way
@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(make: Callable[[], Any], way: Callable[[Any], Any]) -> None:
    for wrap in (lambda value: value, lambda value: {"in": [b"x", value]}):
        with pytest.raises(EncodeError) as caught:
            way(wrap(make()))

        assert "cannot be sent" in str(caught.value) or "to be sent" in str(
            caught.value
        )


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_another_library_is_told_too(make: Callable[[], Any]) -> None:
    with pytest.raises(EncodeError):
        by_the_standard_library(make())


@pytest.mark.parametrize("way", [*WAYS, by_the_standard_library])
@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_let_go_without_the_garbage_collector(
    make: Callable[[], Any], way: Callable[[Any], Any]
) -> None:
    class Items(list[Any]): ...

    items = Items([b"x", make()])
    gone = weakref.ref(items)
    gc.disable()
    try:
        try:
            way(items)
        except EncodeError:
            del items

        assert gone() is None
    finally:
        gc.enable()


@in_each_way
def test_a_file_that_waits_may_be_interrupted(way: Callable[[Any], Any]) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise interruption

    interruption = gevent.Timeout(5)

    with pytest.raises(gevent.Timeout) as caught:
        way(Slow())

    assert caught.value is interruption


@in_each_way
def test_a_file_is_not_mistaken_for_one_that_is_no_more(
    way: Callable[[Any], Any],
) -> None:
    class Files(dict[str, Any]):
        def items(self) -> Any:
            return {"file": io.BytesIO(str(self["number"]).encode())}.items()

    arrived = way([Files(number=number) for number in range(10)])

    assert arrived == [{"file": str(number).encode()} for number in range(10)]
