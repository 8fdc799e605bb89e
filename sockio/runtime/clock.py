"""Clock: the time, and call_later(seconds, fn) -> Timer.

All time of the library goes through a Clock, so that tests can advance a fake one
instead of sleeping. A timer is one timer of the hub's loop: about 1 us to arm and
cancel, and no greenlet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from gevent import get_hub

from . import logs

log = logs.get("runtime.clock")


class Timer(Protocol):
    """A call that will be made later."""

    def cancel(self) -> None:
        """Do not make the call; does nothing when it was made or cancelled already."""


class Clock:
    """The real time; touches no hub before the first ``call_later``."""

    __slots__ = ()

    #: ``now()``: seconds that never go backwards, from an arbitrary start.
    now = staticmethod(time.monotonic)
    #: Seconds by which ``call_later`` may be late even if nothing else runs: the loop
    #: waits for a whole number of milliseconds.
    tick: float = 0.001

    def time(self) -> float:
        """Return the seconds since 1970, as the operator has set them."""
        return time.time()

    def call_later(
        self, seconds: float, fn: Callable[..., object], *args: Any
    ) -> Timer:
        """Call ``fn(*args)`` in the current hub when ``seconds`` have passed.

        It runs in the hub, so it must not block: it flips state and appends. What it
        raises is logged. What had arrived by then is read first, at least some of it;
        where all of it counts, see ``Deadline``.
        """
        return _LoopTimer(seconds, fn, args)


class _LoopTimer:
    __slots__ = ("_args", "_fn", "_watcher")

    def __init__(
        self, seconds: float, fn: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        self._fn = fn
        self._args = args
        self._watcher: Any = get_hub().loop.timer(seconds if seconds > 0 else 0.0)
        # Without the update a greenlet that computed for three seconds would get a
        # timer that fires three seconds early: the loop reads the time once a pass.
        self._watcher.start(self._fall_due if seconds > 0 else self._fire, update=True)

    def cancel(self) -> None:
        watcher = self._watcher
        if watcher is not None:
            self._watcher = None
            watcher.stop()
            watcher.close()
            # The call's objects must not live as long as this timer.
            self._fn, self._args = _nothing, ()

    def _fall_due(self) -> None:
        # In a pass of the loop, timers come before reads. The loop may have stood
        # still, and what we wait for may have come long ago: this pass reads it.
        self._watcher.close()
        self._watcher = get_hub().loop.timer(0.0)
        self._watcher.start(self._fire)

    def _fire(self) -> None:
        fn, args = self._fn, self._args
        self.cancel()
        run_timer(fn, args)


def run_timer(fn: Callable[..., object], args: tuple[Any, ...]) -> None:
    """Make the call of a timer; log what it raises."""
    try:
        fn(*args)
    except Exception:
        # A boundary: nobody is above a timer, and the hub must continue.
        log.exception("a timer's call failed: %r", fn)


def _nothing() -> None:
    """Stand in for the call of a timer that is over."""
