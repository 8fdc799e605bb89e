from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from sockio.adapters.adapter import Session
from sockio.adapters.buses.mongo import session_wire, wire
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError, ProtocolError
from sockio.socket.data import SocketData

ID = ObjectId("6b0bd579246ec59945d36c1e")
AT = datetime(2026, 11, 29, tzinfo=timezone.utc)
OPTS: dict[str, Any] = {"rooms": ["r"], "except": [], "flags": {}}


def broadcast(*data: Any, **more: Any) -> Message:
    content = {"packet": {"type": 2, "data": list(data)}, "opts": OPTS, **more}
    return Message("adapter", "/", MessageType.BROADCAST, content)


def test_a_document_is_node_s() -> None:
    document = wire.write(broadcast("m", 1, b"\x00"), ID, "server", AT)

    assert list(bson.decode(document).items()) == [
        ("_id", ID),
        ("type", 3),
        ("data", {"packet": {"type": 2, "data": ["m", 1, b"\x00"]}, "opts": OPTS}),
        ("uid", "server"),
        ("nsp", "/"),
        ("createdAt", AT.replace(tzinfo=None)),
    ]


@pytest.mark.parametrize("kind", [k for k in MessageType if k <= 14])
def test_messages_come_back(kind: MessageType) -> None:
    data = {} if kind <= 2 else {"requestId": "q"}
    message = Message("adapter", "/chat", kind, data)

    read = wire.read(wire.write(message, ID, "server"))

    expected = message._replace(uid="server")
    assert read == wire.Document(str(ID), "server", "/chat", expected)


def test_our_own_types_are_unknown_to_node() -> None:
    close = Message("", "/", MessageType.ADAPTER_CLOSE)

    assert bson.decode(wire.write(close, ID, "s"))["type"] == wire.ADAPTER_CLOSE == 113


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2**53 + 1, 2**53 + 1),
        (2**63, float(2**63)),
        (float("nan"), None),
        ("\ud800", "\ufffd"),
        (bytearray(b"x"), b"x"),
        ((1, 2), [1, 2]),
        (Decimal("1.5"), "1.5"),
        ({7: 8}, {"7": 8}),
        ({"$a.b": 1}, {"$a.b": 1}),
    ],
)
def test_values_that_are_written_in_another_way(value: Any, written: Any) -> None:
    document = wire.write(broadcast("m", value), ID, "s")

    assert bson.decode(document)["data"]["packet"]["data"][1] == written


@pytest.mark.parametrize("value", [object(), {"a\0b": 1}])
def test_values_that_cannot_travel(value: Any) -> None:
    with pytest.raises(EncodeError):
        wire.write(broadcast("m", value), ID, "s")


def test_data_that_is_nested_too_deep() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]

    with pytest.raises(EncodeError, match="nested"):
        wire.write(broadcast(deep), ID, "s")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1.0, 1),
        (1.5, 1.5),
        (2.0**60, 2.0**60),
        (Int64(7), 7),
        (Binary(b"x" * 16, 4), b"x" * 16),
        (AT, "2026-11-29T00:00:00.000Z"),
        (ID, str(ID)),
        (Decimal128("1.5"), "1.5"),
        (DBRef("c", 7), {"$ref": "c", "$id": 7}),
        ([{"a": [Int64(1)]}], [{"a": [1]}]),
    ],
)
def test_values_that_others_have_written(value: Any, read: Any) -> None:
    data = {"packet": {"type": 2, "data": ["m", value]}, "opts": OPTS}
    raw = bson.encode({"_id": ID, "type": 3, "nsp": "/", "data": data})

    message = wire.read(raw).message

    assert message is not None
    found = message.data["packet"]["data"][1]
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"_id": 7, "nsp": "/", "type": 3},
        {"_id": ID, "nsp": 7, "type": 3},
        {"_id": ID, "nsp": "/"},
        {"_id": ID, "nsp": "/", "type": "3"},
        {"_id": ID, "nsp": "/", "type": 3, "data": [1]},
    ],
)
def test_what_is_no_message(document: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        wire.read(bson.encode(document))


def test_what_is_no_document() -> None:
    date_out_of_range = b"\x13\x00\x00\x00\x09x\x00" + b"\xff" * 7 + b"\x7f" + b"\x00"
    for raw in (b"", b"\x05\x00\x00\x00", b"x" * 20, date_out_of_range):
        with pytest.raises(ProtocolError):
            wire.read(raw)


@pytest.mark.parametrize("kind", [13, 15, 99, 2**40])
def test_types_that_are_none_of_our_business(kind: int) -> None:
    raw = bson.encode({"_id": ID, "uid": 7, "nsp": "/", "type": kind})

    assert wire.read(raw) == wire.Document(str(ID), "", "/", None)


def test_which_broadcasts_have_an_offset() -> None:
    volatile = {**OPTS, "flags": {"volatile": True}}

    assert wire.has_offset(broadcast("m"))
    assert not wire.has_offset(broadcast("m", opts=volatile))
    assert not wire.has_offset(broadcast("m", requestId="q"))
    assert not wire.has_offset(Message("u", "/", MessageType.SOCKETS_JOIN))


def test_a_session_comes_back() -> None:
    data = SocketData()
    data.update({"name": "Ann"})
    session = Session(sid="s", pid="p", rooms=("s", "r"), data=data, since="x")

    read = session_wire.read_session(session_wire.write_session(session, "/", ID, "u"))

    assert read is not None
    assert (read.sid, read.pid, read.rooms, read.since) == ("s", "p", ("s", "r"), "x")
    assert read.fields == {"name": "Ann"}


def test_a_session_of_node_s() -> None:
    data = {"sid": "s", "pid": "p", "rooms": ["s", 7], "data": {"a": 1.0}}

    read = session_wire.read_session(bson.encode({"_id": ID, "type": 13, "data": data}))

    assert read is not None
    assert (read.rooms, read.fields, read.since) == (("s", "7"), {"a": 1}, None)


def test_sessions_that_cannot_be_kept_or_read() -> None:
    odd = Session(sid="s", pid="p", rooms=(), data={"a": object()})
    with pytest.raises(EncodeError):
        session_wire.write_session(odd, "/", ID, "u")
    with pytest.raises(ProtocolError):
        session_wire.read_session(bson.encode({"data": {"sid": 7}}))


def test_a_tombstone_is_no_session() -> None:
    assert (
        session_wire.read_session(session_wire.write_tombstone("p", "/", ID, "u"))
        is None
    )
