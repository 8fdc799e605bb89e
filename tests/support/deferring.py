"""Functions that do nothing when they are called, and disguises of them."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any


async def asynchronous(*args: Any) -> bool:
    return False


def generator(*args: Any) -> Iterator[bool]:
    yield False


async def async_generator(*args: Any) -> AsyncIterator[bool]:
    yield False


class AsyncCall:
    """Called as a function is."""

    async def __call__(self, *args: Any) -> bool:
        return False


class AsyncMethod:
    async def method(self, *args: Any) -> bool:
        return False


def wrapped(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Look like a plain function, as a decorator's result does."""

    @functools.wraps(fn)
    def wrapper(*args: Any) -> Any:
        return fn(*args)

    return wrapper


class Awaitable:
    """What frameworks give instead of a coroutine."""

    def __await__(self) -> Iterator[Any]:
        return iter(())


#: What shows already where it is given.
PLAIN_TO_SEE: tuple[Any, ...] = (
    asynchronous,
    generator,
    async_generator,
    AsyncCall(),
    AsyncMethod().method,
    functools.partial(asynchronous),
    functools.partial(AsyncCall()),
)
#: What shows in its result only.
HIDDEN: tuple[Any, ...] = (
    wrapped(asynchronous),
    wrapped(generator),
    wrapped(async_generator),
    wrapped(AsyncCall().__call__),
    lambda *args: asynchronous(),
    lambda *args: (each for each in ""),
    lambda *args: Awaitable(),
)
