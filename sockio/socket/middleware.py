"""Middleware: a chain of guards; the first one that raises refuses.

A guard of a namespace is called with the socket, one of a socket with the event's name
and its arguments. To return means "go on". What is raised goes to the caller as it is:
``ConnectError`` and ``EventRejected`` are refusals, the rest are bugs in the guard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def run(chain: Sequence[Callable[..., object]], *args: Any) -> None:
    """Call each guard in order with ``args``, until one raises.

    Guards added meanwhile do not take part.

    Blocks:
        As long as the guards do.
    """
    for guard in tuple(chain):
        guard(*args)
