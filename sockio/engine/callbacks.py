"""Callbacks: who wants to know when a wire has been written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from sockio.protocol.engineio.wire import Wire

Callback: TypeAlias = Callable[[], object]


class Callbacks:
    """The callbacks of one session, in the order of its wires."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[Wire, Callback]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, wire: Wire, callback: Callback) -> None:
        """Keep ``callback`` until ``wire`` is written."""
        self._waiting.append((wire, callback))

    def take(self, wires: Iterable[Wire]) -> list[Callback]:
        """Remove and return the callbacks of ``wires``, which were written."""
        written = set(map(id, wires))
        done = [fn for wire, fn in self._waiting if id(wire) in written]
        self._waiting = [
            entry for entry in self._waiting if id(entry[0]) not in written
        ]
        return done

    def drop(self) -> None:
        """Forget them: nothing more will be written."""
        self._waiting.clear()
