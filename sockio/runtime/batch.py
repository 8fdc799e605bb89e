"""Batch: what one read of the hub sets going, and the writes it collects.

While the hub handles one read, mailboxes that got work are only noted; when the read is
parsed to its end they run, one after the other, each in a worker switched to directly.
Writes leave at once, unless more packets of the same read wait behind: those are
collected per stream and leave in one send each when the batch ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from .workers import Workers


class Flushable(Protocol):
    """A stream that collected writes."""

    def flush(self) -> None: ...


class Batch:
    """The batch of one hub; open only while a callback of the hub handles a read."""

    __slots__ = ("corked", "dirty", "open", "ready", "workers")

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        #: A read is being handled, by the hub or by a worker it switched to.
        self.open = False
        #: Writes are collected, not sent: more packets wait behind this one.
        self.corked = False
        #: Jobs to be run in workers when the read is parsed.
        self.ready: deque[Callable[[], object]] = deque()
        #: Streams with collected writes.
        self.dirty: list[Flushable] = []

    @property
    def turn(self) -> int:
        """A number that changes with each pass of the loop."""
        return self.workers.turns.iteration  # type: ignore[no-any-return]

    def begin(self) -> None:
        """Open the batch; the hub is about to handle a read."""
        self.open = True

    def end(self) -> None:
        """Run what became ready, then send what was collected."""
        ready = self.ready
        switch_to = self.workers.switch_to
        while ready:
            switch_to(ready.popleft())
        self.open = self.corked = False
        if self.dirty:
            dirty, self.dirty = self.dirty, []
            for stream in dirty:
                stream.flush()

    def start(self, job: Callable[[], object]) -> None:
        """Run ``job`` in a worker: at the end of the open batch, else soon."""
        if self.open:
            self.ready.append(job)
        else:
            self.workers.run(job)
