from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from sockio.adapters.buses.node_wire import beginnings, read_message, write_message
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError, ProtocolError

OPTS = {"rooms": ["r"], "except": [], "flags": {}}


def broadcast(*args: Any) -> Message:
    packet = {"type": 2, "data": ["chat", *args]}
    data = {"packet": packet, "opts": OPTS}
    return Message("0123456789abcdef", "/", MessageType.BROADCAST, data)


def test_a_message_is_json_as_nodes() -> None:
    assert json.loads(write_message(broadcast("é", [1, None]))) == {
        "uid": "0123456789abcdef",
        "nsp": "/",
        "type": 3,
        "data": {
            "packet": {"type": 2, "data": ["chat", "é", [1, None]]},
            "opts": OPTS,
        },
    }


def test_with_bytes_it_is_messagepack() -> None:
    written = write_message(broadcast(b"\x00\xff"))

    assert msgpack.unpackb(written)["data"]["packet"]["data"] == ["chat", b"\x00\xff"]


@pytest.mark.parametrize("arg", ["x", b"x", {"a": [1.5, b""]}, None, 2**60])
def test_what_is_written_is_read(arg: Any) -> None:
    message = broadcast(arg)
    written = write_message(message)

    assert read_message(written) == message
    assert written.startswith(beginnings(message.uid))
    assert not written.startswith(beginnings("0123456789abcdee"))


def test_what_cannot_travel() -> None:
    with pytest.raises(EncodeError):
        write_message(broadcast(object()))


@pytest.mark.parametrize("data", ["null", "{}"])
def test_data_may_be_missing(data: str) -> None:
    text = f'{{"uid":"u","nsp":"/","type":13,"data":{data}}}'
    gone = Message("u", "/", MessageType.ADAPTER_CLOSE)

    assert read_message(text.encode()) == gone
    assert read_message(b'{"uid":"u","nsp":"/","type":13}') == gone


def test_a_request_id_that_is_undefined_is_none() -> None:
    said = {"uid": "u", "nsp": "/", "type": 9, "data": {"requestId": None, "a": 1}}

    message = read_message(msgpack.packb(said))

    assert message is not None
    assert message.data == {"a": 1}


@pytest.mark.parametrize("number", [0, 1, 2, 15, 99, -1, True, 2**60])
def test_types_that_are_not_known_are_nothing(number: Any) -> None:
    said = {"uid": "u", "nsp": "/", "type": number, "data": {}}

    assert read_message(json.dumps(said).encode()) is None


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"garbage",
        b"\x93\x01\x02\x03",
        b"\xc1",
        b"[]",
        b'{"uid":1,"nsp":"/","type":3,"data":{}}',
        b'{"uid":"u","type":3,"data":{}}',
        b'{"uid":"u","nsp":"/","type":"3","data":{}}',
        b'{"uid":"u","nsp":"/","type":3.5,"data":{}}',
        b'{"uid":"u","nsp":"/","type":3,"data":[]}',
        b"{" * 100_000,
    ],
)
def test_what_is_no_message(said: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_message(said)
