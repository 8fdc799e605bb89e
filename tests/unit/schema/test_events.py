from __future__ import annotations

from typing import Any

import sockio
from sockio.schema.events import event_of, events_of_map, typed_events
from tests.support import typed_shop

odd: Any = sockio.event("odd")
nothing: sockio.Event[[], None] = sockio.event("nothing")


def take(text: str, count: int = 1, *rest: bytes) -> tuple[int, str]:
    """Handle an event."""
    return count, text


def test_an_event_has_the_parameters_of_its_handler_and_its_answer() -> None:
    name, parameters, answer = event_of("take", take)

    assert (name, answer) == ("take", tuple[int, str])
    assert [tuple(each) for each in parameters] == [
        ("text", str, False, False),
        ("count", int, True, False),
        ("rest", bytes, False, True),
    ]


def test_an_answer_by_hand_is_not_known() -> None:
    def by_hand(text: str, *, ack: Any) -> None: ...
    def none(text: str) -> None: ...
    def silent(text: str): ...  # type: ignore[no-untyped-def]

    assert [event_of("x", fn).answer for fn in (by_hand, none, silent)] == [
        Any,
        None,
        Any,
    ]


def test_the_methods_of_a_map_are_events() -> None:
    found = {each.name: each for each in events_of_map(typed_shop.ToClient)}
    admins = [each.name for each in events_of_map(typed_shop.ToAdmins)]

    assert found.keys() == {"how-many", "joined"}
    assert [p.name for p in found["joined"].parameters] == ["name", "profile"]
    assert found["how-many"].answer is int
    assert admins == ["admin:alarm"]


def test_typed_events_have_the_types_of_their_variables() -> None:
    found = {**typed_events(vars(typed_shop)), **typed_events(globals())}

    moved = found[id(typed_shop.moved)]
    assert [p.name for p in moved.parameters] == ["arg1", "arg2"]
    assert moved.parameters[0].type is typed_shop.Point
    assert moved.answer is None
    assert found[id(nothing)].parameters == []
    for event in (typed_shop.loose, odd):
        assert [p.rest for p in found[id(event)].parameters] == [True]
    assert found[id(typed_shop.loose)].answer is str
    assert id(typed_shop.untyped) not in found
