"""Signals: wait in a greenlet for the operating system to ask us to end."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

import gevent

from .latch import Latch
from .reactor import Reactor

#: What asks a server to end: the keyboard, the process manager, a closed terminal.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Signals:
    """Takes the ``ENDING`` signals over, until it is closed."""

    def __init__(self, reactor: Reactor, signums: Sequence[int] = ENDING) -> None:
        self._reactor = reactor
        self._arrived: list[int] = []
        self._latch: Latch[None] = reactor.latch()
        self._watchers: dict[int, Any] = {
            signum: gevent.signal_handler(signum, self._on_signal, signum)
            for signum in signums
        }

    def _on_signal(self, signum: int) -> None:
        self._arrived.append(signum)
        self._latch.set(None)

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the next signal; None if there was none in ``timeout`` seconds.

        Blocks:
            Until one of these.
        """
        while not self._arrived:
            self._latch = self._reactor.latch()
            try:
                self._latch.wait(timeout)
            except TimeoutError:
                return None
        return self._arrived.pop(0)

    def close(self) -> None:
        """Give the signals back."""
        for signum, watcher in self._watchers.items():
            watcher.cancel()
            # libev leaves the default action behind, not what the program had set.
            handler = signal.getsignal(signum)
            if handler is not None:
                signal.signal(signum, handler)
