"""Choosing: the calls of a chain, each of which narrows whom the last one addresses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Generic, TypeVar

from sockio.adapters.addressing import BroadcastOptions
from sockio.socket.room_names import room_names
from sockio.types import RoomLike

O = TypeVar("O")  # noqa: E741 - the operator that comes out


class Choosing(Generic[O]):
    """An operator's options, and the calls that return one with others."""

    __slots__ = ()

    _options: BroadcastOptions
    #: ``to()`` was called, but without a room. On the wire between servers, no room
    #: means everybody, so these options must not get there.
    _nobody: bool

    def _chosen(self, options: BroadcastOptions, nobody: bool) -> O:
        """Return the operator with these options."""
        raise NotImplementedError

    def _flag(self, **changes: Any) -> O:
        flags = replace(self._options.flags, **changes)
        return self._chosen(replace(self._options, flags=flags), self._nobody)

    def to(self, *rooms: RoomLike | Iterable[RoomLike]) -> O:
        """Address the sockets in any of ``rooms``; calls add up.

        Rooms are text, whole numbers, members of enumerations and UUIDs, or collections
        of these. If there are none, nobody is addressed.

        Raises:
            ConfigError: Something else is among ``rooms``.
        """
        named = tuple(dict.fromkeys((*self._options.rooms, *room_names(rooms))))
        return self._chosen(replace(self._options, rooms=named), not named)

    def in_(self, *rooms: RoomLike | Iterable[RoomLike]) -> O:
        """The same as ``to``."""
        return self.to(*rooms)

    def except_(self, *rooms: RoomLike | Iterable[RoomLike]) -> O:
        """Leave out the sockets in any of ``rooms``; a socket's id is a room too."""
        without = self._options.except_.union(room_names(rooms))
        return self._chosen(replace(self._options, except_=without), self._nobody)

    def exclude(self, *rooms: RoomLike | Iterable[RoomLike]) -> O:
        """The same as ``except_``."""
        return self.except_(*rooms)

    @property
    def volatile(self) -> O:
        """Drop the event for clients that cannot take it at this instant."""
        return self._flag(volatile=True)

    def compress(self, on: bool) -> O:
        """Let transports compress the event, or not."""
        return self._flag(compress=on)
