"""Wire: messages in the form of Node's Postgres adapter, and back (pure).

A message is JSON, in a notification. If it is too long for that, or holds bytes, it is
MessagePack in a row of a table, and the notification names the row.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, NamedTuple

import orjson

from sockio.adapters.buses.node_wire import message_in
from sockio.adapters.cluster.messages import Message
from sockio.errors import ProtocolError
from sockio.protocol.socketio.msgpack_parser import parse, write
from sockio.types import Json

__all__ = [
    "LONGEST_CHANNEL",
    "LONGEST_PAYLOAD",
    "Attached",
    "Attachment",
    "beginning",
    "channel_of",
    "is_too_long",
    "pack",
    "read",
    "read_attachment",
]

#: Bytes of a notification, and of the name of a channel, that PostgreSQL takes.
LONGEST_PAYLOAD = 7999
LONGEST_CHANNEL = 63


class Attachment(NamedTuple):
    """A message that travels as a row."""

    #: What the row holds.
    payload: bytes
    #: The notification before and behind the number of the row.
    before: bytes
    behind: bytes


class Attached(NamedTuple):
    """A notification that names a row."""

    uid: str
    id: int


def channel_of(prefix: str, nsp: str) -> bytes:
    """Return the name of a namespace's channel.

    If it is too long for a channel, a hash stands for it, which only servers of ours
    know: PostgreSQL would listen on a part of it, and refuse to notify on the whole.
    """
    name = _named(prefix, nsp)
    if is_too_long(prefix, nsp):
        return b"sockio#" + hashlib.sha256(name).hexdigest()[:48].encode()
    return name


def is_too_long(prefix: str, nsp: str) -> bool:
    """Whether no channel can have the name that Node would use."""
    name = _named(prefix, nsp)
    return len(name) > LONGEST_CHANNEL or b"\0" in name


def _named(prefix: str, nsp: str) -> bytes:
    return f"{prefix}#{nsp}".encode("utf-8", "replace")


# ---------------------------------------------------------------- writing


def pack(message: Message, threshold: int = LONGEST_PAYLOAD) -> bytes | Attachment:
    """Return a notification, or the row and the notification that names it.

    Args:
        message: What is said.
        threshold: Bytes of the longest message that travels without a row.

    Raises:
        EncodeError: A value in it cannot travel.
    """
    uid, nsp, kind, data = message
    content: dict[str, Json] = {"uid": uid, "nsp": nsp, "type": kind.value}
    if data:
        content["data"] = data
    try:
        text = orjson.dumps(content)
    except TypeError:
        pass  # bytes, or something else that JSON has no form for
    else:
        if len(text) <= threshold:
            return text
    head = orjson.dumps({"uid": uid, "type": kind.value, "attachmentId": ""})
    return Attachment(write(content), head[:-2], head[-2:])


def beginning(uid: str) -> bytes:
    """Return what all notifications of an adapter of ours begin with."""
    return orjson.dumps({"uid": uid})[:-1] + b","


# ---------------------------------------------------------------- reading


def read(data: bytes, nsp: str) -> Message | Attached | None:
    """Return what a notification holds; None: a message of a type that is not known.

    Args:
        data: The notification.
        nsp: The namespace of its channel; Node's emitter does not name it.

    Raises:
        ProtocolError: It cannot be read; ``read_attachment`` raises this, too.
    """
    try:
        content = orjson.loads(data)
    except ValueError as exc:
        raise ProtocolError("this is no JSON") from exc
    if type(content) is not dict:
        raise ProtocolError("this is no object")
    id = content.get("attachmentId")
    if id is None:
        return _message(content, nsp)
    if type(id) not in (str, int) or not re.fullmatch("[0-9]{1,18}", str(id)):
        raise ProtocolError("the attachment has no number")
    uid = content.get("uid")
    return Attached(uid if type(uid) is str else "", int(id))


def read_attachment(data: bytes, nsp: str) -> Message | None:
    """Return the message that a row holds; None: its type is not known."""
    content = parse(data)
    if type(content) is not dict:
        raise ProtocolError("this is no map")
    return _message(content, nsp)


def _message(content: dict[str, Any], nsp: str) -> Message | None:
    message = message_in({"nsp": nsp, **content}, heartbeats=True)
    if message is not None and message.nsp != nsp:
        raise ProtocolError("the namespace is not that of the channel")
    return message
