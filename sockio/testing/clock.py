"""FakeClock: a clock that stands still until a test advances it.

    clock = FakeClock()
    io = sockio.Server(clock=clock)
    ...
    clock.advance(25)        # every timer due by then fires, in order of time

No test has to sleep: time passes only in ``advance``, and after each timer everything
that can run does run.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

import gevent

from sockio.runtime.clock import Clock, Timer, run_timer

#: Seconds by which sums of floats may be off: ten times 0.1 fires what is due at 1.0.
TOLERANCE = 1e-9
#: Real seconds after which greenlets that never come to rest count as a bug.
PATIENCE = 5.0
#: 2023-11-14 22:13:20 UTC.
START = 1_700_000_000.0


class FakeClock(Clock):
    """A clock for tests; give it to ``Server(clock=...)`` and advance it."""

    __slots__ = ("_now", "_numbers", "_timers")

    #: Its timers are never late.
    tick = 0.0

    def __init__(self) -> None:
        self._now = 0.0
        #: A heap of (due, number, timer); cancelled timers stay until they are due.
        self._timers: list[tuple[float, int, _FakeTimer]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        """Seconds advanced so far."""
        return self._now

    def time(self) -> float:
        """Return the seconds since 1970; the clock starts on 14 November 2023."""
        return START + self._now

    def call_later(
        self, seconds: float, fn: Callable[..., object], *args: Any
    ) -> Timer:
        """Call ``fn(*args)`` in the hub once ``advance`` has come that far."""
        timer = _FakeTimer(fn, args)
        due = self._now + max(seconds, 0.0)
        heapq.heappush(self._timers, (due, next(self._numbers), timer))
        return timer

    @property
    def armed(self) -> int:
        """How many timers wait, neither fired nor cancelled; 0 after a clean end."""
        return sum(timer.armed for _, _, timer in self._timers)

    def advance(self, seconds: float) -> None:
        """Let time pass: fire what is due on the way, in order of time.

        After each timer the greenlets settle; timers that they arm fire too, if they
        are due by then.

        Blocks:
            Until nothing can run any more.
        """
        if seconds < 0:
            raise ValueError("time does not go backwards")
        until = self._now + seconds
        let_run()
        while (timer := self._next_due(until)) is not None:
            # In the hub, as with the real clock, where a call that blocks is a bug.
            gevent.get_hub().loop.run_callback(timer.fire)
            let_run()
        # Another greenlet may have let more time pass meanwhile.
        self._now = max(self._now, until)

    def settle(self) -> None:
        """Let everything that can run do so, without time passing.

        Blocks:
            Until nothing can run any more.
        """
        self.advance(0.0)

    def _next_due(self, until: float) -> _FakeTimer | None:
        while self._timers and self._timers[0][0] <= until + TOLERANCE:
            due, _, timer = heapq.heappop(self._timers)
            if timer.armed:
                self._now = max(self._now, min(due, until))
                return timer
        return None


class _FakeTimer:
    __slots__ = ("_args", "_fn", "armed")

    def __init__(self, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._fn = fn
        self._args = args
        self.armed = True

    def cancel(self) -> None:
        self.armed = False
        # As with the real clock: release what the call would have used.
        self._fn, self._args = _nothing, ()

    def fire(self) -> None:
        if self.armed:
            fn, args = self._fn, self._args
            self.cancel()
            run_timer(fn, args)


def _nothing() -> None:
    """Stand in for the call of a timer that is over."""


def let_run() -> None:
    """Let all other greenlets run until each of them waits or has ended.

    Raises:
        RuntimeError: One of them never waits.

    Blocks:
        Until then.
    """
    endless = RuntimeError("a greenlet runs in an endless loop and never waits")
    with gevent.Timeout(PATIENCE, endless):
        # ``idle(-1)`` returns after a pass of the loop without a callback or an event,
        # unless another greenlet waits for such a pass.
        gevent.idle(-1)
