"""Pieces: events as a log keeps them, and what a client got from elsewhere (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Inherited", "Piece", "Ranges", "Vector"]

#: By sender, the number of its last event that is known; its events count from 1.
Vector = Mapping[str, int]
#: By sender, a number and the next one that is not in the log: in between, all are.
Ranges = Mapping[str, tuple[int, int]]


class Piece(NamedTuple):
    """An event as it is kept."""

    offset: str
    wire: Any
    #: Who has sent it, and its number there; empty: it was for this server only.
    sender: str = ""
    number: int = 0


class Inherited:
    """What a client got when it came from another server.

    If the client breaks off again before it gets something new, it names the offset of
    one of these events, or the one that it named before.
    """

    __slots__ = ("_offsets", "expires", "pieces")

    def __init__(
        self, offsets: list[str | None], pieces: list[Piece] | None, expires: float
    ) -> None:
        """Note what a client got.

        Args:
            offsets: The one that it had named, then those of what it had missed.
            pieces: What it had missed; None: it is too old.
            expires: When it is too old for the client to come back for it.
        """
        self.expires = expires
        self.pieces = pieces
        #: By offset, how many of the pieces a client has that names it.
        self._offsets = {offset: count for count, offset in enumerate(offsets)}

    @property
    def offsets(self) -> list[str | None]:
        """The offset that the client had named, then those of what it had missed."""
        return list(self._offsets)

    def __contains__(self, offset: str | None) -> bool:
        return offset in self._offsets

    def after(self, offset: str | None) -> list[Piece] | None:
        """Return what comes after an offset that is one of these; None: it expired."""
        count = self._offsets[offset]
        if self.pieces is not None:
            return self.pieces[count:]
        return [] if count == len(self._offsets) - 1 else None

    def spend(self) -> None:
        """Drop the pieces, which have expired."""
        self.pieces = None
