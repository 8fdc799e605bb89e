"""Packet: what travels between two Socket.IO ends, and what each type may carry.

Spec: Socket.IO protocol v5, "Packet types" and "Exchange protocol".
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

__all__ = ["RESERVED_EVENTS", "Packet", "PacketType", "carries"]

#: Event names that belong to the library; a peer must not send them either.
RESERVED_EVENTS = frozenset(
    {
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    }
)


class PacketType(IntEnum):
    """The type of a packet; its value is the digit on the wire.

    The two binary types exist on the wire only: parsers take and return EVENT and ACK,
    whether or not the data holds bytes.
    """

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


class Packet(NamedTuple):
    """One packet; never changed once made."""

    type: PacketType
    #: Namespace.
    nsp: str = "/"
    #: EVENT: ``[event, *args]``; ACK: ``[*args]``; CONNECT: a dict or None;
    #: CONNECT_ERROR: a dict or a string; DISCONNECT: None.
    data: Any = None
    #: EVENT: the id of the acknowledgement that it asks for, if any; ACK: its id.
    id: int | None = None


def carries(kind: PacketType, data: Any) -> bool:
    """Tell whether a peer may send ``data`` in a packet of that type.

    The name of an event may be a number.
    """
    if kind is _EVENT or kind is PacketType.BINARY_EVENT:
        if not isinstance(data, list) or not data:
            return False
        event = data[0]
        if type(event) is str:
            return event not in RESERVED_EVENTS
        return isinstance(event, (int, float)) and not isinstance(event, bool)
    if kind is PacketType.ACK or kind is PacketType.BINARY_ACK:
        return isinstance(data, list)
    if kind is PacketType.CONNECT:
        return isinstance(data, dict)
    if kind is PacketType.CONNECT_ERROR:
        return isinstance(data, (dict, str))
    return False


_EVENT = PacketType.EVENT
