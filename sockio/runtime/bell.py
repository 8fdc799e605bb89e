"""Bell: wakes the sleeping watchdog when work begins.

A look at ``armed`` is all that the watchdog costs on the path of a packet.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

__all__ = ["BELL", "Bell"]


class Bell:
    """Rung by the code that begins work, once each time it is armed."""

    __slots__ = ("_on_ring", "armed", "rung")

    def __init__(self) -> None:
        #: Whether somebody sleeps and wants to be woken.
        self.armed = False
        #: When it was last rung, in seconds of the monotonic clock.
        self.rung = 0.0
        self._on_ring: Callable[[], object] = _nobody

    def call(self, fn: Callable[[], object]) -> None:
        """Call ``fn`` when it rings, in the native thread that rings it."""
        self._on_ring = fn

    def ring(self) -> None:
        """Wake the sleeper; call this only if ``armed`` is true."""
        self.armed = False
        self.rung = monotonic()
        self._on_ring()


def _nobody() -> None:
    """Do nothing, since nobody sleeps."""


#: The bell of this process: work begins in several pools, and there is one watchdog.
BELL = Bell()
