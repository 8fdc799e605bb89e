"""Gunicorn: close the server in an orderly way when its worker ends.

A worker of gunicorn does not tell its application that it ends. But the handler of
SIGTERM is a method of the worker, so we can find the worker, and its attribute
``alive`` becomes false whatever the reason: a signal, ``--max-requests``, ``--reload``.
The worker waits for requests under way, parked polls among them, and for connections
that may carry another request; it does not wait for WebSockets. So we take a place
among its connections until the server is closed: the exit of the process waits, too,
but there Python 3.12 starts no native threads. The worker class of our own has
``serving`` and ``at_end`` (``integrations/gunicorn/worker.py``): it tells us.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from sockio.engine.handover.caller import gunicorn_servers, hold_gunicorn
from sockio.engine.http.client_socket import end_idle
from sockio.runtime import logs, tasks
from sockio.runtime.reactor import Reactor
from sockio.runtime.tasks import Task

__all__ = ["begin", "follow", "worker"]

log = logs.get("server")

#: Seconds between two looks at the worker, which itself wakes once a second.
LOOK = 0.25
#: Seconds between two looks at a worker that does not run yet.
EARLY = 0.05
#: The part of ``--graceful-timeout`` that we use: after all of it the worker is killed.
SHARE = 0.8


class Closing(Protocol):
    """A server that can be closed."""

    @property
    def reactor(self) -> Reactor: ...
    def drain(self, seconds: float) -> None: ...
    def close(self) -> None: ...
    def sleep(self, seconds: float) -> None: ...


def worker() -> Any:
    """Return the worker of gunicorn that this process is; None: it is none."""
    module = sys.modules.get("gunicorn.workers.ggevent")
    if module is None:
        return None
    found = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return found if isinstance(found, module.GeventWorker) else None


def begin(start: Callable[[], object], sleep: Callable[[float], object]) -> None:
    """Call ``start`` once the worker runs that this process is, or forks.

    Without this a worker would start with its first request, and until then the other
    workers would not find it.

    Args:
        start: Starts a server.
        sleep: Waits for some seconds.
    """

    def spawn() -> None:
        tasks.spawn(_begin, start, sleep, name="gunicorn")

    if worker() is not None:
        spawn()
    elif "gunicorn.arbiter" in sys.modules and hasattr(os, "register_at_fork"):
        # --preload: this is the master.
        os.register_at_fork(after_in_child=spawn)


def _begin(start: Callable[[], object], sleep: Callable[[float], object]) -> None:
    # It is called early if the application waits for something while it is imported.
    while worker() is not None:
        if gunicorn_servers() is not None or getattr(worker(), "serving", False):
            start()
            return
        sleep(EARLY)


class Colleagues(Protocol):
    """The other workers, as one of them sees them."""

    def look(self, worker: Any) -> None:
        """Find out whether there are others by now."""

    def step_back(self) -> None:
        """Let the others know that this worker ends soon.

        It still takes the newcomers whom nobody else takes.
        """

    @property
    def alone(self) -> bool:
        """Whether no other worker takes newcomers."""

    def goes_first(self, worker: Any) -> bool:
        """Whether this worker has to end before another one of its master begins."""


def follow(
    server: Closing,
    close_patiently: Callable[[float], None],
    leave: Callable[[float | None], None],
    colleagues: Colleagues,
) -> bool:
    """Close ``server`` when the gunicorn worker that serves it ends.

    Args:
        server: A server that has started.
        close_patiently: Closes it, and gives what is under way so many seconds to end.
        leave: Leaves the other workers; called at the exit of the process, since
            requests for their sessions come until then. With a number they get what is
            theirs before.
        colleagues: The other workers of its master, and of that master's successor.

    Returns:
        Whether there is such a worker.
    """
    found = worker()
    if found is None:
        return False
    _Follower(server, close_patiently, leave, colleagues, found)
    return True


class _Follower:
    """Waits for the end of a worker."""

    def __init__(
        self,
        server: Closing,
        close_patiently: Callable[[float], None],
        leave: Callable[[float | None], None],
        colleagues: Colleagues,
        worker: Any,
    ) -> None:
        self._server = server
        self._close_patiently = close_patiently
        self._leave = leave
        self._colleagues = colleagues
        self._worker = worker
        #: The files of the master that are its listening sockets, until it ends.
        self._listening = _names_of(worker.sockets)
        #: The worker was told to end at once.
        self._hurried = False
        self._ending: Task[None] | None = None
        #: Lets the worker end that waits for us.
        self._let_go: Callable[[], object] | None = None
        for signum in (signal.SIGINT, signal.SIGQUIT):
            handler = signal.getsignal(signum)
            if callable(handler) and getattr(handler, "__self__", None) is worker:
                signal.signal(signum, partial(self._on_quit, handler))
        tasks.spawn(self._watch, name="gunicorn")
        at_end = getattr(worker, "at_end", None)
        if at_end is not None:
            at_end(self._end_with_worker)
        # If the worker does not wait for us, the exit of the process does.
        atexit.register(self._at_exit)

    def _on_quit(
        self, handler: Callable[[int, Any], object], signum: int, frame: Any
    ) -> None:
        self._hurried = True
        handler(signum, frame)

    def _watch(self) -> None:
        while self._worker.alive:
            self._let_go = self._let_go or hold_gunicorn()
            self._colleagues.look(self._worker)
            self._server.sleep(LOOK)
        self._colleagues.look(self._worker)
        try:
            if self._hurried:
                return
            self._begin().wait()
        finally:
            if self._let_go is not None:
                self._let_go()
        fresh = False
        while True:
            end_idle(fresh=fresh)
            # Whoever has just come has as long for the first request.
            self._server.sleep(1.0)
            fresh = True

    def _end_with_worker(self) -> None:
        if not self._hurried:
            self._colleagues.look(self._worker)
            self._begin().wait()

    def _begin(self) -> Task[None]:
        if self._ending is None:
            log.info("gunicorn's worker ends")
            self._ending = tasks.spawn(self._end, name="the end of gunicorn's worker")
        return self._ending

    def _end(self) -> None:
        seconds = self._worker.cfg.graceful_timeout * SHARE / 3
        self._wait_for_successors(seconds)
        self._server.drain(seconds)
        self._close_patiently(seconds)

    def _wait_for_successors(self, seconds: float) -> None:
        """Wait until there is somebody to whom our clients can go.

        On a reload, gunicorn ends its workers before the new ones have imported the
        application; on its own end, there will be no new ones. With ``--max-requests``
        it starts a new one when an old one has ended.
        """
        self._colleagues.step_back()
        clock = self._server.reactor.clock
        end = clock.now() + seconds
        # The other workers may end, too, and notice it a moment later.
        pause = 2 * LOOK
        while _has_any(self._worker.ppid, self._listening) and clock.now() < end:
            self._server.sleep(pause)
            pause = LOOK
            if not self._colleagues.alone or self._colleagues.goes_first(self._worker):
                return

    def _at_exit(self) -> None:
        # A second signal raises SystemExit here.
        with suppress(SystemExit, KeyboardInterrupt):
            self._end_with_worker()
            if not self._hurried:
                self._leave(0.0)
        if self._hurried:
            self._server.close()
            self._leave(None)
        self._server.reactor.settle()


def _names_of(sockets: Iterable[Any]) -> set[str]:
    """Return what the files of a process are called that are these sockets."""
    return {f"socket:[{os.fstat(sock.fileno()).st_ino}]" for sock in sockets}


def _has_any(pid: int, names: set[str]) -> bool:
    """Whether a process has one of these files."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):
                if os.readlink(f"{folder}/{name}") in names:
                    return True
    return False
