"""Signs of life: what the children of a supervisor write into a pipe of its.

A sign comes from the loop of a child. If the loop is held, there is none.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Container
from contextlib import suppress

from sockio.runtime.clock import Clock

__all__ = ["Signs"]

_SIGN = struct.Struct("=i")
#: Bytes of one read: a whole number of signs.
_READ = 1024 * _SIGN.size


class Signs:
    """The pipe; the parent reads, and each child writes its process id."""

    def __init__(self) -> None:
        #: By process id of who has given one: at how many looks there was none since.
        self._silent: dict[int, int] = {}
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

    def hear(self, children: Container[int]) -> set[int]:
        """Return who has given a sign since the last call.

        Args:
            children: Who lives; more signs are expected of these only.
        """
        found: set[int] = set()
        with suppress(BlockingIOError):
            while data := os.read(self._reading, _READ):
                found.update(pid for (pid,) in _SIGN.iter_unpack(data))
        self._silent.update((child, 0) for child in found if child in children)
        return found

    def forget(self, child: int) -> None:
        """Expect none of this child any more."""
        self._silent.pop(child, None)

    def missing(self, most: int) -> list[int]:
        """Look once more; return who has given none for more than ``most`` looks.

        They are forgotten. Looks, not seconds, are counted: this process may have stood
        still, too.
        """
        for child in self._silent:
            self._silent[child] += 1
        found = [child for child, looks in self._silent.items() if looks > most]
        for child in found:
            self.forget(child)
        return found

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reading)
        os.close(self._writing)
