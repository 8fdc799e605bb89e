"""Guards: functions that may refuse; every doubtful result counts as a refusal.

A guard refuses by raising or by returning False. A guard that returns a coroutine or a
generator has not checked anything yet, so it has not agreed either.
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
    """Refuse a function that could never work as a guard.

    Args:
        call: The call that it was given to: ``use()``.
        fn: The guard.
        gets: Its arguments, in words.
        count: The number of these arguments.
        how: What its result means, in words.

    Raises:
        ConfigError: It does not take these arguments, or its call would do nothing.
        TypeError: It cannot be called at all.
    """
    guard = Listener(call, fn)
    if not guard.accepts(count):
        raise ConfigError(
            f"{call}: {guard.describe()}, but it is called with {gets} alone: {how}"
        )


def passes(guard: Callable[..., object], verdict: Any) -> bool:
    """Tell whether ``verdict``, which ``guard`` returned, lets something pass.

    Raises:
        ConfigError: The guard's work is still to be done.
        Exception: The guard returned this exception where it should have raised it.
    """
    if verdict is None:
        return True
    if isinstance(verdict, BaseException) or (
        isinstance(verdict, type) and issubclass(verdict, BaseException)
    ):
        raise verdict
    return done(guard, verdict) is not False
