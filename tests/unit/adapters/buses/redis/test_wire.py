from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from sockio.adapters import Message, MessageType
from sockio.adapters.buses.redis.wire import (
    Channels,
    Inquiry,
    Kind,
    beginning,
    read_broadcast,
    read_request,
    read_response,
    write_answer,
    write_broadcast,
    write_request,
    write_response,
)
from sockio.errors import EncodeError, ProtocolError

OPTS: dict[str, Any] = {"rooms": ["r"], "except": ["q"], "flags": {"volatile": True}}
BARE = {"rooms": ["r"], "except": ["q"]}
PACKET = {"type": 2, "data": ["x", b"\x00"]}


def message(kind: MessageType, **data: Any) -> Message:
    return Message("me", "/chat", kind, data)


def plain(data: bytes) -> Any:
    """Read what was written, by other libraries."""
    return json.loads(data) if data[:1] == b"{" else msgpack.unpackb(data)


def test_channels() -> None:
    channels = Channels("socket.io", "/chat")

    assert channels.broadcasts == b"socket.io#/chat#"
    assert channels.pattern == b"socket.io#/chat#*"
    assert channels.requests == b"socket.io-request#/chat#"
    assert channels.responses == b"socket.io-response#/chat#"
    assert channels.responses_to("abc") == b"socket.io-response#/chat#abc#"


def test_a_pattern_matches_nothing_else() -> None:
    assert Channels("a*", "/[b]?\\").pattern == rb"a\*#/\[b\]\?\\#*"


@pytest.mark.parametrize(
    ("rooms", "channel"),
    [
        ([], b"p#/#"),
        (["r"], b"p#/#r#"),
        (["r", "r"], b"p#/#r#"),
        (["r", "s"], b"p#/#"),
    ],
)
def test_a_single_room_is_in_the_channel(rooms: list[str], channel: bytes) -> None:
    told = message(MessageType.BROADCAST, opts={"rooms": rooms})

    assert Channels("p", "/").broadcasts_to(told) == channel


@pytest.mark.parametrize(
    ("channel", "room"),
    [
        (b"p#/chat#", None),
        (b"p#/chat#r#", "r"),
        (b"p#/chat#a#b#", "a#b"),
        (b"p#/chat##", ""),
        (b"p#/chat#r", None),
        (b"p#/chat#\xff#", None),
        ("p#/chat#\u00fc#".encode(), "\u00fc"),
    ],
)
def test_the_room_that_a_channel_names(channel: bytes, room: str | None) -> None:
    assert Channels("p", "/chat").room_in(channel) == room


def test_a_broadcast() -> None:
    data = write_broadcast(message(MessageType.BROADCAST, packet=PACKET, opts=OPTS))

    assert plain(data) == ["me", {**PACKET, "nsp": "/chat"}, OPTS]
    assert data.startswith(beginning("me"))
    assert not data.startswith(beginning("m"))
    assert read_broadcast(data, "/chat") == message(
        MessageType.BROADCAST, packet={**PACKET, "nsp": "/chat"}, opts=OPTS
    )
    assert read_broadcast(data, "/") is None


def test_a_broadcast_without_a_namespace_is_for_the_main_one() -> None:
    data = msgpack.packb(["emitter", PACKET, {"rooms": []}])

    assert read_broadcast(data, "/") is not None
    assert read_broadcast(data, "/chat") is None


#: Our messages, and the requests that Node reads.
REQUESTS: list[tuple[Message, dict[str, Any]]] = [
    (
        message(MessageType.SOCKETS_JOIN, opts=OPTS, rooms=["s"]),
        {"type": 2, "opts": BARE, "rooms": ["s"]},
    ),
    (
        message(MessageType.SOCKETS_LEAVE, opts=OPTS, rooms=["s"]),
        {"type": 3, "opts": BARE, "rooms": ["s"]},
    ),
    (
        message(MessageType.DISCONNECT_SOCKETS, opts=OPTS, close=True),
        {"type": 4, "opts": BARE, "close": True},
    ),
    (
        message(MessageType.FETCH_SOCKETS, opts=OPTS, requestId="a"),
        {"type": 5, "opts": BARE, "requestId": "a"},
    ),
    (
        message(MessageType.SERVER_SIDE_EMIT, packet=["x", 1]),
        {"type": 6, "data": ["x", 1]},
    ),
    (
        message(MessageType.SERVER_SIDE_EMIT, packet=["x", b"1"], requestId="a"),
        {"type": 6, "data": ["x", b"1"], "requestId": "a"},
    ),
    (
        message(
            MessageType.BROADCAST, packet=PACKET, opts=OPTS, requestId="a", lost=True
        ),
        {
            "type": 7,
            "packet": {**PACKET, "nsp": "/chat"},
            "opts": OPTS,
            "requestId": "a",
            "lost": True,
        },
    ),
    (message(MessageType.ADAPTER_CLOSE), {"type": 13}),
]


@pytest.mark.parametrize(("told", "request_"), REQUESTS)
def test_requests(told: Message, request_: dict[str, Any]) -> None:
    data = write_request(told)

    assert plain(data) == {"uid": "me", **request_}
    again = read_request(data, "/chat")
    assert isinstance(again, Message)
    assert again[:3] == told[:3]
    for name, value in told.data.items():
        if name not in ("opts", "packet"):
            assert again.data[name] == value
    # Either form of the same is read.
    assert read_request(msgpack.packb(plain(data)), "/chat") == again


#: Our answers, and the responses that Node reads.
RESPONSES: list[tuple[Message, dict[str, Any]]] = [
    (
        message(MessageType.FETCH_SOCKETS_RESPONSE, requestId="a", sockets=[]),
        {"sockets": []},
    ),
    (
        message(MessageType.SERVER_SIDE_EMIT_RESPONSE, requestId="a", packet=[1]),
        {"type": 6, "data": [1]},
    ),
    (
        message(MessageType.BROADCAST_CLIENT_COUNT, requestId="a", clientCount=3),
        {"type": 8, "clientCount": 3},
    ),
    (
        message(MessageType.BROADCAST_ACK, requestId="a", packet=b"x"),
        {"type": 9, "packet": b"x"},
    ),
    (message(MessageType.BROADCAST_LOST, requestId="a"), {"type": 14}),
]


@pytest.mark.parametrize(("told", "response"), RESPONSES)
def test_responses(told: Message, response: dict[str, Any]) -> None:
    data = write_response(told)

    assert plain(data) == {"uid": "me", "requestId": "a", **response}
    assert read_response(data, "/chat") == told
    theirs = msgpack.packb({"requestId": "a", **response})
    assert read_response(theirs, "/chat") == told._replace(uid="")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (
            b'{"requestId":"a"}',
            message(MessageType.FETCH_SOCKETS_RESPONSE, requestId="a", sockets=[]),
        ),
        (
            b'{"type":8,"requestId":"a","clientcount":1}',
            message(MessageType.BROADCAST_CLIENT_COUNT, requestId="a", clientCount=1),
        ),
        (
            b'{"type":8,"requestId":"a"}',
            message(MessageType.BROADCAST_CLIENT_COUNT, requestId="a", clientCount=0),
        ),
    ],
)
def test_responses_of_servers_in_go(data: bytes, told: Message) -> None:
    assert read_response(data, "/chat") == told._replace(uid="")


@pytest.mark.parametrize(
    "response",
    [
        {"requestId": "a", "rooms": ["r"]},
        {"requestId": 7, "type": 8, "clientCount": 1},
        {"requestId": "a", "type": 99},
        {"requestId": "a", "type": "x"},
        {},
    ],
)
def test_answers_to_questions_that_are_not_ours(response: dict[str, Any]) -> None:
    assert read_response(json.dumps(response).encode(), "/") is None


@pytest.mark.parametrize(
    ("request_", "inquiry"),
    [
        ({"type": 0, "rooms": ["r", 7]}, {"rooms": frozenset({"r", "7"})}),
        ({"type": 0}, {}),
        ({"type": 1}, {}),
    ],
)
def test_inquiries(request_: dict[str, Any], inquiry: dict[str, Any]) -> None:
    data = json.dumps({"uid": "they", "requestId": "a", **request_}).encode()

    kind = Kind(request_["type"])
    assert read_request(data, "/") == Inquiry(kind, "they", "a", **inquiry)


@pytest.mark.parametrize(
    ("request_", "kind", "data"),
    [
        ({"type": 2, "room": "r"}, MessageType.SOCKETS_JOIN, {"rooms": ["r"]}),
        ({"type": 3, "room": 7}, MessageType.SOCKETS_LEAVE, {"rooms": [7]}),
        ({"type": 4, "close": True}, MessageType.DISCONNECT_SOCKETS, {"close": True}),
    ],
)
def test_older_servers_change_one_socket(
    request_: dict[str, Any], kind: MessageType, data: dict[str, Any]
) -> None:
    told = {"requestId": "a", "sid": "sid", **request_}

    inquiry = read_request(json.dumps(told).encode(), "/")

    assert isinstance(inquiry, Inquiry)
    assert (inquiry.id, inquiry.sid) == ("a", "sid")
    assert inquiry.change is not None
    assert inquiry.change.type is kind
    assert inquiry.change.data["opts"] == {"rooms": ["sid"]}
    for name, value in data.items():
        assert inquiry.change.data[name] == value
    assert plain(write_answer(inquiry)) == {"requestId": "a"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xc1",
        b"[]",
        b"7",
        b'{"type": true}',
        b'{"type": 2}',
        b'{"type": 2, "sid": "s", "requestId": "a"}',
        b'{"type": 5, "opts": {}}',
        b'{"type": 0, "requestId": "a", "rooms": 7}',
        b'{"type": 7}',
        b"{" + b'"a":{' * 2000,
        b"\x91" * 2000,
    ],
)
def test_bad_requests(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_request(data, "/")


@pytest.mark.parametrize(
    "content", [{}, [], ["u"], ["u", {}], ["u", [], {}], ["u", {}, None], 7, None]
)
def test_bad_broadcasts(content: Any) -> None:
    with pytest.raises(ProtocolError):
        read_broadcast(msgpack.packb(content), "/")


def test_a_request_of_a_type_that_is_not_known() -> None:
    assert read_request(b'{"type": 99}', "/") is None


def test_what_cannot_travel() -> None:
    with pytest.raises(EncodeError):
        write_request(message(MessageType.SERVER_SIDE_EMIT, packet=["x", object()]))
