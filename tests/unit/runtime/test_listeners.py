from __future__ import annotations

import logging
from enum import Enum
from typing import Any

import pytest

from sockio.runtime.event_names import Event
from sockio.runtime.listeners import EventEmitter, Listeners


class Emitter(EventEmitter):
    def __init__(self) -> None:
        self._listeners = Listeners()

    def fire(self, event: str, *args: Any) -> None:
        self._fire(event, *args)


class Colour(str, Enum):
    RED = "red!"


@pytest.fixture
def emitter() -> Emitter:
    return Emitter()


def nothing(*args: object) -> None:
    pass


# ------------------------------------------------------------------ registering


def test_on_returns_the_handler(emitter: Emitter) -> None:
    assert emitter.on("chat", nothing) is nothing


def test_on_is_a_decorator_without_a_handler(emitter: Emitter) -> None:
    decorated = emitter.on("chat")(nothing)

    assert decorated is nothing
    assert emitter.listeners("chat") == [nothing]


def test_once_and_prepend_are_decorators_too(emitter: Emitter) -> None:
    order: list[str] = []

    @emitter.once("x")
    def first() -> None:
        order.append("once")

    @emitter.prepend_listener("x")
    def second() -> None:
        order.append("prepended")

    emitter.fire("x")

    assert order == ["prepended", "once"]


def test_event_takes_the_name_of_the_function(emitter: Emitter) -> None:
    @emitter.event
    def chat() -> None:
        pass

    assert emitter.listeners("chat") == [chat]


def test_a_decorator_without_its_event_fails_at_once(emitter: Emitter) -> None:
    with pytest.raises(TypeError, match=r"@x\.event takes the function's name"):
        emitter.on(nothing)  # type: ignore[call-overload]


def test_what_cannot_be_called_is_refused_at_registration(emitter: Emitter) -> None:
    with pytest.raises(TypeError, match="must be callable"):
        emitter.on("chat", 5)  # type: ignore[call-overload]

    assert emitter.event_names() == []


def test_concurrent_is_kept_for_the_dispatcher(emitter: Emitter) -> None:
    emitter.on("slow", nothing, concurrent=True)

    assert [each.concurrent for each in emitter._listeners.get("slow")] == [True]


def test_max_listeners_is_accepted_and_means_nothing(emitter: Emitter) -> None:
    assert emitter.set_max_listeners(1) is emitter

    emitter.on("x", nothing)
    emitter.on("x", nothing)

    assert emitter.listener_count("x") == 2


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("event", [1, "1", 1.0])
def test_a_number_and_its_text_are_one_event(emitter: Emitter, event: Any) -> None:
    emitter.on(1, nothing)

    assert emitter.listener_count(event) == 1
    assert emitter.event_names() == ["1"]


def test_a_typed_event_is_its_name(emitter: Emitter) -> None:
    emitter.on(Event("chat"), nothing)

    assert emitter.listeners("chat") == [nothing]
    assert emitter.listeners(Event("chat")) == [nothing]
    assert emitter.off(Event("chat"), nothing).listeners("chat") == []


def test_members_of_an_enum_of_strings_find_what_the_text_registered(
    emitter: Emitter,
) -> None:
    emitter.on(Colour.RED, nothing)

    assert emitter.listeners("red!") == [nothing]
    assert emitter.listeners(Colour.RED) == [nothing]


# ------------------------------------------------------------------ removing


def test_off_returns_the_emitter(emitter: Emitter) -> None:
    assert emitter.off("never", nothing) is emitter
    assert emitter.remove_listener("never", nothing) is emitter
    assert emitter.remove_all_listeners() is emitter


def test_off_removes_one_registration_the_last(emitter: Emitter) -> None:
    def other() -> None:
        pass

    for handler in (nothing, other, nothing):
        emitter.on("x", handler)

    emitter.off("x", nothing)

    assert emitter.listeners("x") == [nothing, other]


def test_off_finds_bound_methods(emitter: Emitter) -> None:
    results: list[int] = []
    emitter.on("x", results.append)

    emitter.off("x", results.append)

    assert emitter.listener_count("x") == 0


def test_off_finds_a_handler_of_once(emitter: Emitter) -> None:
    emitter.once("x", nothing)

    emitter.off("x", nothing)

    assert emitter.event_names() == []


def test_off_with_only_an_event_removes_all_of_it(emitter: Emitter) -> None:
    emitter.on("x", nothing)
    emitter.on("x", nothing)
    emitter.on("y", nothing)

    emitter.off("x")

    assert emitter.event_names() == ["y"]


def test_off_with_only_a_handler_takes_it_from_each_event(emitter: Emitter) -> None:
    emitter.on("x", nothing)
    emitter.on("y", nothing)
    emitter.on("y", print)

    emitter.off(handler=nothing)

    assert emitter.event_names() == ["y"]
    assert emitter.listeners("y") == [print]


def test_off_without_arguments_removes_everything(emitter: Emitter) -> None:
    emitter.on("x", nothing)
    emitter.on("y", nothing)

    emitter.off()

    assert emitter.event_names() == []


# ------------------------------------------------------------------ asking


def test_get_is_the_same_tuple_until_something_changes() -> None:
    listeners = Listeners()
    listeners.on("x", nothing)

    before = listeners.get("x")

    assert listeners.get("x") is before
    assert listeners.get("y") == ()


def test_what_get_returned_does_not_change() -> None:
    listeners = Listeners()
    listeners.on("x", nothing)
    before = listeners.get("x")

    listeners.on("x", print)
    listeners.off("x", nothing)

    assert [each.fn for each in before] == [nothing]


# ------------------------------------------------------------------ firing


def test_listeners_are_called_in_order_with_what_they_take(emitter: Emitter) -> None:
    calls: list[tuple[Any, ...]] = []
    emitter.on("gone", lambda: calls.append(()))
    emitter.on("gone", lambda reason: calls.append((reason,)))
    emitter.on("gone", lambda reason, description: calls.append((reason, description)))
    emitter.on("gone", lambda *args: calls.append(args))
    emitter.on("gone", lambda a, b, c: calls.append((a, b, c)))
    emitter.prepend_listener("gone", lambda: calls.append(("first",)))

    emitter.fire("gone", "why", "how")

    assert calls == [
        ("first",),
        (),
        ("why",),
        ("why", "how"),
        ("why", "how"),
        ("why", "how", None),
    ]


def test_once_is_called_once(emitter: Emitter) -> None:
    calls: list[int] = []
    emitter.once("x", calls.append)

    emitter.fire("x", 1)
    emitter.fire("x", 2)

    assert calls == [1]
    assert emitter.event_names() == []


def test_once_is_called_once_even_if_it_causes_its_own_event(
    emitter: Emitter,
) -> None:
    calls: list[int] = []

    @emitter.once("x")
    def again(number: int) -> None:
        calls.append(number)
        emitter.fire("x", number + 1)

    emitter.fire("x", 1)

    assert calls == [1]


def test_two_dispatches_that_overlap_run_a_once_handler_once() -> None:
    listeners = Listeners()
    listeners.on("x", nothing, once=True)
    first, second = listeners.get("x"), listeners.get("x")

    taken = [listeners.take_once(each) for each in (*first, *second)]

    assert taken == [True, False]


def test_a_permanent_listener_may_always_be_taken() -> None:
    listeners = Listeners()
    listener = listeners.on("x", nothing)

    assert listeners.take_once(listener)
    assert listeners.take_once(listener)
    assert listeners.count("x") == 1


def test_prepended_once_listener_goes_first_and_only_once(emitter: Emitter) -> None:
    calls: list[str] = []
    emitter.on("x", lambda: calls.append("always"))
    emitter.prepend_once_listener("x", lambda: calls.append("first"))

    emitter.fire("x")
    emitter.fire("x")

    assert calls == ["first", "always", "always"]


def test_an_exception_is_logged_and_the_others_run(
    emitter: Emitter, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def broken() -> None:
        raise ValueError("as the user wrote it")

    emitter.on("x", broken)
    emitter.on("x", lambda: calls.append("second"))

    with caplog.at_level(logging.ERROR, "sockio.events"):
        emitter.fire("x")

    assert calls == ["second"]
    (record,) = caplog.records
    assert record.name == "sockio.events"
    assert "'x'" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


def test_a_listener_added_while_firing_waits_for_the_next_event(
    emitter: Emitter,
) -> None:
    calls: list[str] = []

    @emitter.once("x")
    def adds() -> None:
        emitter.on("x", lambda: calls.append("late"))

    emitter.fire("x")
    assert calls == []

    emitter.fire("x")
    assert calls == ["late"]


def test_our_own_events_have_no_ack(emitter: Emitter) -> None:
    acks: list[object] = ["not called"]

    @emitter.on("x")
    def handler(*, ack: Any) -> None:
        acks[:] = [ack]

    emitter.fire("x")

    assert acks == [None]
