"""Deferred: coroutines and generators, which hold work that nothing would ever do.

A function that returns one has done nothing yet, and nobody here awaits or iterates it.
Such functions are refused when they are registered, if they can be recognized; if not,
behind a decorator for instance, their result is checked.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import partial
from types import CoroutineType, MethodType
from typing import Any, TypeVar

from sockio.errors import ConfigError

__all__ = ["DEFERRING", "REMEDY", "SIMPLE", "deferred", "deferring", "done"]

R = TypeVar("R")

#: Flags of the code of functions whose calls do nothing by themselves.
DEFERRING = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR

REMEDY = "write a plain function, in which waiting blocks only its own greenlet"

#: Types of results that need no closer look.
SIMPLE = frozenset((type(None), bool, int, float, str, bytes, dict, list, tuple))


def deferring(fn: object) -> str | None:
    """Say what is wrong with a function whose call would do nothing; None: it is fine.

    With ``functools.wraps`` it is the wrapper that counts, not the wrapped function.
    """
    while isinstance(fn, (partial, MethodType, staticmethod, classmethod)):
        fn = fn.func if isinstance(fn, partial) else fn.__func__
    call: object = fn
    if callable(fn) and not inspect.isroutine(fn) and not isinstance(fn, type):
        call = type(fn).__call__
    if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(call):
        return "is async, and nothing would ever await it"
    if inspect.isasyncgenfunction(call):
        return "is an async generator, and nothing would ever iterate it"
    if inspect.isgeneratorfunction(call):
        return "is a generator, and nothing would ever iterate it"
    return None


def deferred(result: object) -> str | None:
    """Name the kind of a result that still has its work to do; None: it is ordinary.

    The caller reports it, so a coroutine is closed: Python need not warn as well.
    """
    if type(result) in SIMPLE:
        return None
    if isinstance(result, Coroutine):
        unused = isinstance(result, CoroutineType)
        if unused and inspect.getcoroutinestate(result) == inspect.CORO_CREATED:
            result.close()
        return "a coroutine, which nothing would ever await"
    if isinstance(result, (Generator, AsyncGenerator)):
        return "a generator, which nothing would ever iterate"
    if hasattr(type(result), "__await__"):
        return "an awaitable, which nothing would ever await"
    return None


def done(fn: Callable[..., Any], result: R) -> R:
    """Return what ``fn`` has returned, unless its work is still to be done.

    Raises:
        ConfigError: It is still to be done; the text says what to write instead.
    """
    what = deferred(result)
    if what is not None:
        raise ConfigError(f"{fn!r} returned {what}: {REMEDY}")
    return result
