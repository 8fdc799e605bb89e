from __future__ import annotations

import gc
import inspect
import weakref
from collections.abc import Callable
from functools import partial, update_wrapper, wraps
from types import FunctionType
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.runtime.known_signatures import MOST_KNOWN, known_signature


def passing_on(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fn)
    def wrapper(*args: Any, **named: Any) -> Any:
        return fn(*args, **named)

    return wrapper


def handler(a: Any, b: Any, *, ack: Any = None) -> None: ...


class Holder:
    @passing_on
    def method(self, a: Any) -> None: ...


def again(fn: Any, defaults: tuple[Any, ...] = ()) -> Any:
    """Return another function of the same code."""
    made = FunctionType(fn.__code__, {}, fn.__name__, defaults, fn.__closure__)
    made.__kwdefaults__ = fn.__kwdefaults__
    return made


def test_the_same_code_with_other_defaults_takes_other_numbers() -> None:
    assert known_signature(passing_on(handler)) == (2, 2, True)
    assert known_signature(passing_on(again(handler, (1,)))) == (1, 2, True)
    assert known_signature(passing_on(again(handler, (1, 2)))) == (0, 2, True)
    assert known_signature(passing_on(again(handler, (3,)))) == (1, 2, True)


def test_the_same_decorator_takes_what_each_function_in_it_takes() -> None:
    assert known_signature(passing_on(handler)) == (2, 2, True)
    assert known_signature(passing_on(lambda: None)) == (0, 0, False)
    assert known_signature(passing_on(passing_on(lambda a: None))) == (1, 1, False)
    assert known_signature(passing_on(print)) == (0, None, False)


def test_a_function_may_be_wrapped_by_another_one_later() -> None:
    def outer(*args: Any) -> None: ...

    assert known_signature(outer) == (0, None, False)
    update_wrapper(outer, handler)
    assert known_signature(outer) == (2, 2, False)
    update_wrapper(outer, lambda a: None)
    assert known_signature(outer) == (1, 1, False)
    del outer.__wrapped__  # type: ignore[attr-defined]
    assert known_signature(outer) == (0, None, False)


def test_what_a_function_says_of_itself_comes_first() -> None:
    fns = [passing_on(handler) for _ in range(3)]
    says: Any = fns[1]
    says.__signature__ = inspect.signature(lambda a: None)

    assert [known_signature(fn)[1] for fn in fns] == [2, 1, 2]
    assert [known_signature(passing_on(fn))[1] for fn in fns] == [2, 1, 2]


def test_partials_differ_by_what_they_give() -> None:
    assert known_signature(partial(handler, 1)) == (1, 1, True)
    assert known_signature(partial(handler, 1, 2)) == (0, 0, True)
    assert known_signature(partial(handler, b=1)) == (1, 1, True)
    assert known_signature(partial(handler, 1, ack=print)) == (1, 1, False)
    assert known_signature(partial(passing_on(handler), 1)) == (1, 1, True)


def test_a_method_is_not_its_function() -> None:
    assert known_signature(Holder().method) == (1, 1, False)
    assert known_signature(Holder.method) == (2, 2, False)
    assert known_signature(Holder().method) == (1, 1, False)


def test_a_mistake_is_told_each_time() -> None:
    def mistaken(*, volume: int) -> None: ...

    async def never() -> None: ...

    for fn in (mistaken, passing_on(mistaken), never):
        for _ in range(2):
            with pytest.raises(ConfigError):
                known_signature(fn)


def test_functions_in_a_circle_are_an_error_and_no_endless_search() -> None:
    def one(*args: Any) -> None: ...

    two = wraps(one)(lambda *args: None)
    update_wrapper(one, two)

    with pytest.raises(ValueError, match="wrapper loop"):
        inspect.signature(one)
    assert known_signature(one) == (0, None, False)


def test_no_handler_and_nothing_it_was_given_is_kept() -> None:
    class Thing: ...

    def make(thing: Any) -> Any:
        def inner(a: Any, b: Any = thing) -> Any:
            return thing

        return partial(passing_on(inner), thing)

    thing = Thing()
    gone = weakref.ref(thing)
    known_signature(make(thing))

    del thing
    gc.collect()
    assert gone() is None


def test_their_number_is_bounded() -> None:
    codes = []
    for number in range(2 * MOST_KNOWN):
        arguments = ", ".join(f"a{i}" for i in range(number % 7))
        made = eval(f"lambda {arguments}: {number}")
        codes.append(weakref.ref(made.__code__))

        assert known_signature(made) == (number % 7, number % 7, False)

    assert sum(code() is not None for code in codes) <= MOST_KNOWN + 1
