"""Waiting: for a fact, with a generous bound."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent

#: Real seconds after which a fact will not come true any more.
PATIENCE = 60.0


def wait_until(fact: Callable[[], object], pause: float = 0.001) -> None:
    """Wait until something is true.

    Args:
        fact: Is asked again and again.
        pause: Seconds between two questions.

    Blocks:
        Until then; for ``PATIENCE`` at most.
    """
    deadline = time.monotonic() + PATIENCE
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError("this does not come true")
        gevent.sleep(pause)
