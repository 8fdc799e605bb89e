"""Wire: messages in the form of Node's Redis adapter, and back (pure).

Broadcasts are ``[uid, packet, opts]`` in MessagePack, on a channel that everybody
matches by a pattern. Requests and responses are maps, in JSON or, with bytes inside, in
MessagePack; the first byte tells which. Node's responses do not say whose they are.

Go's servers leave out what is empty, and write ``clientcount``.

Two types are our own, for what Node has no word for: 13, a server leaves, and 14, a
client that was asked has gone. Node's servers ignore the first, and never get the
second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import orjson

from sockio.adapters.buses.node_wire import value_in
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import ProtocolError
from sockio.protocol.socketio.msgpack_parser import parse, write
from sockio.types import Json

__all__ = [
    "Channels",
    "Inquiry",
    "Kind",
    "beginning",
    "broadcast",
    "read_broadcast",
    "read_request",
    "read_response",
    "write_answer",
    "write_broadcast",
    "write_request",
    "write_response",
]


class Kind(IntEnum):
    """The types of requests and responses."""

    SOCKETS = 0
    ALL_ROOMS = 1
    REMOTE_JOIN = 2
    REMOTE_LEAVE = 3
    REMOTE_DISCONNECT = 4
    REMOTE_FETCH = 5
    SERVER_SIDE_EMIT = 6
    BROADCAST = 7
    BROADCAST_CLIENT_COUNT = 8
    BROADCAST_ACK = 9
    #: Our own.
    ADAPTER_CLOSE = 13
    BROADCAST_LOST = 14


class Inquiry(NamedTuple):
    """A request that the bus answers itself: no server of ours sends it."""

    kind: Kind
    uid: str
    id: str
    #: SOCKETS: in any of these, or everybody.
    rooms: frozenset[str] = frozenset()
    #: Older servers: the socket that is meant, and what is to be done with it.
    sid: str = ""
    change: Message | None = None


class Channels:
    """The names of the channels of one namespace."""

    __slots__ = ("broadcasts", "pattern", "requests", "responses")

    def __init__(self, prefix: str, nsp: str) -> None:
        self.broadcasts = _name(f"{prefix}#{nsp}#")
        self.requests = _name(f"{prefix}-request#{nsp}#")
        self.responses = _name(f"{prefix}-response#{nsp}#")
        #: Matches ``broadcasts`` and all that begins with it.
        self.pattern = re.sub(rb"([*?\[\]\\^])", rb"\\\1", self.broadcasts) + b"*"

    def responses_to(self, uid: str) -> bytes:
        """Return the channel on which only one adapter listens."""
        return self.responses + _name(f"{uid}#")

    def broadcasts_to(self, message: Message) -> bytes:
        """Return the channel of a broadcast; one to a single room says so."""
        rooms = set(message.data["opts"]["rooms"])
        if len(rooms) != 1:
            return self.broadcasts
        try:
            return self.broadcasts + f"{rooms.pop()}#".encode()
        except UnicodeEncodeError:  # half of a pair of surrogates
            return self.broadcasts

    def room_in(self, channel: bytes) -> str | None:
        """Return the room that the channel of a broadcast names; None: it names none.

        That room is the only one which the broadcast is for.
        """
        room = channel[len(self.broadcasts) :]
        if not room.endswith(b"#"):
            return None
        try:
            return room[:-1].decode()
        except UnicodeDecodeError:
            return None


def _name(text: str) -> bytes:
    return text.encode("utf-8", "replace")


# ---------------------------------------------------------------- writing


def write_broadcast(message: Message) -> bytes:
    """Return a broadcast without answers.

    Raises:
        EncodeError: A value in it cannot travel; all functions that write raise this.
    """
    return write(broadcast(message))


def broadcast(message: Message) -> list[Json]:
    """Return what ``write_broadcast`` writes."""
    return [message.uid, _packet(message), message.data["opts"]]


def beginning(uid: str) -> bytes:
    """Return what all broadcasts of an adapter begin with."""
    return b"\x93" + write(uid)


def write_request(message: Message) -> bytes:
    """Return whatever else is for all servers."""
    data = message.data
    content: dict[str, Json] = {"uid": message.uid}
    if "requestId" in data:
        content["requestId"] = data["requestId"]
    content["type"] = _REQUESTS[message.type].value
    match message.type:
        case MessageType.BROADCAST:
            content |= {"packet": _packet(message), "opts": data["opts"]}
            content |= {"lost": True} if data.get("lost") is True else {}
            return write(content)
        case MessageType.SERVER_SIDE_EMIT:
            content["data"] = data["packet"]
        case MessageType.ADAPTER_CLOSE:
            pass
        case _:
            opts = data["opts"]
            content["opts"] = {"rooms": opts["rooms"], "except": opts["except"]}
            content |= {name: data[name] for name in ("rooms", "close") if name in data}
    return _text(content)


def write_response(message: Message) -> bytes:
    """Return an answer to another server's request."""
    data = message.data
    content: dict[str, Json] = {"uid": message.uid, "requestId": data["requestId"]}
    match message.type:
        case MessageType.FETCH_SOCKETS_RESPONSE:
            content["sockets"] = data["sockets"]
        case MessageType.SERVER_SIDE_EMIT_RESPONSE:
            content |= {"type": Kind.SERVER_SIDE_EMIT.value, "data": data["packet"]}
        case MessageType.BROADCAST_CLIENT_COUNT:
            content["type"] = Kind.BROADCAST_CLIENT_COUNT.value
            content["clientCount"] = data["clientCount"]
        case MessageType.BROADCAST_ACK:
            content |= {"type": Kind.BROADCAST_ACK.value, "packet": data["packet"]}
            return write(content)
        case _:
            content["type"] = Kind.BROADCAST_LOST.value
    return _text(content)


def write_answer(inquiry: Inquiry, **found: Json) -> bytes:
    """Return the answer to an inquiry."""
    return _text({"requestId": inquiry.id, **found})


def _packet(message: Message) -> dict[str, Json]:
    return {**message.data["packet"], "nsp": message.nsp}


def _text(content: dict[str, Json]) -> bytes:
    """Return JSON, or MessagePack for what JSON cannot say."""
    try:
        return orjson.dumps(content)
    except TypeError:
        return write(content)


#: Requests, by the types of our messages.
_REQUESTS = {
    MessageType.BROADCAST: Kind.BROADCAST,
    MessageType.SOCKETS_JOIN: Kind.REMOTE_JOIN,
    MessageType.SOCKETS_LEAVE: Kind.REMOTE_LEAVE,
    MessageType.DISCONNECT_SOCKETS: Kind.REMOTE_DISCONNECT,
    MessageType.FETCH_SOCKETS: Kind.REMOTE_FETCH,
    MessageType.SERVER_SIDE_EMIT: Kind.SERVER_SIDE_EMIT,
    MessageType.ADAPTER_CLOSE: Kind.ADAPTER_CLOSE,
}

# ---------------------------------------------------------------- reading


def read_broadcast(data: bytes, nsp: str) -> Message | None:
    """Return a broadcast; None: it is for another namespace.

    Raises:
        ProtocolError: It is none; all functions that read raise only this.
    """
    match parse(data):
        case [uid, dict(packet), dict(opts), *_]:
            if packet.get("nsp", "/") != nsp:
                return None
            content = {"packet": packet, "opts": opts}
            return Message(_uid(uid), nsp, MessageType.BROADCAST, content)
    raise ProtocolError("this is no broadcast")


def read_request(data: bytes, nsp: str) -> Message | Inquiry | None:
    """Return what another server asks of us; None: a type that is not known."""
    request = _map(data)
    uid = _uid(request.get("uid"))
    number = request.get("type")
    match number if type(number) is int else None:
        case Kind.SOCKETS | Kind.ALL_ROOMS as kind:
            rooms = request.get("rooms") or []
            if not isinstance(rooms, list):
                raise ProtocolError("the rooms are no list")
            names = frozenset(str(r) for r in rooms if type(r) in (str, int))
            return Inquiry(Kind(kind), uid, _id(request), names)
        case Kind.REMOTE_JOIN | Kind.REMOTE_LEAVE | Kind.REMOTE_DISCONNECT as kind:
            return _change(Kind(kind), request, uid, nsp)
        case Kind.REMOTE_FETCH:
            _id(request)
            fetch = _some(request, "requestId", "opts")
            return Message(uid, nsp, MessageType.FETCH_SOCKETS, fetch)
        case Kind.SERVER_SIDE_EMIT:
            event = _some(request, "requestId")
            event["packet"] = request.get("data")
            return Message(uid, nsp, MessageType.SERVER_SIDE_EMIT, event)
        case Kind.BROADCAST:
            _id(request)
            asked = _some(request, "requestId", "packet", "opts", "lost")
            return Message(uid, nsp, MessageType.BROADCAST, asked)
        case Kind.ADAPTER_CLOSE:
            return Message(uid, nsp, MessageType.ADAPTER_CLOSE)
        case None:
            raise ProtocolError("a request without a type")
    return None


def read_response(data: bytes, nsp: str) -> Message | None:
    """Return an answer, whose uid may be empty; None: to no question of ours."""
    response = _map(data)
    uid = _uid(response.get("uid"))
    content = _some(response, "requestId")
    if type(content.get("requestId")) is not str:
        return None
    number = response.get("type")
    match number if type(number) is int else None:
        case Kind.SERVER_SIDE_EMIT:
            kind = MessageType.SERVER_SIDE_EMIT_RESPONSE
            content["packet"] = response.get("data")
        case Kind.BROADCAST_CLIENT_COUNT:
            kind = MessageType.BROADCAST_CLIENT_COUNT
            clients = response.get("clientCount", response.get("clientcount", 0))
            content["clientCount"] = clients
        case Kind.BROADCAST_ACK:
            kind = MessageType.BROADCAST_ACK
            content["packet"] = response.get("packet")
        case Kind.BROADCAST_LOST:
            kind = MessageType.BROADCAST_LOST
        case None if number is None and "rooms" not in response:
            # It may also answer a question that only Node's servers ask, but not us.
            kind = MessageType.FETCH_SOCKETS_RESPONSE
            content["sockets"] = response.get("sockets", [])
        case _:
            return None
    return Message(uid, nsp, kind, content)


def _change(
    kind: Kind, request: Mapping[str, Any], uid: str, nsp: str
) -> Message | Inquiry:
    """Read a change of sockets: of many, or, from older servers, of one."""
    content = _some(request, "opts", "rooms", "close")
    if "opts" in content:
        return Message(uid, nsp, _CHANGES[kind], content)
    sid, room = request.get("sid"), request.get("room")
    if type(sid) is not str:
        raise ProtocolError("neither opts nor the id of a socket")
    content |= {"opts": {"rooms": [sid]}, "rooms": [room]}
    if kind is not Kind.REMOTE_DISCONNECT and type(room) not in (str, int):
        raise ProtocolError("no room")
    change = Message(uid, nsp, _CHANGES[kind], content)
    return Inquiry(kind, uid, _id(request), sid=sid, change=change)


_CHANGES = {
    Kind.REMOTE_JOIN: MessageType.SOCKETS_JOIN,
    Kind.REMOTE_LEAVE: MessageType.SOCKETS_LEAVE,
    Kind.REMOTE_DISCONNECT: MessageType.DISCONNECT_SOCKETS,
}


def _map(data: bytes) -> dict[str, Any]:
    value = value_in(data)
    if type(value) is not dict:
        raise ProtocolError("this is no map")
    return value


def _some(content: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: content[name] for name in names if name in content}


def _uid(value: Json) -> str:
    return value if type(value) is str else ""


def _id(request: Mapping[str, Any]) -> str:
    id = request.get("requestId")
    if type(id) is not str:
        raise ProtocolError("a question without an id")
    return id
