"""Middleware: a chain of guards; the first one that raises or returns False refuses.

A guard of a namespace is called with the socket, one of a socket with the event's name
and its arguments. To return means "go on". What is raised goes to the caller as it is:
``ConnectError`` and ``EventRejected`` are refusals, the rest are bugs in the guard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sockio.runtime import guards
from sockio.runtime.surroundings import Kind, Surroundings


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
    guards.check(
        "use()",
        fn,
        gets,
        count,
        "return to go on, raise to refuse; there is no next()",
    )


def run(
    chain: Sequence[Callable[..., object]],
    args: tuple[Any, ...],
    around: Surroundings,
    kind: Kind,
    **about: Any,
) -> bool:
    """Call each guard in order with ``args``, until one raises or returns False.

    Guards added meanwhile do not take part.

    Args:
        chain: The guards.
        args: For each of them.
        around: What surrounds each call.
        kind: What it is told of the call, as it is of ``about``.

    Returns:
        Whether all of them let it pass.

    Raises:
        ConfigError: One returned a coroutine or a generator.

    Blocks:
        As long as the guards do.
    """
    return all(
        guards.passes(guard, around.call(kind, guard, args, **about))
        for guard in tuple(chain)
    )
