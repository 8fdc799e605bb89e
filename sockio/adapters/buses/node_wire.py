"""Node's wire: messages in the form of the newer ones of Node's adapters (pure).

A message is a map of uid, nsp, type and data, in JSON or, with bytes inside, in
MessagePack; the first byte tells which. Type 14 is our own, and sent only to servers
that know it; 13 is ignored by Node's servers on Redis.
"""

from __future__ import annotations

from typing import Any

import orjson

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import ProtocolError
from sockio.protocol.socketio.msgpack_parser import parse, write

__all__ = [
    "KNOWN",
    "beginnings",
    "data_in",
    "message_in",
    "read_message",
    "value_in",
    "write_message",
]

#: What other servers may say; the rest is said where servers keep events themselves.
KNOWN = {
    kind.value: kind
    for kind in MessageType
    if MessageType.BROADCAST <= kind <= MessageType.BROADCAST_LOST
}
_WITH_HEARTBEATS = KNOWN | {
    kind.value: kind for kind in MessageType if kind < MessageType.BROADCAST
}


def write_message(message: Message) -> bytes:
    """Return a message.

    Raises:
        EncodeError: A value in it cannot travel.
    """
    uid, nsp, kind, data = message
    content = {"uid": uid, "nsp": nsp, "type": kind.value, "data": data}
    try:
        return orjson.dumps(content)
    except TypeError:
        return write(content)


def beginnings(uid: str) -> tuple[bytes, bytes]:
    """Return what all messages of an adapter begin with."""
    return orjson.dumps({"uid": uid})[:-1] + b",", b"\x84" + write("uid") + write(uid)


def read_message(data: bytes) -> Message | None:
    """Return a message; None: its type is not known.

    Raises:
        ProtocolError: It is none.
    """
    return message_in(value_in(data))


def value_in(data: bytes) -> Any:
    """Return what JSON or MessagePack says.

    Raises:
        ProtocolError: It is neither.
    """
    if data[:1] != b"{":
        return parse(data)
    try:
        return orjson.loads(data)
    except ValueError as exc:
        raise ProtocolError("this is no JSON") from exc


def message_in(value: Any, *, heartbeats: bool = False) -> Message | None:
    """Return the message that a map holds; None: its type is not known.

    Args:
        value: The map.
        heartbeats: Whether the types of heartbeats are known.

    Raises:
        ProtocolError: It holds none.
    """
    known = _WITH_HEARTBEATS if heartbeats else KNOWN
    match value:
        case {"uid": str(uid), "nsp": str(nsp), "type": int(number), **rest}:
            kind = None if type(number) is bool else known.get(number)
            if kind is None:
                return None
            return Message(uid, nsp, kind, data_in(rest.get("data")))
    raise ProtocolError("this is no message")


def data_in(value: Any) -> dict[str, Any]:
    """Return the data of a message; None: it has none.

    Raises:
        ProtocolError: It is no map.
    """
    if value is None:
        return {}
    if type(value) is not dict:
        raise ProtocolError("the data of a message is no map")
    # To MessagePack in JavaScript, what is undefined may be there, as nil.
    if value.get("requestId", "") is None:
        return {name: each for name, each in value.items() if name != "requestId"}
    return {**value}
