from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from sockio.adapters import Message, MessageType
from sockio.adapters.buses.postgres.wire import (
    LONGEST_CHANNEL,
    LONGEST_PAYLOAD,
    Attached,
    Attachment,
    beginning,
    channel_of,
    is_too_long,
    pack,
    read,
    read_attachment,
)
from sockio.errors import EncodeError, ProtocolError

OPTS: dict[str, Any] = {"rooms": ["r"], "except": ["q"], "flags": {"volatile": True}}
PACKET = {"type": 2, "data": ["x", 1]}


def broadcast(*data: Any) -> Message:
    content = {"packet": {"type": 2, "data": list(data)}, "opts": OPTS}
    return Message("me", "/chat", MessageType.BROADCAST, content)


def attachment(message: Message, threshold: int = LONGEST_PAYLOAD) -> Attachment:
    packed = pack(message, threshold)
    assert isinstance(packed, Attachment)
    return packed


def test_a_small_message_is_a_notification() -> None:
    packed = pack(broadcast("x", 1))

    assert isinstance(packed, bytes)
    assert json.loads(packed) == {
        "uid": "me",
        "nsp": "/chat",
        "type": 3,
        "data": {"packet": PACKET, "opts": OPTS},
    }
    assert read(packed, "/chat") == broadcast("x", 1)
    assert packed.startswith(beginning("me"))


def test_a_heartbeat_has_no_data() -> None:
    message = Message("me", "/", MessageType.HEARTBEAT)

    packed = pack(message)

    assert packed == b'{"uid":"me","nsp":"/","type":2}'
    assert read(packed, "/") == message


@pytest.mark.parametrize(
    "message",
    [
        broadcast("x", b"\0\xff"),
        broadcast("x" * LONGEST_PAYLOAD),
        Message("me", "/chat", MessageType.FETCH_SOCKETS_RESPONSE, {"data": b"x"}),
    ],
)
def test_a_large_or_binary_one_is_a_row(message: Message) -> None:
    packed = attachment(message)

    notification = packed.before + b"27" + packed.behind
    assert json.loads(notification) == {
        "uid": "me",
        "type": message.type.value,
        "attachmentId": "27",
    }
    assert notification.startswith(beginning("me"))
    assert read(notification, "/chat") == Attached("me", 27)
    assert msgpack.unpackb(packed.payload) == {
        "uid": "me",
        "nsp": "/chat",
        "type": message.type.value,
        "data": message.data,
    }
    assert read_attachment(packed.payload, "/chat") == message


def test_the_longest_notification() -> None:
    size = LONGEST_PAYLOAD - len(pack(broadcast("")))
    packed = pack(broadcast("x" * size))

    assert isinstance(packed, bytes)
    assert len(packed) == LONGEST_PAYLOAD
    attachment(broadcast("x" * (size + 1)))
    attachment(broadcast("x"), 10)


def test_what_cannot_travel() -> None:
    with pytest.raises(EncodeError):
        pack(broadcast(object()))


def test_the_emitter_names_no_namespace() -> None:
    said = b'{"uid":"emitter","type":9,"data":{"packet":["x"]}}'

    assert read(said, "/chat") == Message(
        "emitter", "/chat", MessageType.SERVER_SIDE_EMIT, {"packet": ["x"]}
    )


@pytest.mark.parametrize("kind", ["0", "15", "99", "true"])
def test_unknown_types_are_ignored(kind: str) -> None:
    assert read(f'{{"uid":"a","type":{kind}}}'.encode(), "/") is None


def test_unknown_keys_are_ignored() -> None:
    said = b'{"uid":"a","nsp":"/","type":2,"nodeId":"b","data":null}'

    assert read(said, "/") == Message("a", "/", MessageType.HEARTBEAT)


@pytest.mark.parametrize(
    "said",
    [
        "x",
        "7",
        "[]",
        "{}",
        '{"uid":"a"}',
        '{"uid":7,"type":3}',
        '{"uid":"a","type":"3"}',
        '{"uid":"a","type":3,"data":[]}',
        '{"uid":"a","type":3,"nsp":"/other"}',
        '{"uid":"a","type":3,"attachmentId":"x"}',
        '{"uid":"a","type":3,"attachmentId":true}',
        '{"uid":"a","type":3,"attachmentId":-1}',
        '{"uid":"a","type":3,"attachmentId":"1234567890123456789"}',
    ],
)
def test_what_is_no_message(said: str) -> None:
    with pytest.raises(ProtocolError):
        read(said.encode(), "/")


@pytest.mark.parametrize("row", [b"", b"\xc1", b"\x01", b"\x80", b"\x81\xa3uid"])
def test_what_is_no_row(row: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_attachment(row, "/")


def test_the_channel_of_a_namespace() -> None:
    assert channel_of("socket.io", "/chat") == b"socket.io#/chat"


@pytest.mark.parametrize("nsp", ["/" + "x" * 53, "/" + "é" * 27, "/\0"])
def test_a_name_that_cannot_be_a_channel(nsp: str) -> None:
    assert is_too_long("socket.io", nsp)

    name = channel_of("socket.io", nsp)

    assert len(name) <= LONGEST_CHANNEL
    assert name.isascii()
    assert name != channel_of("other", nsp)


def test_the_longest_name_that_is_a_channel() -> None:
    nsp = "/" + "x" * 52

    assert not is_too_long("socket.io", nsp)
    assert len(channel_of("socket.io", nsp)) == LONGEST_CHANNEL
