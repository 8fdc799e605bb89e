from __future__ import annotations

import base64
import json
from typing import Any

import msgpack
import pytest

from sockio.adapters.buses.node_wire import read_message
from sockio.adapters.buses.redis.stream_session import read_session, write_session
from sockio.adapters.buses.redis.stream_wire import (
    Offset,
    is_fleeting,
    offset_in,
    order,
    read_entry,
    stream_of,
    write_entry,
    write_fleeting,
)
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.session import Session
from sockio.errors import EncodeError, ProtocolError

OPTS: dict[str, Any] = {"rooms": ["r"], "except": [], "flags": {}}


def broadcast(*data: Any) -> Message:
    content = {"packet": {"type": 2, "data": [*data]}, "opts": OPTS}
    return Message("abcd", "/", MessageType.BROADCAST, content)


def read(*fields: bytes) -> Message | None:
    entry = read_entry(list(fields))
    return None if entry is None else entry.message()


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("nsp", "count", "name"),
    [
        ("/", 1, b"s"),
        ("/notifications", 1, b"s"),
        ("/", 3, b"s-2"),
        ("/chat", 3, b"s-1"),
        # Node writes to s--2, and reads s-0, s-1 and s-2.
        ("/notifications", 3, b"s-1"),
        ("/\U0001f600", 10, b"s-6"),
    ],
)
def test_names_of_streams(nsp: str, count: int, name: bytes) -> None:
    assert stream_of(nsp, "s", count) == name


# ------------------------------------------------------------------ offsets


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("1795376519910-0", Offset("1795376519910-0")),
        ("1-2~0af9.7", Offset("1-2", "0af9", 7)),
    ],
)
def test_offsets(text: str, offset: Offset) -> None:
    assert offset_in(text) == offset
    assert str(offset) == text


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "$", "1", "1-", "-1", "1-1-1", "1-1~", "1-1~a", "1-1~A.1", "1-1\n"),
        *("18446744073709551616-0", "0-99999999999999999999", "1" * 100 + "-0"),
    ],
)
def test_what_is_no_offset(text: str | None) -> None:
    assert offset_in(text) is None


def test_the_order_of_ids() -> None:
    assert order("9-10") < order("10-9") < order("10-10")
    with pytest.raises(ProtocolError):
        order("10")


# ------------------------------------------------------------------ entries


def test_what_is_said_in_an_entry() -> None:
    entry = write_entry(broadcast("n", 1, "é"))

    assert entry[:7] == [b"uid", b"abcd", b"nsp", b"/", b"type", b"3", b"data"]
    assert json.loads(entry[7]) == broadcast("n", 1, "é").data
    assert read(*entry) == broadcast("n", 1, "é")


def test_bytes_make_it_messagepack() -> None:
    entry = write_entry(broadcast("n", b"\x00\xff"), 7)

    packed = base64.b64decode(entry[7])
    assert msgpack.unpackb(packed) == broadcast("n", b"\x00\xff").data
    assert entry[8:] == [b"number", b"7"]
    found = read_entry(entry)
    assert found is not None
    assert found.number == 7
    assert found.message() == broadcast("n", b"\x00\xff")


def test_messages_without_data() -> None:
    entry = write_entry(Message("abcd", "/", MessageType.ADAPTER_CLOSE))

    assert entry == [b"uid", b"abcd", b"nsp", b"/", b"type", b"13"]
    assert read(*entry) == Message("abcd", "/", MessageType.ADAPTER_CLOSE)


def test_what_cannot_travel() -> None:
    for write in (write_entry, write_fleeting):
        with pytest.raises(EncodeError):
            write(broadcast(object()))


@pytest.mark.parametrize(
    "fields",
    [
        [b"uid", b"sockio"],  # what an empty stream begins with
        [b"nsp", b"", b"type", b"3"],
        [b"nsp", b"/", b"type", b"1"],
        [b"nsp", b"/", b"type", b"15", b"data", b"{}"],
        [b"nsp", b"/", b"type", b"99"],
    ],
)
def test_entries_that_say_nothing_to_us(fields: list[bytes]) -> None:
    assert read_entry(fields) is None


@pytest.mark.parametrize(
    "fields",
    [
        [b"nsp"],
        None,
        [b"nsp", b"\xff", b"type", b"3"],
        [b"nsp", b"/"],
        [b"nsp", b"/", b"type", b"3.0"],
        [b"nsp", b"/", b"type", b"-3"],
        [b"nsp", b"/", b"type", b"3", b"number", b"x"],
        [b"nsp", b"/", b"type", b"3", b"uid", b"\xff"],
        [b"nsp", b"/", b"type", b"3", b"data", b"{"],
        [b"nsp", b"/", b"type", b"3", b"data", b"x"],
        [b"nsp", b"/", b"type", b"3", b"data", b"[]"],
        [b"nsp", b"/", b"type", b"3", b"data", base64.b64encode(b"\x90")],
        [b"nsp", b"/", b"type", b"3", b"data", base64.b64encode(b"\xc1")],
    ],
)
def test_entries_that_cannot_be_read(fields: Any) -> None:
    with pytest.raises(ProtocolError):
        read(*fields) if fields is not None else read_entry(fields)


# ------------------------------------------------------------------ pub/sub


def test_what_goes_by_pub_sub() -> None:
    asking = broadcast("n")._replace(data={"requestId": "a"})
    assert is_fleeting(asking)
    assert not is_fleeting(broadcast("n"))
    kinds = {kind for kind in MessageType if is_fleeting(asking._replace(type=kind))}
    assert kinds == {
        MessageType.BROADCAST,
        MessageType.FETCH_SOCKETS,
        MessageType.SERVER_SIDE_EMIT,
        MessageType.ADAPTER_CLOSE,
    }


def test_questions_and_answers() -> None:
    question = Message("abcd", "/", MessageType.FETCH_SOCKETS, {"opts": OPTS})

    data = write_fleeting(question)

    assert msgpack.unpackb(data) == {
        "uid": "abcd",
        "nsp": "/",
        "type": 7,
        "data": {"opts": OPTS},
    }
    assert read_message(data) == question


# ------------------------------------------------------------------ sessions


def session(data: Any) -> Session:
    return Session(sid="sid", pid="pid", rooms=("sid", "r"), data=data, since="1-1")


def test_a_session_as_node_reads_it() -> None:
    written = write_session(session({"a": b"\x00"}), "/")

    said = msgpack.unpackb(base64.b64decode(written))
    assert (said["sid"], said["pid"]) == ("sid", "pid")
    assert said["rooms"] == ["sid", "r"]
    assert said["data"] == {"a": b"\x00"}
    assert read_session(written, "pid", "/") == session({"a": b"\x00"})


def test_a_session_of_node() -> None:
    said = {"sid": "sid", "pid": "pid", "rooms": ["sid", 7], "data": {"a": 1}}

    found = read_session(base64.b64encode(msgpack.packb(said)), "pid", "/")

    assert found.rooms == ("sid", "7")
    assert found.fields == {"a": 1}
    assert found.since is None


@pytest.mark.parametrize(
    "said",
    [
        [],
        {"sid": "sid"},
        {"sid": 1, "rooms": []},
        {"sid": "sid", "rooms": [None]},
        {"sid": "sid", "rooms": [], "nsp": "/other"},
    ],
)
def test_sessions_that_cannot_be_read(said: Any) -> None:
    with pytest.raises(ProtocolError):
        read_session(base64.b64encode(msgpack.packb(said)), "pid", "/")


def test_a_session_that_would_not_arrive_as_it_is() -> None:
    with pytest.raises(EncodeError, match="of type set"):
        write_session(session({"a": {1}}), "/")
