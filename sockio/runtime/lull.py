"""Lull: make a call when everything that has arrived is read.

In a pass of the loop, timers and reads come in no particular order, and reading what
has arrived may take several passes: a connection is accepted in one and read in the
next ones, piece by piece, along with many others. A pass that finds nothing to do is a
lull: nothing is left to read. Before we give up a client for its silence, we wait for
a lull.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .clock import Timer, run_timer
from .delays import Calls
from .workers import Workers

__all__ = ["PASSES", "PATIENCE", "Deadline", "Lull"]

#: If the loop is never at rest, the wait ends after so many seconds, provided that the
#: loop has made so many passes. In these one stream reads all that the kernel keeps.
PATIENCE = 1.0
PASSES = 100


class Lull:
    """One call that the hub makes at the next lull; a kind of timer."""

    __slots__ = ("_delays", "_fn", "_idle", "_last", "_timer", "_turns")

    def __init__(
        self, workers: Workers, delays: Calls, fn: Callable[[], object]
    ) -> None:
        self._fn = fn
        self._delays = delays
        self._turns = workers.turns
        #: The number of the pass in which the wait is over.
        self._last = self._turns.iteration + PASSES
        self._idle: Any = workers.loop.idle()
        self._idle.start(self._call)
        self._timer: Timer = delays.call_later(PATIENCE, self._look)

    def cancel(self) -> None:
        """Do not make the call; does nothing when it was made or cancelled already."""
        if self._idle is not None:
            self._idle.stop()
            self._idle.close()
            self._idle = None
            self._timer.cancel()
            self._fn = _nothing

    def _look(self) -> None:
        if self._turns.iteration >= self._last:
            self._call()
        else:
            self._timer = self._delays.call_later(PATIENCE, self._look)

    def _call(self) -> None:
        fn = self._fn
        self.cancel()
        run_timer(fn, ())


class Deadline:
    """A timer for what a client has to do; what it sent in time is read first."""

    __slots__ = ("_delays", "_fn", "_timer", "_workers")

    def __init__(
        self,
        workers: Workers,
        delays: Calls,
        seconds: float,
        fn: Callable[[], object],
    ) -> None:
        self._workers = workers
        self._delays = delays
        self._fn = fn
        self._timer: Timer = delays.call_later(seconds, self._on_time)

    def cancel(self) -> None:
        """Do not make the call; does nothing when it was made or cancelled already."""
        self._timer.cancel()
        self._fn = _nothing

    def _on_time(self) -> None:
        self._timer = Lull(self._workers, self._delays, self._fn)


def _nothing() -> None:
    """Stand in for a call that is over."""
