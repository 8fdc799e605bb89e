"""Room names: what calls accept as a room, and the name that it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from numbers import Integral
from typing import Any, NoReturn
from uuid import UUID

from sockio.errors import ConfigError
from sockio.protocol.socketio.plain import is_lazy_text
from sockio.types import Room, RoomLike

#: Iterable, but their items are numbers, which would pass for rooms.
_BYTES = (bytes, bytearray, memoryview)


def room_names(rooms: Sequence[RoomLike | Iterable[RoomLike]]) -> tuple[Room, ...]:
    """Flatten what ``to()`` and its like accept: rooms, and collections of rooms.

    A collection may be empty.

    Raises:
        ConfigError: Something else is among ``rooms``.
    """
    names: list[Room] = []
    for room in rooms:
        name = room if type(room) is str else _name(room)
        if name is not None:
            names.append(name)
        elif isinstance(room, Iterable) and not isinstance(room, _BYTES):
            names.extend(map(_sure_name, room))
        else:
            _refuse(room)
    return tuple(names)


def _name(room: object) -> Room | None:
    """Return the name that a room stands for; None if it is no single room."""
    if isinstance(room, Enum):
        return _name(room.value)
    if isinstance(room, str):
        return str.__str__(room)
    if isinstance(room, Integral) and not isinstance(room, bool):
        return int.__repr__(int(room))
    if isinstance(room, UUID) or is_lazy_text(room):
        return str(room)
    return None


def _sure_name(room: object) -> Room:
    name = _name(room)
    return _refuse(room) if name is None else name


def _refuse(room: Any) -> NoReturn:
    hint = ""
    if isinstance(room, _BYTES):
        hint = "; decode bytes first"
    elif hasattr(room, "id"):
        hint = "; the room of a socket is its id"
    raise ConfigError(
        f"{room!r:.80} is no room: give text or a whole number, or several{hint}"
    )
