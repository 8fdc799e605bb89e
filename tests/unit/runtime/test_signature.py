from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.runtime.listeners import Listener


def none() -> None: ...
def one(a): ...  # type: ignore[no-untyped-def]
def optional(a, b=1): ...  # type: ignore[no-untyped-def]
def positional_only(a, b, /): ...  # type: ignore[no-untyped-def]
def anything(*args): ...  # type: ignore[no-untyped-def]
def at_least(a, *args): ...  # type: ignore[no-untyped-def]
def keywords(a, **named): ...  # type: ignore[no-untyped-def]
def with_ack(a, *, ack): ...  # type: ignore[no-untyped-def]
def with_optional_ack(a, *, ack=None): ...  # type: ignore[no-untyped-def]
def with_option(a, *, loud=False): ...  # type: ignore[no-untyped-def]
def positional_ack(a, ack): ...  # type: ignore[no-untyped-def]


class Holder:
    def method(self, a, b=1): ...  # type: ignore[no-untyped-def]

    def acking(self, a, *, ack): ...  # type: ignore[no-untyped-def]

    def selfless(*args): ...  # type: ignore[no-untyped-def]

    @classmethod
    def of_class(cls, a): ...  # type: ignore[no-untyped-def]

    @staticmethod
    def static(a): ...  # type: ignore[no-untyped-def]

    def __init__(self, a: object = None, b: object = None) -> None: ...

    def __call__(self, a, b, c): ...  # type: ignore[no-untyped-def]


def passing_on(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fn)
    def wrapper(*args: Any, **named: Any) -> Any:
        return fn(*args, **named)

    return wrapper


def passing_arguments_on(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fn)
    def wrapper(*args: Any) -> Any:
        return fn(*args)

    return wrapper


def adding_a_user(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fn)
    def wrapper(text: str) -> Any:
        return fn("user", text)

    return wrapper


class Decorated:
    @passing_on
    def method(self, a): ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("fn", "least", "most"),
    [
        (none, 0, 0),
        (one, 1, 1),
        (optional, 1, 2),
        (positional_only, 2, 2),
        (anything, 0, None),
        (at_least, 1, None),
        (keywords, 1, 1),
        (with_ack, 1, 1),
        (with_option, 1, 1),
        (positional_ack, 2, 2),
        (lambda a, b: None, 2, 2),
        (Holder().method, 1, 2),
        (Holder().selfless, 0, None),
        (Holder.of_class, 1, 1),
        (Holder.static, 1, 1),
        (Holder(), 3, 3),
        (Holder, 0, 2),
        (partial(optional, 5), 0, 1),
        (partial(optional, b=5), 1, 1),
        (passing_on(optional), 1, 2),
        (passing_arguments_on(one), 1, 1),
        (adding_a_user(positional_ack), 1, 1),
        (Decorated().method, 1, 1),
        ([].append, 1, 1),
        (print, 0, None),
        ({}.update, 0, None),
    ],
    ids=lambda value: getattr(value, "__qualname__", None),
)
def test_how_many_arguments(fn: Any, least: int, most: int | None) -> None:
    listener = Listener("x", fn)

    assert (listener.min_args, listener.max_args) == (least, most)


@pytest.mark.parametrize(
    ("fn", "wanted"),
    [
        (with_ack, True),
        (with_optional_ack, True),
        (Holder().acking, True),
        (passing_on(with_ack), True),
        (partial(with_ack, 1), True),
        (passing_arguments_on(with_optional_ack), False),
        (partial(with_ack, ack=print), False),
        (positional_ack, False),
        (keywords, False),
        (one, False),
    ],
)
def test_who_acknowledges_by_hand(fn: Any, wanted: bool) -> None:
    assert Listener("x", fn).wants_ack is wanted


def test_a_keyword_that_no_event_has_is_refused_at_registration() -> None:
    def handler(a: int, *, volume: int) -> None: ...

    with pytest.raises(ConfigError, match="'volume'"):
        Listener("x", handler)
    with pytest.raises(ConfigError, match="'volume'"):
        Listener("x", partial(handler, 1))


def test_async_functions_are_refused_at_registration() -> None:
    async def handler() -> None: ...

    with pytest.raises(ConfigError, match="write a plain function"):
        Listener("x", handler)


@pytest.mark.parametrize(
    ("fn", "accepted"),
    [(none, [0]), (optional, [1, 2]), (anything, [0, 1, 2, 3]), (at_least, [1, 2, 3])],
)
def test_accepts(fn: Any, accepted: list[int]) -> None:
    listener = Listener("x", fn)

    assert [count for count in range(4) if listener.accepts(count)] == accepted


@pytest.mark.parametrize(
    ("fn", "args", "fitted"),
    [
        (none, (1, 2), ()),
        (one, (), (None,)),
        (one, (1,), (1,)),
        (one, (1, 2), (1,)),
        (optional, (), (None,)),
        (optional, (1, 2, 3), (1, 2)),
        (anything, (1, 2, 3), (1, 2, 3)),
        (positional_only, (1,), (1, None)),
    ],
)
def test_fit_is_as_lenient_as_javascript(
    fn: Any, args: tuple[Any, ...], fitted: tuple[Any, ...]
) -> None:
    assert Listener("x", fn).fit(args) == fitted


@pytest.mark.parametrize(
    ("fn", "text"),
    [
        (none, "none() takes no arguments"),
        (one, "one(a) takes 1 argument"),
        (optional, "optional(a, b=...) takes 1 to 2 arguments"),
        (positional_only, "positional_only(a, b) takes 2 arguments"),
        (anything, "anything(*args) takes any number of arguments"),
        (at_least, "at_least(a, *args) takes at least 1 argument"),
        (with_ack, "with_ack(a) takes 1 argument"),
        (Holder().method, "method(a, b=...) takes 1 to 2 arguments"),
        (Holder(), "Holder(a, b, c) takes 3 arguments"),
        ({}.update, "update() takes any number of arguments"),
    ],
)
def test_describe(fn: Any, text: str) -> None:
    assert Listener("x", fn).describe() == text


def test_a_listener_shows_its_event_and_handler() -> None:
    assert repr(Listener("chat", one)) == "<Listener chat one(a) takes 1 argument>"
