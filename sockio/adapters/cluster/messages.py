"""Messages: what the servers of a cluster say to each other (pure).

The numbers of the types and the names in their data are those of Node's adapters, so
that a bus which speaks their format has little to translate. The format here is that of
our own buses: a list in MessagePack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from sockio.adapters.addressing import BroadcastOptions, Flags
from sockio.errors import ProtocolError
from sockio.protocol.socketio.msgpack_parser import write
from sockio.protocol.socketio.msgpack_reader import read
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.types import Json

__all__ = [
    "Message",
    "MessageType",
    "decode",
    "decode_trusted",
    "decode_value",
    "encode",
    "event_in",
    "options_data",
    "options_in",
    "packet_data",
    "packet_in",
    "text_in",
    "texts_in",
    "trail_in",
    "value_in",
    "with_trail",
]


class MessageType(IntEnum):
    """What a message is about."""

    INITIAL_HEARTBEAT = 1
    HEARTBEAT = 2
    BROADCAST = 3
    SOCKETS_JOIN = 4
    SOCKETS_LEAVE = 5
    DISCONNECT_SOCKETS = 6
    FETCH_SOCKETS = 7
    FETCH_SOCKETS_RESPONSE = 8
    SERVER_SIDE_EMIT = 9
    SERVER_SIDE_EMIT_RESPONSE = 10
    BROADCAST_CLIENT_COUNT = 11
    BROADCAST_ACK = 12
    ADAPTER_CLOSE = 13
    #: A client that was asked has gone. Node has no such type: it is sent only to
    #: servers whose question says that they know it.
    BROADCAST_LOST = 14
    # The rest is said where each server keeps what its clients get, for recovery; such
    # servers are all of this release.
    #: How many events a server has sent; the others answer with all that they know.
    NUMBER = 15
    NUMBERS = 16
    #: A client has come back here: who has its session? The answer is the session.
    SESSION_WANTED = 17
    SESSION = 18
    #: A server that ends leaves what it keeps; the answer says that this was taken.
    LEGACY = 19
    LEGACY_TAKEN = 20
    #: What a server keeps, told beforehand, since it may be killed.
    MIRROR = 21


class Message(NamedTuple):
    """One message; what ``data`` holds depends on the type."""

    #: Id of the adapter that sends it.
    uid: str
    #: Name of the namespace.
    nsp: str
    type: MessageType
    data: Mapping[str, Any] = {}


def encode(message: Message) -> bytes:
    """Return a message as our own buses carry it.

    Raises:
        EncodeError: A value in it cannot travel.
    """
    uid, nsp, kind, data = message
    return write([uid, nsp, kind.value, data])


def decode(data: bytes) -> Message:
    """Return the message that ``encode`` was given.

    Raises:
        ProtocolError: It is no message.
    """
    match read(data):
        case [str(uid), str(nsp), int(kind), dict(content)]:
            try:
                return Message(uid, nsp, MessageType(kind), content)
            except ValueError as exc:
                raise ProtocolError(f"messages of type {kind} are not known") from exc
    raise ProtocolError("this is no message")


_read_trusted = msgspec.msgpack.Decoder(tuple[str, str, int, dict[str, Any]]).decode


def decode_trusted(data: bytes) -> Message:
    """Return the message that ``encode`` was given in a process of the same user.

    That is ten times as fast as ``decode``, which also reads what others wrote.

    Raises:
        ProtocolError: It is no message.
    """
    try:
        uid, nsp, kind, content = _read_trusted(data)
        return Message(uid, nsp, _TYPES[kind], content)
    except KeyError:
        raise ProtocolError(f"messages of type {kind} are not known") from None
    except (ValueError, RecursionError) as exc:
        raise ProtocolError("this is no message") from exc


def decode_value(data: bytes) -> Any:
    """Return a value that was encoded in a process of the same user.

    Raises:
        ProtocolError: It is none.
    """
    try:
        return msgspec.msgpack.decode(data)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError("this is no value") from exc


_TYPES = {kind.value: kind for kind in MessageType}

# ---------------------------------------------------------------- what is in the data


def packet_data(packet: Packet) -> dict[str, Json]:
    """Return a packet in the form for a message; its id means nothing elsewhere."""
    return {"type": PacketType.EVENT.value, "data": packet.data}


def packet_in(message: Message) -> Packet:
    """Return the event in a broadcast."""
    match value_in(message, "packet"):
        case {"type": PacketType.EVENT.value, "data": [str() | int(), *_] as data}:
            return Packet(PacketType.EVENT, message.nsp, data)
    raise _wrong(message, "packet")


def event_in(message: Message) -> tuple[str, list[Json]]:
    """Return the name and the arguments of an event for servers."""
    match value_in(message, "packet"):
        case [str(name), *args]:
            return name, args
    raise _wrong(message, "packet")


def options_data(options: BroadcastOptions) -> dict[str, Json]:
    """Return options in the form for a message; seconds become milliseconds."""
    flags = options.flags
    said: dict[str, Json] = {}
    if flags.volatile:
        said["volatile"] = True
    if not flags.compress:
        said["compress"] = False
    if flags.timeout is not None:
        said["timeout"] = flags.timeout * 1000
    if flags.expect_single_response:
        said["expectSingleResponse"] = True
    return {
        "rooms": list(options.rooms),
        "except": list(options.except_),
        "flags": said,
    }


def options_in(message: Message) -> BroadcastOptions:
    """Return the options of a message."""
    options = value_in(message, "opts")
    if not isinstance(options, dict):
        raise _wrong(message, "opts")
    said = options.get("flags") or {}
    if not isinstance(said, dict):
        raise _wrong(message, "flags")
    timeout = said.get("timeout")
    if timeout is not None:
        if type(timeout) not in (int, float) or not timeout >= 0:
            raise _wrong(message, "timeout")
        timeout /= 1000
    flags = Flags(
        volatile=said.get("volatile") is True,
        compress=said.get("compress") is not False,
        timeout=timeout,
        expect_single_response=said.get("expectSingleResponse") is True,
    )
    return BroadcastOptions(
        rooms=tuple(_texts(message, options.get("rooms"))),
        except_=frozenset(_texts(message, options.get("except"))),
        flags=flags,
    )


def with_trail(message: Message, trail: Mapping[str, str]) -> Message:
    """Return a message that says what its sender was doing; only for our own format."""
    return message._replace(data={**message.data, "trail": dict(trail)})


def trail_in(message: Message) -> Mapping[str, str] | None:
    """Return what the sender was doing; None: that is not known."""
    match message.data.get("trail"):
        case dict(trail) if all(isinstance(each, str) for each in trail.values()):
            return trail
    return None


def texts_in(message: Message, name: str) -> list[str]:
    """Return a list of names; Node's rooms may be numbers."""
    return _texts(message, value_in(message, name))


def text_in(message: Message, name: str) -> str:
    """Return a text."""
    value = value_in(message, name)
    if type(value) is not str:
        raise _wrong(message, name)
    return value


def value_in(message: Message, name: str) -> Json:
    """Return a value that must be there.

    Raises:
        ProtocolError: It is not there; all functions that read a message raise this.
    """
    try:
        return message.data[name]
    except KeyError:
        raise _wrong(message, name) from None


def _texts(message: Message, names: Json) -> list[str]:
    if names is None:
        return []
    if not isinstance(names, Sequence) or isinstance(names, (str, bytes)):
        raise _wrong(message, "rooms")
    found = []
    for name in names:
        if type(name) is int:
            name = str(name)
        if type(name) is not str:
            raise _wrong(message, "rooms")
        found.append(name)
    return found


def _wrong(message: Message, name: str) -> ProtocolError:
    return ProtocolError(f"{message.type.name} has no {name} that can be read")
