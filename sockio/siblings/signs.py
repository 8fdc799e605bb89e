"""Signs of life: what the children of a supervisor write into a pipe of its.

A sign comes from the loop of a child. If the loop is held, there is none.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress

from sockio.runtime.clock import Clock

__all__ = ["Signs"]

_SIGN = struct.Struct("=i")
#: Bytes of one read: a whole number of signs.
_READ = 1024 * _SIGN.size


class Signs:
    """The pipe; the parent reads, and each child writes its process id."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        for end in (self._reading, self._writing):
            os.set_blocking(end, False)

    # ------------------------------------------------------------------ in a child

    def forked(self) -> None:
        """Read nothing here."""
        os.close(self._reading)

    def give(self, pause: float | None, clock: Clock) -> None:
        """Give a sign now, and again after each ``pause`` seconds.

        Args:
            pause: None: this one is all.
            clock: Of the loop that gives them.
        """
        # If the pipe is full or the parent has gone, one more would tell nobody.
        with suppress(OSError):
            os.write(self._writing, _SIGN.pack(os.getpid()))
        if pause is not None:
            clock.call_later(pause, self.give, pause, clock)

    # ------------------------------------------------------------------ in the parent

    def read(self) -> set[int]:
        """Return who has given a sign since the last call."""
        found: set[int] = set()
        with suppress(BlockingIOError):
            while data := os.read(self._reading, _READ):
                found.update(pid for (pid,) in _SIGN.iter_unpack(data))
        return found

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reading)
        os.close(self._writing)
