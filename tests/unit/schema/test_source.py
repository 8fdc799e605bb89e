from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import pytest

import sockio
from sockio.errors import ConfigError
from sockio.schema.source import Reading
from tests.support.typed_shop import Point, ToClient, moved

if TYPE_CHECKING:
    from tests.support.served import Served

NAME = "named"
GIVEN: Any = [print]


def read(fn: Any) -> Reading:
    reading = Reading()
    reading.read(fn)
    return reading


def names(fn: Any) -> list[str]:
    return [each.name for each in read(fn).received]


class Rooms:
    """Functions that other places define."""

    EVENT = "of a class"

    def connected(self, socket: sockio.Socket) -> None:
        @socket.on(Rooms.EVENT)
        def event(first: int, /, second: str = "") -> bool:
            return bool(first)


def passing_on(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fn)
    def wrapper(*args: Any) -> Any:
        return fn(*args)

    return wrapper


def plain(socket: sockio.Socket) -> None:
    socket.prepend_listener(NAME, passing_on)


decorated = passing_on(plain)


def test_listeners_are_found_where_they_are_written() -> None:
    [found] = read(Rooms().connected).received

    assert found.name == "of a class"
    assert [tuple(each) for each in found.parameters] == [
        ("first", int, False, False),
        ("second", str, True, False),
    ]
    assert found.answer is bool
    assert names(decorated) == ["named"]


def test_functions_that_get_the_socket_are_read_too() -> None:
    def connected(room: str, socket: sockio.Socket) -> None:
        plain(socket)
        read_me(1, socket)
        connected(room, socket)

    assert names(partial(connected, "room")) == ["named", "from elsewhere"]


def read_me(number: int, socket: sockio.Socket) -> None:
    read_me(number, socket)
    socket.on("from elsewhere", partial(takes_three, number, third=3))


def takes_three(first: int, second: str, third: int) -> None: ...


def test_what_a_partial_has_given_is_no_argument() -> None:
    [found] = read(partial(read_me, 1)).received

    assert [each.name for each in found.parameters][:1] == ["second"]


def test_what_is_emitted_is_noted() -> None:
    def connected(socket: sockio.Socket) -> None:
        socket.to("room").volatile.emit(moved, Point(1, 2), "up")
        socket.nsp.only_typed(ToClient).joined("ann", {})
        socket.emit("plain")
        print(moved)

    assert read(connected).sent == [moved, ToClient, "plain"]


def test_variables_of_the_function_around_are_known() -> None:
    name = "enclosed"

    def connected(socket: sockio.Socket) -> None:
        @socket.on(name)
        def listener() -> None:
            later(socket)

    later = connected
    assert names(later) == ["enclosed"]


def test_what_cannot_be_read_is_told() -> None:
    def connected(socket: sockio.Socket) -> None:
        for event in ("a", "b"):
            socket.on(event, print)

        @socket.on(event.upper())
        def listener() -> None: ...

        socket.on("result", Rooms()[0])  # type: ignore[index]
        socket.on("partial", partial(*GIVEN))

    reading = read(connected)

    assert [line.partition(" not written in ")[2] for line in reading.unread] == [
        "socket.on(event)",
        "socket.on(event.upper())",
    ]
    assert [each.name for each in reading.received] == ["result", "partial"]
    assert read(print).unread == ["<built-in function print> is no function of Python"]
    assert (
        "is not there"
        in read(eval(compile("lambda socket: None", "<nowhere>", "eval"))).unread[0]
    )
    assert read(lambda: None).unread == []


def test_a_name_that_is_not_known_is_told() -> None:
    def connected(socket: sockio.Socket) -> None:
        @socket.on("x")
        def listener(served: Served) -> None: ...

    with pytest.raises(ConfigError, match=r"listener: .* 'Served', which its module"):
        read(connected)
