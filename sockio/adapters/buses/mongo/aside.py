"""Aside: a native thread that makes calls which block, one after the other.

pymongo waits in the operating system. In a process that gevent has patched it waits in
the hub instead; then the thread is a greenlet.
"""

from __future__ import annotations

import _thread
import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

__all__ = ["Aside"]

T = TypeVar("T")


class Aside:
    """The thread, which starts with the first call."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._calls: queue.SimpleQueue[Callable[[], object] | None] | None = None
        self._ended = False

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        """Return what a call returns, or raise what it raises.

        If the caller is killed meanwhile, the call is made nevertheless.

        Blocks:
            Until it has returned.
        """
        latch = self._reactor.latch()

        def make() -> None:
            try:
                self._reactor.to_hub(latch.set, fn(*args))
            except Exception as exc:
                # A boundary between two threads: the caller gets whatever it is.
                self._reactor.to_hub(latch.fail, exc)

        self.post(make)
        found: T = latch.wait()
        return found

    def post(self, fn: Callable[[], object]) -> None:
        """Have a call made that raises nothing; wait for nothing.

        After the end, nothing is called any more.
        """
        if self._ended:
            return
        if self._calls is None:
            self._calls = queue.SimpleQueue()
            # Not threading's: its start waits for the thread.
            _thread.start_new_thread(_work, (self._calls,))
        self._calls.put(fn)

    def end(self) -> None:
        """End when all calls have been made; wait for nothing."""
        self._ended = True
        if self._calls is not None:
            self._calls.put(None)


def _work(calls: queue.SimpleQueue[Callable[[], object] | None]) -> None:
    while (call := calls.get()) is not None:
        call()
