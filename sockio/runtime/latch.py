"""Latch: one value or one error, for all greenlets that wait for it.

The deadline of a wait comes from the Clock, never from gevent, so that a fake clock
decides about it too.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from gevent.hub import Waiter

from .clock import Clock

T = TypeVar("T")


class Latch(Generic[T]):
    """Set or failed once; later calls do nothing."""

    __slots__ = ("_clock", "_error", "_traceback", "_value", "_waiters", "ready")

    def __init__(self, clock: Clock) -> None:
        #: Whether it was set or failed.
        self.ready = False
        self._clock = clock
        self._value: T | None = None
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        self._waiters: list[Any] | None = None

    def set(self, value: T) -> None:
        """Give ``value`` to all present and later waiters; safe from the hub."""
        if not self.ready:
            self.ready = True
            self._value = value
            self._wake()

    def fail(self, error: BaseException) -> None:
        """Raise ``error`` in all present and later waiters; safe from the hub."""
        if not self.ready:
            self.ready = True
            self._error = error
            self._traceback = error.__traceback__
            self._wake()

    def wait(self, timeout: float | None = None) -> T:
        """Return the value, or raise the error.

        Args:
            timeout: Seconds; None waits as long as it takes.

        Raises:
            TimeoutError: It was neither set nor failed in time.

        Blocks:
            Until it is set, failed, or the time is up.
        """
        if not self.ready:
            self._block(timeout)
        if self._error is not None:
            # Otherwise the traceback would grow with each waiter.
            raise self._error.with_traceback(self._traceback)
        return cast(T, self._value)

    def _block(self, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            raise TimeoutError("operation has timed out")
        waiter = Waiter()
        timer = None
        if timeout is not None:
            timer = self._clock.call_later(timeout, waiter.switch, None)
        if self._waiters is None:
            self._waiters = []
        waiters = self._waiters
        waiters.append(waiter)
        try:
            waiter.get()
        finally:
            if waiter in waiters:
                waiters.remove(waiter)
            if timer is not None:
                timer.cancel()
        if not self.ready:
            raise TimeoutError("operation has timed out")

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            waiter.hub.loop.run_callback(waiter.switch, None)
