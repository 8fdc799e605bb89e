"""Wire: messages as documents in the form of Node's MongoDB adapter, and back (pure).

A document is ``{_id, type, data, uid, nsp, createdAt}``; in MongoDB, ``uid`` names a
server with all its namespaces. The type 13 is a session that waits for its client.

Three types are our own, for what Node has no word for: 100, who has a name that only
one server may have, 113, a server leaves, and 114, a client that was asked has gone.
Node's servers ignore them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.errors import BSONError
from bson.objectid import ObjectId

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError, ProtocolError
from sockio.protocol.socketio.msgpack_parser import is_plain, simple

__all__ = [
    "ADAPTER_CLOSE",
    "LEASE",
    "SESSION",
    "Document",
    "decoded",
    "has_offset",
    "plain",
    "read",
    "write",
    "written",
]

SESSION = 13
#: Our own.
LEASE, ADAPTER_CLOSE, BROADCAST_LOST = 100, 113, 114

#: The largest integers of BSON, and those that are exact in JavaScript.
_MOST, _EXACT = (1 << 63) - 1, float(1 << 53)

_TO_WIRE = {
    MessageType.ADAPTER_CLOSE: ADAPTER_CLOSE,
    MessageType.BROADCAST_LOST: BROADCAST_LOST,
}
_FROM_WIRE = {kind.value: kind for kind in MessageType if kind < SESSION}
_FROM_WIRE |= {number: kind for kind, number in _TO_WIRE.items()}

#: Whatever others have written can be read.
_LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


class Document(NamedTuple):
    """A document of another server, or one of our own that has come back."""

    #: The ``_id`` as 24 hexadecimal digits.
    id: str
    #: Of the server; empty if there is none.
    uid: str
    nsp: str
    #: None: it is of a type that is none of our business.
    message: Message | None


# ---------------------------------------------------------------- writing


def write(
    message: Message, id: ObjectId, uid: str, created_at: datetime | None = None
) -> bytes:
    """Return a message as a document.

    Args:
        message: From an adapter.
        id: Of the document.
        uid: Of our server.
        created_at: If documents say so.

    Raises:
        EncodeError: A value in it cannot travel; all functions that write raise this.
    """
    kind = _TO_WIRE.get(message.type, message.type.value)
    return written(kind, message.data, id, uid, message.nsp, created_at)


def written(
    kind: int,
    data: Mapping[str, Any],
    id: ObjectId,
    uid: str,
    nsp: str,
    created_at: datetime | None,
) -> bytes:
    """Return a document of any type; see ``write``."""

    def encoded(content: dict[str, Any]) -> bytes:
        document: dict[str, Any] = {"_id": id, "type": kind}
        if content:
            document["data"] = content
        document |= {"uid": uid, "nsp": nsp}
        if created_at is not None:
            document["createdAt"] = created_at
        return bson.encode(document)

    return _encoded(dict(data), encoded)


def _encoded(
    content: dict[str, Any], encoded: Callable[[dict[str, Any]], bytes]
) -> bytes:
    """Return the document with this content in the types that JavaScript reads."""
    try:
        if is_plain(content):
            try:
                return encoded(content)
            except (OverflowError, UnicodeEncodeError):
                pass  # an integer or text for which BSON has no form
        return encoded(simple(content, _MOST))
    except EncodeError:
        raise
    except RecursionError as exc:
        raise EncodeError("the data is nested too deep to be sent") from exc
    except (BSONError, TypeError, ValueError) as exc:
        raise EncodeError(f"the data cannot be sent: {exc}") from exc


# ---------------------------------------------------------------- reading


def read(raw: bytes) -> Document:
    """Return what a document says.

    Raises:
        ProtocolError: It is none; all functions that read raise only this.
    """
    found = decoded(raw)
    id, uid, nsp = found.get("_id"), found.get("uid"), found.get("nsp")
    if type(id) is not ObjectId or type(nsp) is not str:
        raise ProtocolError("a document without _id or nsp")
    if type(uid) is not str:
        uid = ""
    number = plain(found.get("type"))
    if type(number) is not int:
        raise ProtocolError("a document without a type")
    kind = _FROM_WIRE.get(number)
    if kind is None:
        return Document(str(id), uid, nsp, None)
    data = plain(found.get("data"))
    if data is None:
        data = {}
    if type(data) is not dict:
        raise ProtocolError("the data of a document is no map")
    return Document(str(id), uid, nsp, Message(uid, nsp, kind, data))


def has_offset(message: Message) -> bool:
    """Whether clients get the id of a broadcast as its offset, as with Node's."""
    if message.type is not MessageType.BROADCAST or "requestId" in message.data:
        return False
    opts = message.data.get("opts")
    flags = opts.get("flags") if type(opts) is dict else None
    return type(flags) is not dict or "volatile" not in flags


def decoded(raw: bytes) -> dict[str, Any]:
    """Return a document as BSON has it."""
    try:
        return bson.decode(raw, _LENIENT)
    except (BSONError, RecursionError, TypeError, ValueError) as exc:
        raise ProtocolError("this is no document") from exc


def plain(value: Any) -> Any:
    """Return a value of BSON as one of JSON, or bytes, as JavaScript would show it."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None or kind is bytes:
        return value
    if kind is float:
        whole = value.is_integer() and abs(value) <= _EXACT
        return int(value) if whole else value
    if kind is dict:
        return {name: plain(item) for name, item in value.items()}
    if kind is list:
        return [plain(item) for item in value]
    if isinstance(value, (int, bytes)):
        return int(value) if isinstance(value, int) else bytes(value)
    if kind is DatetimeMS:
        return _moment(int(value))
    if kind is DBRef:  # any map with $ref and $id
        return plain(dict(value.as_doc()))
    return str(value)


def _moment(milliseconds: int) -> str | None:
    """Return a date as JavaScript writes it into JSON; None: it has no such date."""
    seconds, rest = divmod(milliseconds, 1000)
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:03}Z"
