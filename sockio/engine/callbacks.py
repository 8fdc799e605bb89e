"""Callbacks: what to call when a wire has been written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from sockio.protocol.engineio.wire import Wire

Callback: TypeAlias = Callable[[], object]


class Callbacks:
    """The callbacks of one session, in the order of its wires."""

    __slots__ = ("sent", "waiting")

    def __init__(self) -> None:
        #: Those of wires that no transport has taken yet.
        self.waiting: Sequence[tuple[Wire, Callback]] = ()
        #: Those of wires that a transport took, but the kernel perhaps not yet.
        self.sent: Sequence[Callback] = ()

    def add(self, wire: Wire, callback: Callback) -> None:
        """Keep ``callback`` until ``wire`` is written."""
        waiting = self.waiting
        if type(waiting) is not list:
            waiting = self.waiting = []
        waiting.append((wire, callback))

    def on_sent(self, wires: Iterable[Wire]) -> None:
        """A transport took ``wires``."""
        taken = set(map(id, wires))
        written = [fn for wire, fn in self.waiting if id(wire) in taken]
        self.sent = [*self.sent, *written]
        self.waiting = [entry for entry in self.waiting if id(entry[0]) not in taken]

    def take_written(self) -> list[Callback]:
        """Remove and return the callbacks of the taken wires, which are now written."""
        written, self.sent = list(self.sent), ()
        return written

    def drop(self) -> None:
        """Forget the callbacks: nothing more will be written."""
        self.waiting = self.sent = ()
