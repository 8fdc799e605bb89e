"""Middleware: a chain of guards; the first one that raises or returns False refuses.

A namespace calls its guards with the socket; a socket calls its guards with the event's
name and arguments. A guard that returns anything but False lets it pass. ``run`` raises
what a guard raises: ``ConnectError`` and ``EventRejected`` are refusals, all others are
bugs in the guard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sockio.runtime import guards
from sockio.runtime.surroundings import Kind, Surroundings


def check(fn: Callable[..., object], count: int, gets: str) -> None:
    """Refuse a function that could never work as a guard.

    Args:
        fn: What was given to ``use``.
        count: How many arguments a guard of this kind gets.
        gets: Those arguments, for the error's text.

    Raises:
        ConfigError: ``fn`` is a coroutine function, or takes other arguments.
        TypeError: ``fn`` cannot be called.
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

    Guards added meanwhile are not called.

    Args:
        chain: The guards.
        args: The arguments of each guard.
        around: What surrounds each call.
        kind: The kind of the ``Call`` that ``around`` gets; ``about``: the rest of it.

    Returns:
        Whether all guards let it pass.

    Raises:
        ConfigError: One returned a coroutine or a generator.

    Blocks:
        As long as the guards do.
    """
    return all(
        guards.passes(guard, around.call(kind, guard, args, **about))
        for guard in tuple(chain)
    )
