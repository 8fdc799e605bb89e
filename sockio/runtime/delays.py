"""Delays: many timers of a few lengths, most of which are cancelled.

Each client has timers of the same lengths, for its heartbeat and its deadlines. Timers
of one length end in the order in which they began, so one timer of the clock is enough
for all of them.

A call is made a millisecond early rather than late, so that what a client sends when
its time is over finds it over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from .clock import Clock, Timer, run_timer

__all__ = ["Calls", "Delays"]


#: Seconds by which a call may be early.
_EARLY = 0.001


class Calls(Protocol):
    """Something that makes calls later: a clock, or delays."""

    def now(self) -> float: ...
    def call_later(self, seconds: float, fn: Callable[[], object]) -> Timer: ...


class Delays:
    """Timers by length; use it where there are few different lengths."""

    __slots__ = ("_by_length", "_clock")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_length: dict[float, _Queue] = {}

    def now(self) -> float:
        """Seconds that never go backwards, from an arbitrary start."""
        return self._clock.now()

    def call_later(self, seconds: float, fn: Callable[[], object]) -> Timer:
        """Call ``fn`` in the hub when ``seconds`` have passed; it must not block."""
        return self.call_after(self._clock.now(), seconds, fn)

    def call_after(
        self, since: float, seconds: float, fn: Callable[[], object]
    ) -> Timer:
        """Call ``fn`` as ``call_later`` does, but count from ``since``, a moment ago.

        So when delays follow each other, their lateness does not add up.
        """
        queue = self._by_length.get(seconds)
        if queue is None:
            queue = self._by_length[seconds] = _Queue(self._clock)
        return queue.add(since + seconds, fn)


class _Queue:
    """The timers of one length, oldest first, give or take some milliseconds."""

    __slots__ = ("_calls", "_clock", "_firing", "_live", "_timer")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: deque[_Call] = deque()
        #: How many of the calls are still to be made.
        self._live = 0
        self._timer: Timer | None = None
        self._firing = False

    def add(self, due: float, fn: Callable[[], object]) -> _Call:
        call = _Call(self, due, fn)
        self._calls.append(call)
        self._live += 1
        if self._timer is None and not self._firing:
            self._arm(due, self._clock.now())
        return call

    def _arm(self, due: float, now: float) -> None:
        self._timer = self._clock.call_later(due - now - self._clock.tick, self._fire)

    def forget(self) -> None:
        """A call has been cancelled; it stays in the queue until it is the first."""
        self._live -= 1
        if not self._live and self._timer is not None:
            self._calls.clear()
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        calls, now = self._calls, self._clock.now()
        self._timer = None
        self._firing = True
        while calls and (calls[0].fn is None or calls[0].due <= now + _EARLY):
            fn, call = calls[0].fn, calls.popleft()
            if fn is not None:
                self._live -= 1
                call.fn = None
                run_timer(fn, ())
        self._firing = False
        if not self._live:
            calls.clear()
        elif calls:
            self._arm(calls[0].due, now)


class _Call:
    """One timer."""

    __slots__ = ("_queue", "due", "fn")

    def __init__(self, queue: _Queue, due: float, fn: Callable[[], object]) -> None:
        self._queue = queue
        self.due = due
        self.fn: Callable[[], object] | None = fn

    def cancel(self) -> None:
        """Do not make the call; does nothing when it was made or cancelled already."""
        if self.fn is not None:
            self.fn = None
            self._queue.forget()
