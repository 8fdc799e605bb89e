"""Mailbox: jobs in order, one worker while there is work.

A mailbox with nothing to do costs no greenlet. Its items are handled strictly one after
the other; an item whose handling fails is logged and the next one follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from gevent import GreenletExit, getcurrent

from . import logs
from .batch import Batch

log = logs.get("runtime.mailbox")

#: What waits in every mailbox that has nothing to do; nothing is ever put in.
_NOTHING: deque[Any] = deque(maxlen=0)


class Mailbox:
    """Items waiting for ``handle``, which may block and runs one at a time."""

    __slots__ = ("_active", "_batch", "_handle", "_running", "_worker", "items")

    def __init__(self, batch: Batch, handle: Callable[[Any], object]) -> None:
        self._batch = batch
        self._handle = handle
        self._active = False
        self._worker: Any = None
        #: The item that the worker handles.
        self._running: Any = None
        #: What waits, oldest first; a deque of its own only while there is work.
        self.items: deque[Any] = _NOTHING

    def put(self, item: Any) -> None:
        """Add ``item`` behind the others."""
        if self._active:
            self.items.append(item)
        else:
            self._active = True
            self.items = deque((item,))
            self._batch.start(self._drain)

    @property
    def busy(self) -> bool:
        """Whether an item is being handled or waits."""
        return self._active

    @property
    def current(self) -> bool:
        """Whether the caller is the worker that handles this mailbox's item."""
        return self._worker is getcurrent()

    def kill_running(self) -> None:
        """Raise ``GreenletExit`` in the item that is being handled, if it blocks."""
        worker = self._worker
        if worker is not None and worker is not getcurrent():
            loop = self._batch.workers.loop
            loop.run_callback(self._throw, worker, self._running)

    def _throw(self, worker: Any, item: Any) -> None:
        # It may have ended since; then the worker has others to handle, or none.
        if self._worker is worker and self._running is item:
            worker.throw(GreenletExit)

    def _drain(self) -> None:
        items = self.items
        batch = self._batch
        self._worker = getcurrent()
        try:
            while items:
                self._running = item = items.popleft()
                batch.cork(bool(items))
                try:
                    Context().run(self._handle, item)
                except Exception:
                    # A boundary: one job's failure must not lose the ones behind it.
                    log.exception("a mailbox's job failed")
        finally:
            self._worker = self._running = None
            if items:  # killed in the middle: another worker takes the rest
                batch.start(self._drain)
            else:
                self._active = False
                self.items = _NOTHING

    def take(self, wanted: Callable[[Any], bool]) -> Any:
        """Remove and return the oldest item that is ``wanted``, or None."""
        for index, item in enumerate(self.items):
            if wanted(item):
                del self.items[index]
                return item
        return None

    def drop(self, unwanted: Callable[[Any], bool]) -> None:
        """Remove the waiting items that are ``unwanted``."""
        kept = [item for item in self.items if not unwanted(item)]
        if len(kept) != len(self.items):
            self.items.clear()
            self.items.extend(kept)
