"""Resting: processes that hang, or cannot be reached, are left alone for a while."""

from __future__ import annotations

from sockio.runtime.clock import Clock

__all__ = ["REST", "Resting"]

#: Seconds for which nobody asks them again.
REST = 1.0


class Resting:
    """The tags of these processes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: Until when each is left alone.
        self._until: dict[str, float] = {}

    def add(self, tag: str) -> None:
        """Leave a process alone from now on."""
        now = self._clock.now()
        self._until = {
            other: until for other, until in self._until.items() if until > now
        }
        self._until[tag] = now + REST

    def __contains__(self, tag: str) -> bool:
        """Whether a process is left alone at present."""
        until = self._until.get(tag)
        return until is not None and until > self._clock.now()
