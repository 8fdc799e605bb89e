"""Turns: much work for one client, in steps between which others run.

A client that sends a megabyte of tiny packets must not keep the loop from everybody
else until they are parsed. Its work is done in steps; when they have taken as long as a
turn may, the rest waits for the next pass of the loop.
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
            reactor: Of the server.
            step: Does some of the work and tells whether there is more; must not block.
        """
        self._reactor = reactor
        self._step = step
        #: The next turn comes with the next pass of the loop.
        self._due = False
        #: Nothing is to be done at present.
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
        """Do nothing more, from the next step on."""
        self.paused = True

    def resume(self) -> None:
        """Go on in the next pass of the loop."""
        self.paused = False
        self._schedule()

    def end(self) -> None:
        """Do nothing more, and let go of whose work it was."""
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
    """The work is over."""
    return False
