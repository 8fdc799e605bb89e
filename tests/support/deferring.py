"""Deferring: functions that do nothing when they are called, plain and in disguise."""

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
    """An object whose call is async."""

    async def __call__(self, *args: Any) -> bool:
        return False


class AsyncMethod:
    async def method(self, *args: Any) -> bool:
        return False


def wrapped(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``fn`` behind a plain function, as a decorator does."""

    @functools.wraps(fn)
    def wrapper(*args: Any) -> Any:
        return fn(*args)

    return wrapper


class Awaitable:
    """An awaitable that is not a coroutine, as some frameworks return it."""

    def __await__(self) -> Iterator[Any]:
        return iter(())


#: Functions that can be recognized when they are registered.
PLAIN_TO_SEE: tuple[Any, ...] = (
    asynchronous,
    generator,
    async_generator,
    AsyncCall(),
    AsyncMethod().method,
    functools.partial(asynchronous),
    functools.partial(AsyncCall()),
)
#: Functions that can be recognized by their result only.
HIDDEN: tuple[Any, ...] = (
    wrapped(asynchronous),
    wrapped(generator),
    wrapped(async_generator),
    wrapped(AsyncCall().__call__),
    lambda *args: asynchronous(),
    lambda *args: (each for each in ""),
    lambda *args: Awaitable(),
)
