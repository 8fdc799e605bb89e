"""Reload: children that are to be replaced, and those that shall replace them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Reload"]


class Reload:
    """One replacement of all children, until the new ones serve."""

    def __init__(self, old: Iterable[int], until: float) -> None:
        """Replace children.

        Args:
            old: Who has served so far.
            until: When it is given up.
        """
        self.old = set(old)
        self.new: set[int] = set()
        self.until = until
        self._awaited: set[int] = set()

    def begin(self, child: int) -> None:
        """Wait for a new child."""
        self.new.add(child)
        self._awaited.add(child)

    def awaits(self, child: int) -> bool:
        """Whether a child is new and has not served yet."""
        return child in self._awaited

    def serves(self, child: int) -> bool:
        """Note that a child serves; return whether no other one is awaited."""
        self._awaited.discard(child)
        return not self._awaited
