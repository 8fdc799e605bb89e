"""Arrival: a process that has just started, until the others have called back.

They call back when they know of it, and tell it from then on all that they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sockio.siblings.member import SILENT, Member

if TYPE_CHECKING:
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

__all__ = ["Arrival"]


class Arrival:
    """Waits for the members that were there before, but not long."""

    def __init__(self, over: Callable[[], object]) -> None:
        """Wait for nobody yet.

        Args:
            over: Called once, when nobody is waited for any more.
        """
        self._over = over
        self._awaited: set[Member] = set()
        self._timer: Timer | None = None

    def begin(self, reactor: Reactor, members: Iterable[Member]) -> None:
        """Wait for these, at most as long as for a member that is silent."""
        self._awaited.update(members)
        self._timer = reactor.delays.call_later(SILENT, self._end)
        if not self._awaited:
            self._end()

    def settle(self, member: Member) -> None:
        """This one has called back, or is not expected to."""
        if member in self._awaited:
            self._awaited.remove(member)
            if not self._awaited:
                self._end()

    def close(self) -> None:
        """Wait no longer."""
        self._awaited.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self.close()
        self._over()
