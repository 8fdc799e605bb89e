"""Turns: much work for one client, in steps between which others run.

A client that sends a megabyte of tiny packets must not hold the loop until they are
parsed. Its work is done in steps; when they have taken as long as a turn may, the rest
waits for the next pass of the loop.
"""

from __future__ import annotations

from collections.abc import Callable

from .batch import TURN
from .reactor import Reactor

__all__ = ["Turns"]


class Turns:
    """The work of one client, which may also be paused."""

    __slots__ = ("_due", "_reactor", "_step", "paused")

    def __init__(self, reactor: Reactor, step: Callable[[], bool]) -> None:
        """Do the work with ``step``.

        Args:
            reactor: The server's.
            step: Does some of the work and tells whether there is more; must not block.
        """
        self._reactor = reactor
        self._step = step
        #: Whether the next turn comes in the next pass of the loop.
        self._due = False
        #: Whether nothing is to be done at present.
        self.paused = False

    @property
    def waits(self) -> bool:
        """Whether work that comes now has to be kept for later."""
        return self._due or self.paused

    def run(self) -> None:
        """Work until there is no more, the turn is over, or somebody pauses."""
        if self.waits:
            return
        now = self._reactor.batch.now
        end = now() + TURN
        while self._step():
            if self.paused:
                return
            if now() > end:
                self._schedule()
                return

    def pause(self) -> None:
        """Do no further step until ``resume``."""
        self.paused = True

    def resume(self) -> None:
        """Continue in the next pass of the loop."""
        self.paused = False
        self._schedule()

    def end(self) -> None:
        """Do nothing more, and release the object whose work it was."""
        self._step = _nothing
        self.paused = False

    def _schedule(self) -> None:
        if not self._due:
            self._due = True
            self._reactor.next_pass(self._go_on)

    def _go_on(self) -> None:
        """Have the next turn; called in the hub."""
        self._due = False
        batch = self._reactor.batch
        batch.begin()
        try:
            self.run()
        finally:
            batch.end()


def _nothing() -> bool:
    """Stand in for a step of work that is over."""
    return False
