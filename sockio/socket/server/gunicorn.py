"""Gunicorn: end in an orderly way when the worker that serves us ends.

A worker of gunicorn's says nothing to its application before it goes. But its handler
of SIGTERM is a method of it, so we find it, and its attribute ``alive`` falls whatever
the reason: a signal, ``--max-requests``, ``--reload``. It waits for requests under way,
and a parked poll is one, and for connections that may carry another; it does not wait
for WebSockets.
"""

from __future__ import annotations

import atexit
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from sockio.engine.http.client_socket import end_idle
from sockio.runtime import logs, tasks
from sockio.runtime.reactor import Reactor
from sockio.runtime.tasks import Task

__all__ = ["follow"]

log = logs.get("server")

#: Seconds between two looks at the worker, which itself wakes once a second.
LOOK = 0.25
#: How much of ``--graceful-timeout`` is ours: then the worker is killed.
SHARE = 0.8


class Closing(Protocol):
    """A server that can be closed."""

    @property
    def reactor(self) -> Reactor: ...
    def drain(self, seconds: float) -> None: ...
    def close(self) -> None: ...
    def sleep(self, seconds: float) -> None: ...


def follow(server: Closing, close_patiently: Callable[[float], None]) -> None:
    """Close ``server`` when the worker of gunicorn ends that serves it, if one does.

    Args:
        server: Has started.
        close_patiently: Closes it, and lets what is under way end in so many seconds.
    """
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    module = sys.modules.get("gunicorn.workers.ggevent")
    if module is not None and isinstance(worker, module.GeventWorker):
        _Follower(server, close_patiently, worker)


class _Follower:
    """Waits for the end of a worker."""

    def __init__(
        self, server: Closing, close_patiently: Callable[[float], None], worker: Any
    ) -> None:
        self._server = server
        self._close_patiently = close_patiently
        self._worker = worker
        #: The worker was told to end at once.
        self._hurried = False
        self._ending: Task[None] | None = None
        for signum in (signal.SIGINT, signal.SIGQUIT):
            handler = signal.getsignal(signum)
            if callable(handler) and getattr(handler, "__self__", None) is worker:
                signal.signal(signum, partial(self._on_quit, handler))
        tasks.spawn(self._watch, name="gunicorn")
        # Where it did not wait for us, the end of the process does.
        atexit.register(self._at_exit)

    def _on_quit(
        self, handler: Callable[[int, Any], object], signum: int, frame: Any
    ) -> None:
        self._hurried = True
        handler(signum, frame)

    def _watch(self) -> None:
        while self._worker.alive:
            self._server.sleep(LOOK)
        if not self._hurried:
            self._begin().wait()
            while True:
                end_idle()
                self._server.sleep(1.0)

    def _begin(self) -> Task[None]:
        if self._ending is None:
            log.info("gunicorn's worker ends")
            self._ending = tasks.spawn(self._end, name="the end of gunicorn's worker")
        return self._ending

    def _end(self) -> None:
        seconds = self._worker.cfg.graceful_timeout * SHARE / 2
        self._server.drain(seconds)
        self._close_patiently(seconds)

    def _at_exit(self) -> None:
        # A second signal raises SystemExit here.
        with suppress(SystemExit, KeyboardInterrupt):
            if not self._hurried:
                self._begin().wait()
                return
        self._server.close()
        self._server.reactor.settle()
