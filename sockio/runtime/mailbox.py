"""Mailbox: jobs in order, one worker while there is work.

A mailbox with nothing to do costs no greenlet. Its items are handled strictly one after
the other; if the handling of an item fails, that is logged and the next one follows. If
many items wait, they are handled in turns, between which other work runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from gevent import GreenletExit, getcurrent

from . import logs
from .batch import TURN, Batch

log = logs.get("runtime.mailbox")

#: Stands for the items behind the next one if there are none; nothing is ever put in.
_NOTHING: deque[Any] = deque(maxlen=0)
#: The clock is read after every four items: it costs as much as a small item.
_LOOK = 0b11
#: There is no next item.
_NONE: Any = object()


class Mailbox:
    """Items waiting for ``handle``, which may block and runs one at a time."""

    __slots__ = (
        "_batch",
        "_handle",
        "_later",
        "_next",
        "_running",
        "_worker",
        "busy",
    )

    def __init__(self, batch: Batch, handle: Callable[[Any], object]) -> None:
        self._batch = batch
        self._handle = handle
        #: Whether an item is being handled or waits.
        self.busy = False
        self._worker: Any = None
        #: The item that the worker handles; None: it handles none.
        self._running: Any = None
        #: The items that wait: the next one, and those behind it. The deque is made
        #: only if there are any.
        self._next: Any = _NONE
        self._later: deque[Any] = _NOTHING

    def put(self, item: Any) -> None:
        """Add ``item`` behind the others."""
        if self._next is _NONE:
            self._next = item
        else:
            if self._later is _NOTHING:
                self._later = deque()
            self._later.append(item)
        if not self.busy:
            self.busy = True
            self._batch.start(self._drain)

    def turn_to(self, handle: Callable[[Any], object]) -> None:
        """Give the items to another function, from the next item on."""
        self._handle = handle

    @property
    def current(self) -> bool:
        """Whether the caller is the worker that handles this mailbox's item."""
        return self._worker is getcurrent()

    def kill_running(self) -> None:
        """Raise ``GreenletExit`` in the item that is being handled, if it blocks."""
        worker, item = self._worker, self._running
        if item is not None and worker is not getcurrent():
            loop = self._batch.workers.loop
            loop.run_callback(self._throw, worker, item)

    def _throw(self, worker: Any, item: Any) -> None:
        # The item may have ended; then the worker handles another one, or none.
        if self._worker is worker and self._running is item:
            worker.throw(GreenletExit)

    def _drain(self) -> None:
        """Handle the items that wait, for as long as one turn may take."""
        batch = self._batch
        began = 0.0
        count = 0
        turn_over = False
        worker = self._worker = getcurrent()
        left = worker.__dict__
        try:
            while self._next is not _NONE and not turn_over:
                self._running = item = self._next
                self._next = self._later.popleft() if self._later else _NONE
                batch.cork(self._next is not _NONE)
                try:
                    self._run(item)
                except Exception:
                    # A boundary: one job's failure must not lose the ones behind it.
                    log.exception("a mailbox's job failed")
                if left:
                    self._running = None
                    worker.clear()
                count += 1
                if count & _LOOK == 0 and self._next is not _NONE:
                    now = batch.now()
                    turn_over = began > 0.0 and now - began > TURN
                    began = began or now
        finally:
            self._worker = self._running = None
            if self._next is _NONE:
                self.busy = False
                self._later = _NOTHING
            elif turn_over:
                batch.workers.next_pass(self._go_on)
            else:  # killed: another worker takes the rest
                batch.start(self._drain)

    def _go_on(self) -> None:
        """Have the next turn; called in the hub."""
        batch = self._batch
        batch.begin()
        batch.start(self._drain)
        batch.end()

    def _run(self, item: Any) -> None:
        """Handle ``item`` in a context of its own."""
        batch = self._batch
        context = batch.spare
        if context is None:
            context = Context()
        batch.spare = None
        context.run(self._handle, item)
        if not context:  # it is still empty
            batch.spare = context

    def take(self, wanted: Callable[[Any], bool]) -> Any:
        """Remove and return the oldest ``wanted`` item, or None."""
        first, later = self._next, self._later
        if first is _NONE:
            return None
        if wanted(first):
            self._next = later.popleft() if later else _NONE
            return first
        for index, item in enumerate(later):
            if wanted(item):
                del later[index]
                return item
        return None

    def take_all(self, wanted: Callable[[Any], bool]) -> list[Any]:
        """Remove and return the ``wanted`` items, the oldest first."""
        taken: list[Any] = []
        kept: deque[Any] = deque()
        for item in self._waiting():
            (taken if wanted(item) else kept).append(item)
        if taken:
            self._next = kept.popleft() if kept else _NONE
            self._later = kept or _NOTHING
        return taken

    def holds(self, wanted: Callable[[Any], bool]) -> bool:
        """Tell whether a ``wanted`` item waits."""
        return any(map(wanted, self._waiting()))

    def _waiting(self) -> list[Any]:
        return [] if self._next is _NONE else [self._next, *self._later]
