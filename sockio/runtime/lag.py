"""Lag: how late the loop is, measured by a timer.

A timer is due every second. If a handler holds the loop, the timer fires late, and so
does everything else. Nothing is measured before somebody asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from .clock import Clock, Timer

__all__ = ["Lag"]

#: Seconds between two measurements.
PERIOD = 1.0
#: Measurements that are kept: those of a minute.
KEPT = 60


class Timed(Protocol):
    """What has a clock."""

    @property
    def clock(self) -> Clock: ...


class Lag:
    """Measures how late the timers of one server fire."""

    def __init__(self, reactor: Timed) -> None:
        self._reactor = reactor
        self._timer: Timer | None = None
        self._due = 0.0
        self._closed = False
        self._recent: deque[float] = deque(maxlen=KEPT)

    def start(self) -> None:
        """Measure from now on; only the first call does anything."""
        if self._timer is None and not self._closed:
            self._begin()

    def close(self) -> None:
        """Measure no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def seconds(self) -> float:
        """How late the loop was at the last measurement, or is by now."""
        overdue = 0.0
        if self._timer is not None:
            overdue = self._reactor.clock.now() - self._due
        return max(overdue, self._recent[-1] if self._recent else 0.0)

    @property
    def recent(self) -> Sequence[float]:
        """The measurements of the last minute, in seconds, oldest first."""
        return tuple(self._recent)

    def _begin(self) -> None:
        clock = self._reactor.clock
        self._due = clock.now() + PERIOD
        self._timer = clock.call_later(PERIOD, self._measure)

    def _measure(self) -> None:
        self._recent.append(max(0.0, self._reactor.clock.now() - self._due))
        self._begin()
