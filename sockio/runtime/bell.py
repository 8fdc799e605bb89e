"""Bell: tells the watchdog, where it sleeps, that work begins.

A look at ``armed`` is all that the path of a packet pays for being watched.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

__all__ = ["BELL", "Bell"]


class Bell:
    """Rung by who begins work; once, after it was armed."""

    __slots__ = ("_on_ring", "armed", "rung")

    def __init__(self) -> None:
        #: Somebody sleeps, and wants to be woken.
        self.armed = False
        #: When it was rung last, in seconds of the monotonic clock.
        self.rung = 0.0
        self._on_ring: Callable[[], object] = _nobody

    def call(self, fn: Callable[[], object]) -> None:
        """Call ``fn`` when it rings, in the native thread that rings it."""
        self._on_ring = fn

    def ring(self) -> None:
        """Wake who sleeps; to be called where ``armed`` says so."""
        self.armed = False
        self.rung = monotonic()
        self._on_ring()


def _nobody() -> None:
    """Nobody sleeps."""


#: That of this process; work begins in several pools, and there is one watchdog.
BELL = Bell()
