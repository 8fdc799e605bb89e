"""Watchdog: reports which handler holds the loop, while it does.

A native thread looks at the hub's thread a few times a second, and sleeps while the
process is idle. If a pass of the loop does not end, it is held by what the hub's thread
executes: a handler, or nothing if it waits for events. C code that keeps the
interpreter's lock also keeps the watchdog from looking; it is reported when it ends.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from math import inf
from time import monotonic
from types import CodeType, FrameType
from typing import Any

from gevent import getcurrent
from gevent._hub_local import get_hub_if_exists
from gevent.monkey import get_original

from . import logs
from .bell import BELL, Bell
from .peer_text import Lines
from .workers import Workers

__all__ = ["WATCHDOG", "Watchdog"]

log = logs.get("runtime.watchdog")

#: How many looks fall into the time that a handler may hold the loop.
LOOKS = 4
#: That time in seconds, at most: if a handler may take longer, looks are as frequent.
MOST = 4.0
#: Modules whose code runs while a hub waits for events.
_WAITING = frozenset(
    ("gevent.hub", "gevent._ffi.loop", "gevent.libuv.loop", "gevent.libev.corecffi")
)
#: Packages whose frames are left out if they come before the handler's.
_OURS = frozenset(("sockio", "gevent"))

# In a patched process the functions of the standard library are about greenlets.
_allocate_lock: Callable[[], Any] = get_original("_thread", "allocate_lock")
_start_thread: Callable[..., int] = get_original("_thread", "start_new_thread")
_sleep: Callable[[float], None] = get_original("time", "sleep")


class Watchdog:
    """The thread of one process; it starts with the first work after ``watch``."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._places: dict[int, _Place] = {}
        self._begin()
        bell.call(self._wake)

    def _begin(self) -> None:
        self._runs = False
        #: Locked while the thread sleeps; a release wakes it.
        self._sleeping = _allocate_lock()
        self._sleeping.acquire()
        self._waking = _allocate_lock()
        self._bell.armed = bool(self._places)

    def watch(self, workers: Workers, seconds: float) -> None:
        """Watch the thread of ``workers``, which is the caller's.

        Args:
            workers: Those of a server; of several servers in one thread, the one with
                the smallest ``seconds`` counts.
            seconds: How long a handler may hold the loop.
        """
        assert workers.thread is not None
        place = self._places.get(workers.thread)
        if place is None or place.hub is not workers.hub:
            place = self._places[workers.thread] = _Place(workers)
        place.wishes[workers] = seconds
        if not self._runs:
            self._bell.armed = True

    def forget(self, workers: Workers) -> None:
        """Stop watching for these ``workers``."""
        place = self._places.get(workers.thread or 0)
        if place is not None:
            place.wishes.pop(workers, 0.0)
            if not place.wishes:
                del self._places[place.thread]

    def forked(self) -> None:
        """Begin anew in a child process, which has none of its parent's threads."""
        self._begin()

    def _wake(self) -> None:
        with self._waking:
            if not self._runs:
                self._runs = True
                try:
                    _start_thread(self._run, ())
                except RuntimeError as exc:  # too many threads
                    log.warning("nobody watches for slow handlers: %s", exc)
            elif self._sleeping.locked():
                self._sleeping.release()

    # ------------------------------------------------------------------ its thread

    def _run(self) -> None:
        while True:
            self._watch_until_idle()
            self._bell.armed = True
            # Work may have begun before the bell was armed.
            if not all(place.idle() for place in self._all()):
                self._bell.ring()
            _wait(self._sleeping.acquire)

    def _watch_until_idle(self) -> None:
        for place in self._all():
            place.begin(self._bell.rung)
        late = 0.0
        while not all([place.look(late) for place in self._all()]):
            shortest = min([MOST, *(place.seconds for place in self._all())])
            due = monotonic() + shortest / LOOKS
            _wait(_sleep, shortest / LOOKS)
            late = monotonic() - due

    def _all(self) -> list[_Place]:
        return list(self._places.values())


class _Place:
    """A native thread and its hub, as the watchdog sees them from outside."""

    def __init__(self, workers: Workers) -> None:
        #: How many seconds a handler may hold the loop, as each server wants it.
        self.wishes: dict[Workers, float] = {}
        self.hub = workers.hub
        self.thread = workers.thread or 0
        self._turns = workers.turns
        #: The outermost frame of the program itself, which is not a handler.
        self._program = _outermost(_root_frame())
        self._turn = -1
        #: Since when nothing else can have run.
        self._since = 0.0
        #: The handler that was reported to hold the loop.
        self._holder: str | None = None

    @property
    def seconds(self) -> float:
        """How long a handler may hold the loop."""
        return min(self.wishes.values(), default=inf)

    def begin(self, now: float) -> None:
        """Take note that the watchdog was woken at ``now``."""
        self._turn = self._now_in()
        self._since = now

    def look(self, late: float) -> bool:
        """Report a handler that holds the loop; return whether the thread is idle.

        Args:
            late: By how many seconds this look is late: what runs now may have kept
                the interpreter's lock.
        """
        now = monotonic()
        turn = self._now_in()
        if turn != self._turn:
            self._turn = turn
            self._let_go(now - late)
            self._since = now - late
        if now - self._since < self.seconds:
            return False
        frame = self._frame()
        if frame is None:
            self._let_go(now)
            return True
        if self._holder is None:
            self._report(frame, now - self._since)
        return False

    def idle(self) -> bool:
        """Whether no handler runs, in the pass of the loop that was seen last."""
        return self._now_in() == self._turn and self._frame() is None

    def _now_in(self) -> int:
        """Return the number of the present pass of the loop."""
        try:
            return self._turns.iteration  # type: ignore[no-any-return]
        except ValueError:  # the loop was destroyed
            return -1

    def _frame(self) -> FrameType | None:
        """Return the frame of what holds the loop; None if nothing does."""
        frame = sys._current_frames().get(self.thread)
        if frame is None or frame.f_globals.get("__name__") in _WAITING:
            return None
        return None if _outermost(frame) is self._program else frame

    def _report(self, frame: FrameType, seconds: float) -> None:
        stack = _stack(frame)
        code, line = stack[0]
        self._holder = getattr(code, "co_qualname", code.co_name)
        del frame  # do not keep it alive while the lines are read from files
        log.warning(
            "%s (%s:%s) has held the loop for %.1f s, and nobody else has had a turn. "
            "It is here:\n%s",
            self._holder,
            code.co_filename,
            line,
            seconds,
            Lines("".join(_lines(stack))),
        )

    def _let_go(self, now: float) -> None:
        if self._holder is not None:
            seconds = now - self._since
            log.warning("%s held the loop for %.1f s", self._holder, seconds)
            self._holder = None


def _wait(wait: Callable[..., object], *args: object) -> None:
    """Call ``wait``, which blocks the thread; let the thread's hub run meanwhile.

    The thread has a hub if a handler of the log has waited in it. In a patched process
    this hub passes on the locks of the log; without it, their waiters would wait for
    ever.
    """
    hub = get_hub_if_exists()
    if hub is None:
        wait(*args)
    else:
        hub.threadpool.apply(wait, args)


def _root_frame() -> FrameType:
    """Return the innermost frame of the current thread's first greenlet."""
    root = current = getcurrent()
    while root.parent is not None:
        root = root.parent
    return sys._getframe() if root is current else root.gr_frame


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def _stack(frame: FrameType | None) -> list[tuple[CodeType, int]]:
    """Return code and line of each frame, the handler's first."""
    stack: list[tuple[CodeType, int]] = []
    handler = 0
    while frame is not None:
        stack.append((frame.f_code, frame.f_lineno))
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _OURS:
            handler = len(stack)
        frame = frame.f_back
    return stack[: handler or None][::-1]


def _lines(stack: list[tuple[CodeType, int]]) -> list[str]:
    frames = [(code.co_filename, line, code.co_name, None) for code, line in stack]
    return traceback.format_list(frames)


#: The watchdog of this process.
WATCHDOG = Watchdog(BELL)
os.register_at_fork(after_in_child=WATCHDOG.forked)
