"""Workers: parked greenlets that run jobs, so that starting one costs a switch.

Creating a greenlet for every event costs more than handling the event; a worker that
has finished its job parks in the pool and takes the next one. The pool also knows the
one hub in which a server lives, and brings calls from native threads to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import Context
from typing import Any

from gevent import GreenletExit, Timeout, get_hub, getcurrent
from gevent.monkey import get_original
from greenlet import greenlet

from . import logs
from .bell import BELL
from .leftovers import Worker

log = logs.get("runtime.workers")

_switch = greenlet.switch

#: Errors that end a piece of user code only; gevent's Timeout is not an Exception.
FAILURES: tuple[type[BaseException], ...] = (Exception, Timeout)

#: ``threading.get_ident`` is patched to name greenlets; this one names native threads.
native_thread: Callable[[], int] = get_original("_thread", "get_ident")


class Workers:
    """A pool of greenlets of one hub; it touches no hub before ``attach``."""

    def __init__(self, keep: int = 256) -> None:
        #: How many finished workers are kept parked; more than that end.
        self.keep = keep
        self.hub: Any = None
        self.loop: Any = None
        #: Its ``iteration`` changes with each pass of the loop; ``pendingcnt`` is how
        #: many events of the pass are still to be handled.
        self.turns: Any = None
        #: The native thread of the hub.
        self.thread: int | None = None
        self._parked: list[greenlet] = []
        #: Workers that have not ended, parked or not.
        self._alive = 0
        #: Calls that wait for the next pass of the loop.
        self._due = 0
        self._bell = BELL

    def attach(self) -> None:
        """Make the current hub the one in which everything of this server runs."""
        if self.hub is None:
            self.hub = get_hub()
            self.loop = self.hub.loop
            counts = hasattr(self.loop, "iteration")
            self.turns = self.loop if counts else _Milliseconds(self.loop)
            self.thread = native_thread()

    @property
    def elsewhere(self) -> bool:
        """Whether the caller runs in another native thread than the hub."""
        return self.thread is not None and native_thread() != self.thread

    @property
    def busy(self) -> int:
        """How many workers have a job, or will in the next pass of the loop."""
        return self._alive - len(self._parked) + self._due

    def call_in_hub(self, fn: Callable[..., object], *args: Any) -> None:
        """Run ``fn`` in the hub's thread, in order; safe from any native thread."""
        self.loop.run_callback_threadsafe(fn, *args)

    def run(self, job: Callable[[], object]) -> None:
        """Run ``job`` in a worker, as soon as the loop runs."""
        self.loop.run_callback(self.switch_to, job)

    def next_pass(self, fn: Callable[[], object]) -> None:
        """Call ``fn`` in the hub in the next pass of the loop; it must not block.

        What can be read by then is read in the same pass.
        """
        self._due += 1
        timer = self.loop.timer(0.0)
        # The loop runs all callbacks, new ones included, before it looks for what can
        # be read; a timer runs after that.
        timer.start(self._fire, timer, fn)

    def _fire(self, timer: Any, fn: Callable[[], object]) -> None:
        self._due -= 1
        timer.stop()
        timer.close()
        try:
            fn()
        except Exception:
            # A boundary: this is a bug of ours, and the hub must continue.
            log.exception("a call in the next pass of the loop failed")

    def spawn(self, fn: Callable[..., object], *args: Any) -> None:
        """Run ``fn(*args)`` in a worker, in a context of its own."""
        self.loop.run_callback(self.switch_to, lambda: Context().run(fn, *args))

    def switch_to(self, job: Callable[[], object]) -> None:
        """Run ``job`` in a worker now, until it blocks or ends; only from the hub."""
        if self._bell.armed:
            self._bell.ring()
        if self._parked:
            self._parked.pop().switch(job)
        else:
            Worker(self._work, self.hub).switch(job)

    def _work(self, job: Callable[[], object]) -> None:
        self._alive += 1
        try:
            self._work_on(job)
        finally:
            self._alive -= 1

    def _work_on(self, job: Callable[[], object]) -> None:
        current = getcurrent()
        left = current.__dict__
        parked = self._parked
        hub = self.hub
        while True:
            killed = False
            try:
                job()
            except GreenletExit:
                killed = True  # by the application: the next job gets a new worker
            except (KeyboardInterrupt, SystemExit):
                self.hub.handle_system_error(*sys.exc_info()[:2])
            except BaseException:
                # A boundary: a job is user code, and its failure ends only the job.
                log.exception("a worker's job failed")
            if left:
                current.clear()
            if killed or len(parked) >= self.keep:
                return
            parked.append(current)
            del job  # a parked worker must not keep a client's objects alive
            try:
                # Not the hub's own switch: it expects attributes that only gevent's
                # greenlets have.
                job = _switch(hub)
            except GreenletExit:
                if current in parked:
                    parked.remove(current)
                return


class _Milliseconds:
    """Stands in for a loop that does not count its passes: libuv's."""

    #: It is not known.
    pendingcnt = 1

    def __init__(self, loop: Any) -> None:
        self._loop = loop

    @property
    def iteration(self) -> int:
        return int(self._loop.now() * 1000)
