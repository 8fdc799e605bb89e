"""Guards: functions that may refuse. Whatever leaves a doubt counts as a refusal.

A guard refuses by raising, and by returning False; one that returns a coroutine or a
generator has not looked yet, so it has not agreed either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.errors import ConfigError

from .deferred import done
from .listeners import Listener

__all__ = ["check", "passes"]


def check(
    call: str, fn: Callable[..., object], gets: str, count: int, how: str
) -> None:
    """Refuse at once what could never work as a guard.

    Args:
        call: Where it was given: ``use()``.
        fn: The guard.
        gets: Its arguments, in words.
        count: How many they are.
        how: What its result means, in words.

    Raises:
        ConfigError: It cannot be called so, or its call would do nothing.
        TypeError: It cannot be called at all.
    """
    guard = Listener(call, fn)
    if not guard.accepts(count):
        raise ConfigError(
            f"{call}: {guard.describe()}, but it is called with {gets} alone: {how}"
        )


def passes(guard: Callable[..., object], verdict: Any) -> bool:
    """Tell whether what ``guard`` returned lets something pass.

    Raises:
        ConfigError: Its work is still to be done.
        Exception: It returned an exception where it should have raised it.
    """
    if verdict is None:
        return True
    if isinstance(verdict, BaseException) or (
        isinstance(verdict, type) and issubclass(verdict, BaseException)
    ):
        raise verdict
    return done(guard, verdict) is not False
