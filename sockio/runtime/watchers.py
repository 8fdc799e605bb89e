"""Watchers: how the loop watches a socket that does not block, plain or TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

__all__ = ["AGAIN", "READ", "WRITE", "Writable", "drop"]

#: What ``loop.io`` can watch for.
READ, WRITE = 1, 2
#: What a non-blocking socket raises when it would have to wait.
AGAIN = (
    BlockingIOError,
    InterruptedError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
)
#: Seconds after which a kernel that took nothing is asked again.
_ASK_AGAIN = 0.01


def drop(watcher: Any) -> None:
    """Stop a watcher, and free its place in the loop."""
    watcher.stop()
    watcher.close()


class Writable:
    """Calls back whenever the kernel takes bytes of a socket, until ``close``.

    It exists only while the kernel has not taken all that was to be sent.
    """

    __slots__ = ("_fd", "_loop", "_on_writable", "_watcher")

    def __init__(self, loop: Any, fd: int, on_writable: Callable[[], object]) -> None:
        self._loop = loop
        self._fd = fd
        self._on_writable = on_writable
        #: Watches the descriptor, or is a timer until the kernel is asked again.
        self._watcher: Any = loop.io(fd, WRITE)
        self._watcher.start(on_writable)

    def ask_later(self) -> None:
        """Wait a while, because the kernel said that it takes bytes and took none.

        That happens if it is short of memory, or if TLS has to read first. Asking again
        immediately would loop without end.
        """
        drop(self._watcher)
        self._watcher = self._loop.timer(_ASK_AGAIN)
        self._watcher.start(self._ask)

    def _ask(self) -> None:
        drop(self._watcher)
        self._watcher = self._loop.io(self._fd, WRITE)
        self._watcher.start(self._on_writable)

    def close(self) -> None:
        """Stop calling back; call this once."""
        drop(self._watcher)
