"""Batch: the jobs that the reads of one pass of the loop start, and their writes.

While the hub handles the reads of a pass, it only notes which mailboxes got work. When
all reads are parsed, one worker runs the jobs, one after the other; if a job blocks,
another worker continues with the rest. Meanwhile each stream collects its writes, and
sends them in one call when the jobs are done.

This is fastest, and nobody notices it, as long as every job is short. A job that
computes would delay its own writes and those of others. So after such a job writes are
sent immediately for a while, unless more packets of the same client wait.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Protocol

from .clock import Clock
from .workers import Workers

__all__ = [
    "CALM",
    "MOST_HELD",
    "MOST_PARSED",
    "QUICK",
    "SLOW",
    "TURN",
    "Batch",
    "Flushable",
]

#: Seconds that a job may hold the loop before it counts as one that computes.
SLOW = 0.001
#: Seconds after such a job in which writes are not collected.
CALM = 60.0
#: If so many streams have collected writes at the end of a job, they send them.
MOST_HELD = 64
#: Seconds of parsing after which the jobs run before more is parsed, while their data
#: is still in the CPU's cache.
MOST_PARSED = 0.0005
#: Seconds that one client may take before others have their turn: in one pass of the
#: loop its packets are parsed, or the jobs of one mailbox run, for no longer than that.
TURN = 0.005
#: Most received bytes for which there is no need to look at the clock.
QUICK = 16384


class Flushable(Protocol):
    """A stream that collected writes."""

    def flush(self) -> None: ...


class Batch:
    """The batch of one hub; open from the first read of a pass until all is sent."""

    __slots__ = (
        "_at",
        "_began",
        "_collects",
        "_hurried_until",
        "_parsing_since",
        "_read",
        "_switches",
        "_turn",
        "_waits",
        "corked",
        "dirty",
        "now",
        "open",
        "ready",
        "spare",
        "workers",
    )

    def __init__(self, workers: Workers, clock: Clock) -> None:
        self.workers = workers
        #: Whether the hub has handled reads whose jobs are not done yet.
        self.open = False
        #: Whether writes are collected, not sent.
        self.corked = False
        #: Jobs for workers, to run when the reads are parsed, and those that have run.
        self.ready: list[Callable[[], object]] = []
        #: The index of the next job.
        self._at = 0
        #: An empty context, for the next job.
        self.spare: Context | None = None
        #: Streams with collected writes.
        self.dirty: list[Flushable] = []
        #: Returns the clock's time in seconds.
        self.now = clock.now
        self._turn = -1
        #: Bytes received since the batch was opened.
        self._read = 0
        #: When the current job began.
        self._began = 0.0
        self._hurried_until = 0.0
        self._collects = False
        #: When more than ``QUICK`` bytes had been received; 0.0: it is less.
        self._parsing_since = 0.0
        #: Whether the loop will call ``_finish`` in this pass.
        self._waits = False
        #: How often the hub switched to a worker.
        self._switches = 0

    def turn(self) -> int:
        """Return a number that changes with each pass of the loop."""
        if self.open:
            return self._turn
        return self.workers.turns.iteration  # type: ignore[no-any-return]

    def begin(self) -> None:
        """Open the batch; the hub is about to handle a read."""
        if not self.open:
            self.open = True
            self._turn = self.workers.turns.iteration

    def received(self, size: int) -> None:
        """Take note of ``size`` bytes that were read and are about to be parsed."""
        self._read += size

    def end(self) -> None:
        """The read is parsed: run the jobs, unless more reads may follow."""
        last = not self.workers.turns.pendingcnt
        if last or (self._read > QUICK and self._has_parsed_long()):
            self._finish()
        elif not self._waits:
            self._waits = True
            # This runs in the same pass of the loop, after all pending events.
            self.workers.loop.run_callback(self._finish)

    def cork(self, more: bool) -> None:
        """Decide whether the writes of the job that begins are collected.

        Args:
            more: Whether more jobs of the same client wait behind it.
        """
        self.corked = self.open and (more or self._collects)

    def start(self, job: Callable[[], object]) -> None:
        """Run ``job`` in a worker: in the open batch, or soon if none is open."""
        if self.open:
            self.ready.append(job)
        else:
            self.workers.run(job)

    def flush(self) -> None:
        """Send the collected writes."""
        if self.dirty:
            dirty, self.dirty = self.dirty, []
            for stream in dirty:
                stream.flush()

    def _finish(self) -> None:
        """Run the ready jobs, then send the collected writes; called in the hub."""
        self._waits = False
        self._began = self.now()
        self._collects = self._began >= self._hurried_until
        workers = self.workers
        while self._at < len(self.ready):
            workers.switch_to(self._work)
            self._switches += 1
            self._judge()  # the last job may have computed before it blocked
        self.ready.clear()
        self._at = 0
        self.open = self.corked = False
        self._read = 0
        self._parsing_since = 0.0
        self.flush()

    def _has_parsed_long(self) -> bool:
        now = self.now()
        if not self._parsing_since:
            self._parsing_since = now
        return now - self._parsing_since > MOST_PARSED

    def _work(self) -> None:
        """Run the ready jobs in a worker, until one blocks."""
        ready = self.ready
        switches = self._switches
        while self._at < len(ready):
            job = ready[self._at]
            self._at += 1
            job()
            if self._switches != switches:
                return  # the job has blocked, and another worker has continued
            self._judge()

    def _judge(self) -> None:
        """Check how long a job took; the next one begins now."""
        now = self.now()
        if now - self._began > SLOW:
            self._collects = False
            self._hurried_until = now + CALM
            self.flush()
        elif len(self.dirty) >= MOST_HELD:
            self.flush()
        self._began = now
