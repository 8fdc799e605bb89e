"""Lull: a call for when all that has arrived is read.

In a pass of the loop, timers and reads come in no order, and what has arrived may need
several passes: a connection is accepted in one and read in the next, in pieces, and as
many others with it. A pass that finds nothing to do is a lull: nothing is left to read.
Who is about to give up a client for its silence waits for one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .clock import Timer, run_timer
from .delays import Calls
from .workers import Workers

__all__ = ["PASSES", "PATIENCE", "Deadline", "Lull"]

#: A loop that is never at rest: what was there is taken to be read after so many
#: seconds, if it came round so often meanwhile. In so many passes one stream reads
#: all that the kernel keeps for it.
PATIENCE = 1.0
PASSES = 100


class Lull:
    """One call, to be made in the hub at the next lull; a timer of a kind."""

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
    """A timer for what a client has to do: what it did in time is read first."""

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
