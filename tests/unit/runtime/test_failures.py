from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from traceback import extract_tb
from typing import Any

import pytest

from sockio.runtime.failures import name_of, shown, who
from sockio.runtime.surroundings import Surroundings

HERE = __file__


def fails(*_: Any) -> None:
    raise ValueError("why")


def decorated(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fn)
    def around(*args: Any) -> Any:
        return fn(*args)

    return around


class Handler:
    def on_chat(self) -> None:
        raise ValueError("why")

    def __call__(self) -> None:
        raise ValueError("why")


class Stand:
    """What stands for a function of the application."""

    stands_for = staticmethod(fails)


class Nothing:
    """What stands for a function that has gone."""

    stands_for = None


def caught(call: Callable[..., Any], *args: Any) -> BaseException:
    """Return what a call raises, as a boundary within the library catches it."""
    with pytest.raises((ValueError, AttributeError, TypeError)) as raised:
        call(*args)
    return raised.value.with_traceback(raised.tb.tb_next)


def in_library(fn: Callable[..., Any]) -> BaseException:
    """Return what the library passes on if it calls ``fn``."""
    return caught(Surroundings().call, "event", fn, ())


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (fails, "fails"),
        (partial(fails, 1), "fails"),
        (partial(partial(fails, 1), 2), "fails"),
        (decorated(fails), "fails"),
        (Handler().on_chat, "Handler.on_chat"),
        (partial(Handler().on_chat), "Handler.on_chat"),
        (Stand(), "fails"),
    ],
)
def test_a_function_is_named_with_its_place(fn: Any, name: str) -> None:
    assert name_of(fn).startswith(f"{name} ({HERE}:")


@pytest.mark.parametrize(
    ("fn", "name"), [(Handler(), "Handler"), (print, "print"), (Nothing(), "Nothing")]
)
def test_what_has_no_code_is_named_alone(fn: Any, name: str) -> None:
    assert name_of(fn) == name


def test_the_line_is_that_of_the_function() -> None:
    assert name_of(fails).endswith(f":{fails.__code__.co_firstlineno})")


def test_the_applications_function_is_named_even_if_ours_was_called() -> None:
    error = in_library(fails)

    assert who(Surroundings().call, error).startswith("fails (")


def test_our_function_is_named_if_the_applications_was_not_reached() -> None:
    error = caught(Surroundings().add, 5)

    assert who(Surroundings.call, error).startswith("Surroundings.call (")


def test_the_traceback_begins_at_the_application() -> None:
    kind, error, trace = shown(in_library(fails))

    assert (kind, str(error)) == (ValueError, "why")
    assert [frame.name for frame in extract_tb(trace)] == ["fails"]


def test_what_the_application_calls_is_shown_even_if_it_is_ours() -> None:
    def emits() -> None:
        Surroundings().add(5)  # type: ignore[arg-type]

    frames = extract_tb(shown(in_library(emits))[2])

    assert [frame.name for frame in frames][-2:] == ["emits", "add"]


def test_a_fault_of_ours_is_shown_from_the_beginning() -> None:
    error = caught(Surroundings().add, 5)

    assert [frame.name for frame in extract_tb(shown(error)[2])] == ["add"]


def test_the_error_keeps_its_traceback() -> None:
    error = in_library(fails)
    before = error.__traceback__

    shown(error)

    assert error.__traceback__ is before
