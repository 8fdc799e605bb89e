"""Middleware: a chain of guards; the first one that raises refuses.

A guard of a namespace is called with the socket, one of a socket with the event's name
and its arguments. To return means "go on". What is raised goes to the caller as it is:
``ConnectError`` and ``EventRejected`` are refusals, the rest are bugs in the guard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sockio.errors import ConfigError
from sockio.runtime.listeners import Listener


def check(fn: Callable[..., object], count: int, gets: str) -> None:
    """Refuse at once what could never work as a guard.

    Args:
        fn: What was given to ``use``.
        count: How many arguments a guard of this kind gets.
        gets: Those arguments, for the error's text.

    Raises:
        ConfigError: It is a coroutine function, or takes other arguments.
        TypeError: It cannot be called.
    """
    guard = Listener("use", fn)
    if not guard.accepts(count):
        raise ConfigError(
            f"use(): {guard.describe()}, but a middleware is called with {gets} alone: "
            "return to go on, raise to refuse; there is no next()"
        )


def run(chain: Sequence[Callable[..., object]], *args: Any) -> None:
    """Call each guard in order with ``args``, until one raises.

    Guards added meanwhile do not take part.

    Blocks:
        As long as the guards do.
    """
    for guard in tuple(chain):
        guard(*args)
