"""Gunicorn: close the server in an orderly way when its worker ends.

A worker of gunicorn does not tell its application that it ends. But the handler of
SIGTERM is a method of the worker, so we can find the worker, and its attribute
``alive`` becomes false whatever the reason: a signal, ``--max-requests``, ``--reload``.
The worker waits for requests under way, parked polls among them, and for connections
that may carry another request; it does not wait for WebSockets.
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
#: The part of ``--graceful-timeout`` that we use: after all of it the worker is killed.
SHARE = 0.8


class Closing(Protocol):
    """A server that can be closed."""

    @property
    def reactor(self) -> Reactor: ...
    def drain(self, seconds: float) -> None: ...
    def close(self) -> None: ...
    def sleep(self, seconds: float) -> None: ...


def follow(server: Closing, close_patiently: Callable[[float], None]) -> None:
    """Close ``server`` when the gunicorn worker that serves it ends, if there is one.

    Args:
        server: A server that has started.
        close_patiently: Closes it, and gives what is under way so many seconds to end.
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
        # If the worker does not wait for us, the exit of the process does.
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
