"""Stream wire: messages in the form of Node's Redis streams adapter, and back (pure).

What changes something is an entry of a stream: uid, namespace, type and data, all of
them text. Questions and answers go by pub/sub, as maps in MessagePack.

Our own addition is the ``number`` of an entry, which Node does not read: it counts the
events that one adapter has had kept.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from sockio.adapters.buses.node_wire import KNOWN, data_in
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import ProtocolError
from sockio.protocol.socketio.msgpack_parser import parse, write
from sockio.types import Json

__all__ = [
    "Entry",
    "Offset",
    "is_fleeting",
    "offset_in",
    "order",
    "read_entry",
    "stream_of",
    "streams",
    "unpacked",
    "write_entry",
    "write_fleeting",
]

#: The largest number in an id.
_MOST = (1 << 64) - 1
_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_OFFSET = re.compile(r"([0-9]{1,20}-[0-9]{1,20})(?:~([0-9a-f]{1,32})\.([0-9]{1,15}))?")
_NUMBER = re.compile(rb"[0-9]{1,15}")

#: What nobody recovers, and nobody waits for when it is too late.
_FLEETING = frozenset(
    (
        MessageType.FETCH_SOCKETS,
        MessageType.SERVER_SIDE_EMIT,
        MessageType.ADAPTER_CLOSE,
    )
)


def is_fleeting(message: Message) -> bool:
    """Whether a message goes by pub/sub, and not through the stream."""
    if message.type is MessageType.BROADCAST:
        return "requestId" in message.data
    return message.type in _FLEETING


# ---------------------------------------------------------------- names


def streams(name: str, count: int) -> list[bytes]:
    """Return the names of all streams."""
    if count == 1:
        return [_bytes(name)]
    return [_bytes(f"{name}-{number}") for number in range(count)]


def stream_of(nsp: str, name: str, count: int) -> bytes:
    """Return the name of the stream in which a namespace is.

    Node's servers write to a stream with a negative number for some namespaces, which
    nobody reads; what is written to this one they do read.
    """
    if count == 1:
        return _bytes(name)
    number = 0
    units = nsp.encode("utf-16-le", "surrogatepass")
    for at in range(0, len(units), 2):
        number = number * 31 + int.from_bytes(units[at : at + 2], "little")
    number &= 0xFFFF_FFFF
    if number >> 31:
        number -= 1 << 32
    return _bytes(f"{name}-{number % count}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


# ---------------------------------------------------------------- ids and offsets


class Offset(NamedTuple):
    """How far a client is.

    Its text is the id of an entry, for Node as well. If the client got events before
    they were in the stream, the id is followed by ``~`` and who has sent them, up to
    which number.
    """

    id: str
    uid: str = ""
    number: int = 0

    def __str__(self) -> str:
        return f"{self.id}~{self.uid}.{self.number}" if self.uid else self.id


def offset_in(text: str | None) -> Offset | None:
    """Return the offset that a client has named; None: it is none of ours."""
    found = None if text is None else _OFFSET.fullmatch(text)
    if found is None or max(order(found[1])) > _MOST:
        return None
    return Offset(found[1], found[2] or "", int(found[3] or 0))


def order(id: str) -> tuple[int, int]:
    """Return what the ids of a stream are sorted by.

    Raises:
        ProtocolError: It is no id.
    """
    found = _ID.fullmatch(id)
    if found is None:
        raise ProtocolError("this is no id of an entry")
    return int(found[1]), int(found[2])


# ---------------------------------------------------------------- entries


class Entry(NamedTuple):
    """An entry of a stream."""

    uid: str
    nsp: str
    type: MessageType
    #: See above; 0: it has none.
    number: int
    content: bytes

    def message(self) -> Message:
        """Return its message.

        Raises:
            ProtocolError: It cannot be read; all functions that read raise only this.
        """
        return Message(self.uid, self.nsp, self.type, _content_in(self.content))


def write_entry(message: Message, number: int = 0) -> list[bytes]:
    """Return the fields of an entry, and their values in between.

    Raises:
        EncodeError: A value in it cannot travel.
    """
    fields = [b"uid", _bytes(message.uid), b"nsp", _bytes(message.nsp)]
    fields += [b"type", b"%d" % message.type.value]
    if message.data:
        fields += [b"data", _content(message.data)]
    if number:
        fields += [b"number", b"%d" % number]
    return fields


def _content(data: Mapping[str, Json]) -> bytes:
    """Return JSON, or, if there are bytes in it, MessagePack in base64."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return base64.b64encode(write(data))


def read_entry(fields: Any) -> Entry | None:
    """Return what an entry says; None: it has no namespace, or an unknown type."""
    if not isinstance(fields, Sequence) or len(fields) % 2:
        raise ProtocolError("an entry has no fields")
    names = iter(fields)
    said = dict(zip(names, names, strict=True))
    nsp = _text(said, b"nsp")
    if not nsp:
        return None
    kind, number = said.get(b"type", b""), said.get(b"number", b"0")
    if not _NUMBER.fullmatch(kind) or not _NUMBER.fullmatch(number):
        raise ProtocolError("an entry whose type or number is no number")
    known = KNOWN.get(int(kind))
    if known is None:
        return None
    content = said.get(b"data", b"")
    return Entry(_text(said, b"uid"), nsp, known, int(number), content)


def _text(said: Mapping[bytes, bytes], name: bytes) -> str:
    try:
        return said.get(name, b"").decode()
    except UnicodeDecodeError as exc:
        raise ProtocolError("text that is not UTF-8") from exc


def _content_in(data: bytes) -> dict[str, Any]:
    if not data:
        return {}
    if data[:1] == b"{":
        try:
            return data_in(orjson.loads(data))
        except ValueError as exc:
            raise ProtocolError("this is no JSON") from exc
    return data_in(parse(unpacked(data)))


def unpacked(data: bytes) -> bytes:
    """Return what is in base64.

    Raises:
        ProtocolError: It is not.
    """
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as exc:
        raise ProtocolError("this is no base64") from exc


# ---------------------------------------------------------------- pub/sub


def write_fleeting(message: Message) -> bytes:
    """Return a question or an answer, which ``node_wire`` reads.

    Raises:
        EncodeError: A value in it cannot travel.
    """
    uid, nsp, kind, data = message
    return write({"uid": uid, "nsp": nsp, "type": kind.value, "data": data})
