"""Elsewhere: the sockets of other servers, as these describe them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sockio.adapters.adapter import FoundSocket
from sockio.errors import ProtocolError
from sockio.types import Json, Room, SocketId

from .messages import Message

__all__ = ["SocketElsewhere", "found_in", "shown"]


@dataclass(frozen=True, slots=True)
class DetailsElsewhere:
    """The handshake of a socket on another server."""

    fields: Mapping[str, Json]

    def as_dict(self) -> dict[str, Json]:
        return dict(self.fields)


@dataclass(frozen=True, slots=True)
class SocketElsewhere:
    """A socket on another server, as it was when that server was asked."""

    id: SocketId
    handshake: DetailsElsewhere
    rooms: frozenset[Room]
    data: Any


def shown(socket: FoundSocket) -> dict[str, Json]:
    """Return what other servers get to know about a socket."""
    data = socket.data
    return {
        "id": socket.id,
        "handshake": socket.handshake.as_dict(),
        "rooms": list(socket.rooms),
        "data": dict(data) if isinstance(data, Mapping) else data,
    }


def found_in(message: Message) -> list[FoundSocket]:
    """Return the sockets that a server has found.

    Raises:
        ProtocolError: One of them cannot be read.
    """
    # Go's servers leave out what is empty.
    sockets = message.data.get("sockets", [])
    if not isinstance(sockets, list):
        raise ProtocolError("the sockets are no list")
    return [_found(socket) for socket in sockets]


def _found(told: Json) -> FoundSocket:
    match told:
        case {"id": str(id), "handshake": dict(handshake), "rooms": list(rooms)}:
            known = frozenset(room for room in rooms if type(room) is str)
            data = told.get("data")
            return SocketElsewhere(id, DetailsElsewhere(handshake), known, data)
    raise ProtocolError("a socket cannot be read")
