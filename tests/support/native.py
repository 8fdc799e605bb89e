"""Native: events and threads of the operating system, in a patched process too.

There ``threading`` has gevent's ones: waiting for them lets the loop run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from gevent.monkey import get_original

_SimpleQueue: Callable[[], Any] = get_original("queue", "SimpleQueue")
_start_thread: Callable[..., int] = get_original("_thread", "start_new_thread")
_native_id: Callable[[], int] = get_original("_thread", "get_native_id")
_sleep: Callable[[float], None] = get_original("time", "sleep")


class Event:
    """Like ``threading.Event``, but waiting for it holds the loop."""

    def __init__(self) -> None:
        self._came = _SimpleQueue()

    def set(self) -> None:
        """Wake the waiters."""
        self._came.put(None)

    def wait(self, seconds: float) -> bool:
        """Return whether it was set, or is set within so many seconds.

        Blocks:
            Until then; no other greenlet of this thread runs.
        """
        with suppress(Empty):
            self._came.get(timeout=seconds)
            self._came.put(None)
            return True
        return False


class Thread:
    """A thread that runs ``fn``, from now on."""

    def __init__(self, fn: Callable[[], object]) -> None:
        self._id = _SimpleQueue()
        _start_thread(self._run, (fn,))

    def _run(self, fn: Callable[[], object]) -> None:
        self._id.put(_native_id())
        fn()

    def join(self, seconds: float) -> None:
        """Wait until the operating system has ended it; fail after so many seconds.

        Blocks:
            Until then; no other greenlet of this thread runs.
        """
        task = Path(f"/proc/{os.getpid()}/task/{self._id.get(timeout=seconds)}")
        deadline = time.monotonic() + seconds
        while task.exists():
            assert time.monotonic() < deadline, "the thread goes on"
            _sleep(0.001)
