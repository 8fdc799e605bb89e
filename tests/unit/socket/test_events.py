from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from sockio.runtime.listeners import EventEmitter, Listeners
from sockio.socket import events
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


SAMPLE = """
    from collections.abc import Callable
    from typing import ParamSpec, Protocol, TypeVar

    from sockio.runtime.listeners import EventEmitter
    from sockio.socket.events import Event, alias, event, only_typed, prefix

    P = ParamSpec("P")
    R = TypeVar("R")

    def emit(of: Event[P, R], *args: P.args, **named: P.kwargs) -> None: ...
    def call(of: Event[P, R], *args: P.args, **named: P.kwargs) -> R: raise KeyError

    @prefix("shop:")
    class ToClient(Protocol):
        @alias("order:new")
        def order_new(self, order: dict[str, int]) -> None: ...

    def takes_one(text: str) -> bool: return True
    def takes_both(text: str, count: int) -> bool: return True

    new_message: Event[[str, int], bool] = event("new message")
    emit(new_message, "hi", 3)
    ok: bool = call(new_message, "hi", 3)
    emitter = EventEmitter()
    emitter.on(new_message, takes_both)
    emitter.on(new_message)(takes_both)
    only_typed(ToClient, print).order_new({"id": 1})

    emit(new_message, "hi", "3")  # wrong
    no: str = call(new_message, "hi", 3)  # wrong
    emitter.on(new_message)(takes_one)  # wrong
    new_message.handler(takes_one)  # wrong
    only_typed(ToClient, print).order_new(3)  # wrong
    only_typed(ToClient, print).order_old({"id": 1})  # wrong
"""


def test_a_type_checker_sees_the_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    sample = tmp_path / "sample.py"
    sample.write_text(textwrap.dedent(SAMPLE))
    root = Path(events.__file__).parents[2]

    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary"),
            *("--follow-imports", "silent", "--cache-dir", "cache", sample.name),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(root)},
        check=False,
    )

    lines = sample.read_text().splitlines()
    wrong = {str(n) for n, line in enumerate(lines, 1) if line.endswith("# wrong")}
    errors = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert {line.split(":")[1] for line in errors} == wrong, checked
