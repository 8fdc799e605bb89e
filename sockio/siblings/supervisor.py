"""Supervisor: several processes that do the same work, started again when they end.

The parent forks and waits; it runs no hub, so that a child begins with nothing that
runs. A child that loses its parent ends as if it had received SIGTERM. If a service
manager wants signs of life, a child that gives none is killed and replaced.
"""

from __future__ import annotations

import os
import signal
import time
from bisect import insort
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import gevent
from gevent.monkey import get_original

from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.runtime.clock import Clock
from sockio.runtime.service_manager import BEATS, ServiceManager
from sockio.runtime.signals import ENDING
from sockio.runtime.standard_streams import flush, say

from .reload import Reload
from .signs import Signs

__all__ = ["Supervisor", "supervised"]

log = logs.get("siblings.supervisor")

#: Seconds until a child that ended is started again: the first time, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
#: A child that lived for so many seconds is started again without a longer pause.
SETTLED = 10.0
#: Seconds between two looks whether a child serves, if somebody waits for it.
LOOK = 0.05
#: The signal that replaces the children.
RELOAD = signal.SIGUSR2
#: Seconds that the new children get to serve then, and the old ones to end.
STARTING, ENDS = 60.0, 60.0
#: The origin of a signal that a terminal has sent to parent and children alike.
_FROM_KERNEL = 0x80

#: The number of this process, if a supervisor has made it.
_made: set[int] = set()

# In a patched process these would run the hub, which belongs to the children.
_fork: Callable[[], int] = get_original("os", "fork")
_waitpid: Callable[[int, int], tuple[int, int]] = get_original("os", "waitpid")


class Supervisor:
    """Starts children, and keeps their number."""

    def __init__(
        self,
        count: int,
        work: Callable[[Callable[[], None]], object],
        manager: ServiceManager | None = None,
        starting: float = STARTING,
        ends: float = ENDS,
    ) -> None:
        """Have ``count`` children.

        Args:
            work: What each child does until it is told to end. It is given a function
                to call once it serves.
            manager: Is told when a child serves, and that the children live; None:
                nobody is told.
            starting: Seconds that new children get to serve when they are to replace
                the old ones.
            ends: Seconds that the old ones get to end afterwards.

        Raises:
            ConfigError: This system has no fork.
        """
        if not hasattr(os, "fork"):
            raise ConfigError(
                "several workers need fork, which this system does not have: run one "
                "program for each"
            )
        self._count = count
        self._work = work
        self._manager = manager or ServiceManager({})
        self._starting, self._ends = starting, ends
        #: By process id, when each child was started.
        self._children: dict[int, float] = {}
        #: Children that may not have got a signal which a terminal has sent.
        self._untold: list[int] = []
        #: When children that ended are to be started again, in order.
        self._due: list[float] = []
        self._pause = FIRST_PAUSE
        self._ending = False
        #: The signals that end all.
        self._told_by: set[signal.Signals] = set(ENDING)
        #: Whether a child has ever served, and what is told then.
        self._served = False
        self._status = ""
        #: Open in the parent only as long as it lives.
        self._alive = os.pipe()
        #: Each child gives one when it serves, and more if they are wanted.
        self._signs = Signs()
        #: The replacement of all children that is under way.
        self._reload: Reload | None = None
        #: Children that were told to end while the others go on, and until when.
        self._retired: dict[int, float] = {}
        #: When to look next; None: nobody wants signs.
        self._next_look = None if self._manager.pause is None else 0.0

    def run(self, on_begin: Callable[[], str] = str) -> int:
        """Start the children, and start new ones, until a signal comes.

        SIGUSR2 replaces them: once as many new ones serve, the old ones are told to
        end. If a new one fails, the old ones go on.

        Args:
            on_begin: Called in the parent before it starts them, so that what it prints
                stands above what they print; a signal is the orderly end already. It
                returns what the service manager is told once one of them serves.

        Returns:
            The exit code for the program: 0 if a signal has ended it, and if no child
            could ever serve, that of the first.

        Blocks:
            The whole process, until all children have ended.
        """
        blocked = {signal.SIGCHLD, RELOAD, *ENDING}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            self._told_by.discard(signal.SIGHUP)  # nohup
        waited = {signal.SIGCHLD, RELOAD, *self._told_by}
        code = 0
        try:
            self._status = on_begin()
            for _ in range(self._count):
                self._try_to_start(before)
            while self._children or self._due:
                self._look()
                seconds = self._until_next()
                info = _wait_for(waited, seconds)
                if info is not None and info.si_signo == RELOAD:
                    self._replace_all(before)
                elif info is not None and info.si_signo != signal.SIGCHLD:
                    self._end(info)
                code = self._reap() or code
                while self._due and self._due[0] <= time.monotonic():
                    self._due.pop(0)
                    self._try_to_start(before)
            return code
        finally:
            for end in self._alive:
                os.close(end)
            self._signs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _until_next(self) -> float:
        times = [*self._due, *self._retired.values(), time.monotonic() + 3600.0]
        if self._next_look is not None:
            times.append(self._next_look)
        if (self._manager.listens and not self._served) or self._reload is not None:
            times.append(time.monotonic() + LOOK)
        return max(0.0, min(times) - time.monotonic())

    def _try_to_start(self, mask: Any) -> None:
        try:
            self._start(mask)
        except OSError as exc:  # there is no room for one more, at present
            self._start_later(f"a worker cannot be started ({exc.strerror})")

    def _start(self, mask: Any) -> int:
        """Start a child; return its process id.

        Raises:
            OSError: There is no room for one more.
        """
        # What a terminal has sent before the fork, the child does not get.
        untold = self._told_by & signal.sigpending()
        child = _fork()
        if child:
            self._children[child] = time.monotonic()
            log.info("worker %d begins", child)
            if untold:
                self._untold.append(child)
            return child
        code = 1
        try:
            gevent.reinit()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(self._alive[1])
            self._signs.forked()
            _made.add(os.getpid())
            self._watch_parent()
            self._work(self._say_ready)
            code = 0
        except SystemExit as exc:
            code = _code_of(exc)
        except KeyboardInterrupt:
            pass  # it did not serve yet, and handled no signals
        except BaseException:
            # A boundary: a child must not go on as a copy of its parent.
            log.exception("a worker failed")
        finally:
            flush()
            os._exit(code)

    def _watch_parent(self) -> None:
        watcher = gevent.get_hub().loop.io(self._alive[0], 1)

        def alone() -> None:
            watcher.stop()
            os.kill(os.getpid(), signal.SIGTERM)

        watcher.start(alone)
        # It must not keep the loop running.
        watcher.ref = False

    def _say_ready(self) -> None:
        self._signs.give(self._manager.pause, Clock())

    # ------------------------------------------------------------------ in the parent

    def _end(self, info: Any) -> None:
        """Tell the children to end; a terminal has told them already."""
        told = set(self._children)
        if info.si_signo == signal.SIGTERM and not self._ending:
            told -= self._retired.keys()  # a second signal would not be the orderly end
        self._ending = True
        self._reload = None
        self._due.clear()
        self._manager.stopping()
        log.info("signal %d", info.si_signo)
        from_terminal = info.si_code == _FROM_KERNEL
        self._tell(info.si_signo, self._untold if from_terminal else told)
        self._untold.clear()

    def _tell(self, signum: int, children: Iterable[int]) -> None:
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signum)

    def _reap(self) -> int:
        """Note which children have ended; return a code if nobody could ever serve."""
        failed = 0
        for child, since in list(self._children.items()):
            found, status = _waitpid(child, os.WNOHANG)
            if not found:
                continue
            del self._children[child]
            self._signs.forget(child)
            if self._retired.pop(child, None) or self._ending:
                continue
            code = os.waitstatus_to_exitcode(status)
            reload = self._reload  # what is heard next may end it
            if not self._anybody_served():
                self._ending = True
                self._due.clear()
                self._tell(signal.SIGTERM, self._children)
                failed = code if code > 0 else 1
                continue
            if time.monotonic() - since > SETTLED:
                self._pause = FIRST_PAUSE
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            if reload is not None and reload.awaits(child):
                self._keep_the_old(reload, f"a new worker has ended ({how})")
            elif reload is None or child not in reload.old:  # which have new ones
                self._start_later(f"worker {child} has ended ({how})")
        return failed

    def _start_later(self, why: str) -> None:
        log.warning("%s; another one begins in %.1f seconds", why, self._pause)
        insort(self._due, time.monotonic() + self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _anybody_served(self) -> bool:
        self._hear()
        return self._served

    # ------------------------------------------------------------------ reloads

    def _replace_all(self, mask: Any) -> None:
        if self._ending or self._reload is not None or not self._anybody_served():
            log.warning("no reload: the workers begin or end already")
            return
        log.info("reload: new workers begin")
        self._manager.reloading()
        self._due.clear()
        until = time.monotonic() + self._starting
        reload = self._reload = Reload(
            self._children.keys() - self._retired.keys(), until
        )
        try:
            for _ in range(self._count):
                reload.begin(self._start(mask))
        except OSError as exc:
            self._keep_the_old(reload, f"a worker cannot be started ({exc.strerror})")

    def _keep_the_new(self, reload: Reload) -> None:
        log.info("reload: the new workers serve")
        self._retire(reload.old)

    def _keep_the_old(self, reload: Reload, why: str) -> None:
        log.error("no reload: %s; the old ones go on", why)
        self._retire(reload.new)
        there = len(self._children) - len(self._retired) + len(self._due)
        for _ in range(self._count - there):
            self._start_later("a worker has ended meanwhile")

    def _retire(self, children: Iterable[int]) -> None:
        self._reload = None
        gone = self._children.keys() & set(children)
        self._retired |= dict.fromkeys(gone, time.monotonic() + self._ends)
        self._tell(signal.SIGTERM, gone)
        self._manager.ready(self._status)

    # ------------------------------------------------------------------ signs of life

    def _hear(self) -> None:
        for child in self._signs.hear(self._children):
            if not (self._served or self._ending):
                self._manager.ready(self._status)
            self._served = True
            if self._reload is not None and self._reload.serves(child):
                self._keep_the_new(self._reload)

    def _look(self) -> None:
        """Hear who lives, tell that this process does, and end who does not."""
        self._hear()
        now = time.monotonic()
        if self._reload is not None and self._reload.until <= now:
            why = f"the new workers do not serve after {self._starting:g} s"
            self._keep_the_old(self._reload, why)
        for child, until in list(self._retired.items()):
            if until <= now:
                log.error("worker %d does not end: it is killed", child)
                self._retired[child] = now + self._ends
                self._tell(signal.SIGKILL, [child])
        if self._next_look is None or now < self._next_look:
            return
        self._next_look = now + (self._manager.pause or 0.0)
        self._manager.alive()
        for child in self._signs.missing(BEATS):
            seconds = self._manager.patience
            log.error("worker %d gave no sign for %.1f s: it is killed", child, seconds)
            self._tell(signal.SIGABRT, [child])


def supervised() -> bool:
    """Whether this process is the child of a supervisor."""
    return os.getpid() in _made


def _wait_for(signums: set[signal.Signals], seconds: float) -> Any:
    return signal.sigtimedwait(signums, seconds)


def _code_of(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    say(f"{error.code}\n")
    return 1
