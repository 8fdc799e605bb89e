"""Exclusive: something that each process makes anew, and one thread at a time uses."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["Exclusive", "Place"]

T = TypeVar("T")


class Place(Generic[T]):
    """Where one process keeps it."""

    def __init__(self) -> None:
        # Made at first use: by then it is known whether gevent has patched threading.
        self.lock = threading.Lock()
        #: None: there is none at present.
        self.thing: T | None = None


class Exclusive(Generic[T]):
    """Places, of which a process uses only its own."""

    def __init__(self, abandon: Callable[[T], None]) -> None:
        """Make one without anything in it.

        Args:
            abandon: Releases what belongs to a process from which this one was forked;
                that process goes on using it.
        """
        self._abandon = abandon
        #: By process id. Locks: the application may call from any of its threads.
        self._places: dict[int, Place[T]] = {}

    @contextmanager
    def use(self, until: float) -> Iterator[Place[T]]:
        """Give the place of this process, to this thread alone.

        Args:
            until: By ``time.monotonic``.

        Raises:
            TimeoutError: Others have used it until then.

        Blocks:
            Until nobody else uses it.
        """
        place = self._places.get(os.getpid()) or self._first()
        if not place.lock.acquire(timeout=max(until - time.monotonic(), 0)):
            raise TimeoutError("other threads took all the time")
        try:
            yield place
        finally:
            place.lock.release()

    def _first(self) -> Place[T]:
        """Return the place of this process, which may be a new one."""
        mine = os.getpid()
        place = self._places.setdefault(mine, Place())
        for pid in list(self._places):
            other = self._places.pop(pid, None) if pid != mine else None
            if other is not None and other.thing is not None:
                self._abandon(other.thing)
        return place
