"""Batch: what the reads of one pass of the loop set going, and the writes they cause.

While the hub handles the reads of a pass, mailboxes that got work are only noted. When
all are parsed they run, one after the other, in one worker; when a job blocks, another
worker goes on with the rest. Writes are collected per stream meanwhile and leave in one
send each when the jobs are done.

That is quickest, and nobody notices, as long as every job is short. A job that computes
would hold back what it has written, and what others have: after one, writes leave at
once for a while, unless more packets of the same client wait behind.
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

#: Seconds for which a job may keep the loop before it counts as one that computes.
SLOW = 0.001
#: Seconds after such a job in which writes are not collected.
CALM = 60.0
#: Streams with collected writes, at the end of a job, for which it is time to send.
MOST_HELD = 64
#: Seconds of parsing after which what it set going runs before more is parsed, while
#: that is in the CPU's cache still.
MOST_PARSED = 0.0005
#: Seconds for which one client may be served before others have their turn: its packets
#: are parsed, or the jobs of one mailbox run, no longer than that in one pass.
TURN = 0.005
#: Bytes received up to which there is no need to look at the clock.
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
        #: Reads have been handled, by the hub, and what they set going is not done.
        self.open = False
        #: Writes are collected, not sent.
        self.corked = False
        #: Jobs to be run in workers when the reads are parsed, those that ran before.
        self.ready: list[Callable[[], object]] = []
        #: Where the next one is.
        self._at = 0
        #: A context that nothing was put into, for the next job.
        self.spare: Context | None = None
        #: Streams with collected writes.
        self.dirty: list[Flushable] = []
        #: Seconds, as the clock counts them.
        self.now = clock.now
        self._turn = -1
        #: Bytes received since it was opened.
        self._read = 0
        #: When the job began that runs.
        self._began = 0.0
        self._hurried_until = 0.0
        self._collects = False
        #: When more than ``QUICK`` had been received; 0.0: it has not.
        self._parsing_since = 0.0
        #: ``_finish`` will be called when the loop comes round.
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
        """So many bytes were read, which are about to be parsed."""
        self._read += size

    def end(self) -> None:
        """The read is parsed: go on with what it set going, unless more may follow."""
        last = not self.workers.turns.pendingcnt
        if last or (self._read > QUICK and self._has_parsed_long()):
            self._finish()
        elif not self._waits:
            self._waits = True
            # In this pass of the loop, behind all that is pending.
            self.workers.loop.run_callback(self._finish)

    def cork(self, more: bool) -> None:
        """Collect the writes of the job that begins, or not.

        Args:
            more: Others of the same client wait behind it.
        """
        self.corked = self.open and (more or self._collects)

    def start(self, job: Callable[[], object]) -> None:
        """Run ``job`` in a worker: in the open batch, else soon."""
        if self.open:
            self.ready.append(job)
        else:
            self.workers.run(job)

    def flush(self) -> None:
        """Send what was collected."""
        if self.dirty:
            dirty, self.dirty = self.dirty, []
            for stream in dirty:
                stream.flush()

    def _finish(self) -> None:
        """Run what became ready, then send what was collected; called in the hub."""
        self._waits = False
        self._began = self.now()
        self._collects = self._began >= self._hurried_until
        workers = self.workers
        while self._at < len(self.ready):
            workers.switch_to(self._work)
            self._switches += 1
            self._judge()  # it may have blocked, after it had computed
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
        """Run what is ready, in a worker, up to a job that blocks."""
        ready = self.ready
        switches = self._switches
        while self._at < len(ready):
            job = ready[self._at]
            self._at += 1
            job()
            if self._switches != switches:
                return  # it has blocked, and another worker went on
            self._judge()

    def _judge(self) -> None:
        """See how long a job took; the next one begins now."""
        now = self.now()
        if now - self._began > SLOW:
            self._collects = False
            self._hurried_until = now + CALM
            self.flush()
        elif len(self.dirty) >= MOST_HELD:
            self.flush()
        self._began = now
