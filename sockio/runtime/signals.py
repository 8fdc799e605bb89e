"""Signals: wait in a greenlet for the operating system to ask us to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from gevent import get_hub

from . import tasks
from .latch import Latch
from .reactor import Reactor

__all__ = ["ENDING", "Signals"]

#: What asks a server to end: the keyboard, the process manager, a closed terminal.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

_handle_once: Callable[[int], object] = int
with suppress(ImportError):  # where nothing was compiled
    from .speedups import (  # type: ignore[import-not-found,no-redef]
        handle_once as _handle_once,
    )


class Signals:
    """Handles the ``ENDING`` signals until it is closed.

    A signal is noted immediately, even while a handler computes. Then all these signals
    have their default action until the loop runs again. So a second signal ends a
    process whose loop is held. If C code keeps Python from noting the first one, the
    kernel gives at least that signal its default action.

    SIGHUP stays ignored where it is: ``nohup`` does that for a program that is to
    outlive its terminal.
    """

    def __init__(self, reactor: Reactor, signums: Sequence[int] = ENDING) -> None:
        self._reactor = reactor
        self._arrived: list[int] = []
        self._latch: Latch[None] = reactor.latch()
        # The loop sleeps in the operating system; a byte wakes it.
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._loop = get_hub().loop
        self._watcher: Any = self._loop.io(self._pipe[0], 1)
        self._watcher.start(self._on_byte)
        self._before: dict[int, Any] = {}
        with suppress(ValueError):  # signals arrive in the main thread only
            self._fd_before = signal.set_wakeup_fd(
                self._pipe[1], warn_on_full_buffer=False
            )
            for signum in signums:
                before = signal.getsignal(signum)
                if signum == signal.SIGHUP and before is signal.SIG_IGN:
                    continue
                self._before[signum] = signal.signal(signum, self._on_signal)
                _handle_once(signum)

    def _on_signal(self, signum: int, frame: object) -> None:
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        self._arrived.append(signum)
        self._loop.run_callback(self._on_seen)

    def _on_byte(self) -> None:
        # It is enough that Python code runs here: Python calls ``_on_signal`` first.
        os.read(self._pipe[0], 4096)

    def _on_seen(self) -> None:
        """Handle the next signal again, since the loop runs."""
        if self._before:
            for each in self._before:
                signal.signal(each, self._on_signal)
                _handle_once(each)
            self._latch.set(None)

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the next signal; None if there was none in ``timeout`` seconds.

        Blocks:
            Until a signal arrives or the time is up.
        """
        while not self._arrived:
            self._latch = self._reactor.latch()
            try:
                self._latch.wait(timeout)
            except TimeoutError:
                return None
        return self._arrived.pop(0)

    def let_end(self, fn: Callable[..., object], *args: Any) -> bool:
        """Run ``fn(*args)`` in a greenlet; return whether it ended before a signal.

        Blocks:
            Until the function ends or a signal arrives, which kills the greenlet.
        """
        ended = False

        def run() -> None:
            nonlocal ended
            try:
                fn(*args)
            finally:
                ended = True
                self._latch.set(None)

        task = tasks.spawn(run, clock=self._reactor.clock)
        while not ended and not self._arrived:
            self._latch = self._reactor.latch()
            self._latch.wait()
        if not ended:
            self._arrived.pop(0)
            task.kill()
        return ended

    def close(self) -> None:
        """Restore the handlers that the signals had before."""
        before, self._before = self._before, {}
        for signum, handler in before.items():
            if handler is not None:  # Python can restore only what it has set itself
                signal.signal(signum, handler)
        if before:
            signal.set_wakeup_fd(self._fd_before)
        self._watcher.stop()
        self._watcher.close()
        for end in self._pipe:
            os.close(end)
