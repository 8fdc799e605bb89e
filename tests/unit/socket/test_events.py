from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest

from sockio.runtime.listeners import EventEmitter, Listeners
from sockio.socket.events import Event, alias, event, only_typed, prefix


class Emitted(list[Any]):
    """Stands for an ``emit``: remembers how it was called."""

    def __call__(self, *args: Any, **named: Any) -> None:
        self.append((args, named) if named else args)


class Emitter(EventEmitter):
    """Something with events."""

    def __init__(self) -> None:
        self._listeners = Listeners()

    def fire(self, name: str, *args: Any) -> None:
        self._fire(name, *args)


class Orders(Protocol):
    def placed(self, order: dict[str, Any], count: int = 1) -> None: ...

    @alias("order:gone")
    def gone(self, order: int) -> None: ...

    def ask(self, text: str, *, ack: Callable[..., None] | None = None) -> None: ...


@prefix("shop:")
class Shop(Protocol):
    def opened(self) -> None: ...

    @alias("closed!")
    def closed(self) -> None: ...


def test_an_event_is_known_by_its_name() -> None:
    new_message = event("new message")

    assert new_message.name == "new message"
    assert str(new_message) == "new message"
    assert repr(new_message) == "event('new message')"


def test_events_of_one_name_are_one() -> None:
    assert event("a") == Event("a")
    assert event("a") != event("b")
    assert event("a") != "a"
    assert len({event("a"), event("a"), event("b")}) == 2


def test_a_handler_is_left_as_it_is() -> None:
    @event("new message").handler
    def handler(text: str) -> bool:
        return bool(text)

    assert handler("hi") is True


def test_an_event_is_listened_to_by_its_name() -> None:
    heard: list[str] = []
    emitter = Emitter()

    emitter.on(event("new message"), heard.append)
    emitter.fire("new message", "hi")

    assert heard == ["hi"]
    assert emitter.event_names() == ["new message"]


def test_a_maps_method_emits_the_event_of_its_name() -> None:
    emitted = Emitted()

    only_typed(Orders, emitted).placed({"id": 1}, 2)

    assert emitted == [("placed", {"id": 1}, 2)]


def test_an_alias_names_the_event() -> None:
    emitted = Emitted()

    only_typed(Orders, emitted).gone(7)

    assert emitted == [("order:gone", 7)]


def test_a_prefix_is_for_all_methods_without_alias() -> None:
    emitted = Emitted()
    shop = only_typed(Shop, emitted)

    shop.opened()
    shop.closed()

    assert emitted == [("shop:opened",), ("closed!",)]


def test_arguments_given_by_name_travel_by_position() -> None:
    emitted = Emitted()

    only_typed(Orders, emitted).placed(count=3, order={"id": 1})
    only_typed(Orders, emitted).placed(order={"id": 2})

    assert emitted == [("placed", {"id": 1}, 3), ("placed", {"id": 2}, 1)]


def test_a_keyword_only_parameter_is_for_emit() -> None:
    emitted = Emitted()

    only_typed(Orders, emitted).ask("tea?", ack=print)

    assert emitted == [(("ask", "tea?"), {"ack": print})]


def test_an_unknown_argument_is_an_error_of_the_caller() -> None:
    with pytest.raises(TypeError, match="cuont"):
        only_typed(Orders, Emitted()).placed({}, cuont=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["unknown", "__len__", "_is_protocol"])
def test_what_is_not_in_the_map_is_no_event(name: str) -> None:
    with pytest.raises(AttributeError, match=f"Orders has no event '{name}'"):
        getattr(only_typed(Orders, Emitted()), name)
