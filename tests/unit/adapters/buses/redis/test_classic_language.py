from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from sockio.adapters.buses.redis.classic_language import ClassicLanguage
from sockio.adapters.buses.redis.options import Options
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError, ProtocolError
from sockio.protocol.socketio.msgpack_parser import write

OPTS = {"rooms": ["r"], "except": ["q"], "flags": {"volatile": True}}
LANGUAGE = ClassicLanguage(Options(prefix="p"), write)


def message(kind: MessageType, **data: Any) -> Message:
    return Message("emitter", "/chat", kind, data)


def test_a_broadcast() -> None:
    packet = {"type": 2, "data": ["x", b"\x00"]}
    command = LANGUAGE.say(message(MessageType.BROADCAST, packet=packet, opts=OPTS))

    assert command[:2] == ("PUBLISH", b"p#/chat#r#")
    assert msgpack.unpackb(command[2]) == ["emitter", {**packet, "nsp": "/chat"}, OPTS]


def test_a_change_of_sockets() -> None:
    join = message(MessageType.SOCKETS_JOIN, rooms=["s"], opts=OPTS)
    command = LANGUAGE.say(join)

    assert command[:2] == ("PUBLISH", b"p-request#/chat#")
    assert json.loads(command[2]) == {
        "uid": "emitter",
        "type": 2,
        "opts": {"rooms": ["r"], "except": ["q"]},
        "rooms": ["s"],
    }


def test_a_question_and_its_answers() -> None:
    question = message(MessageType.SERVER_SIDE_EMIT, packet=["x", 1], requestId="a")
    count, command = LANGUAGE.ask(question)

    assert count == ("PUBSUB", "NUMSUB", b"p-request#/chat#")
    assert command[:2] == ("PUBLISH", b"p-request#/chat#")
    assert json.loads(command[2]) == {
        "uid": "emitter",
        "requestId": "a",
        "type": 6,
        "data": ["x", 1],
    }
    responses = (b"p-response#/chat#", b"p-response#/chat#emitter#")
    assert LANGUAGE.answers("/chat") == ("SUBSCRIBE", responses)
    answer = LANGUAGE.read(b'{"type":6,"requestId":"a","data":7}', "/chat")
    assert answer is not None
    assert answer.type is MessageType.SERVER_SIDE_EMIT_RESPONSE
    assert answer.data == {"requestId": "a", "packet": 7}
    with pytest.raises(ProtocolError):
        LANGUAGE.read(b"{", "/chat")


def test_what_is_too_large() -> None:
    language = ClassicLanguage(Options(max_message=10), write)

    with pytest.raises(EncodeError, match="10 are the most"):
        language.say(message(MessageType.SERVER_SIDE_EMIT, packet=["x"]))
