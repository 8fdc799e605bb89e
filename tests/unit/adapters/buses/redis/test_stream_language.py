from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from sockio.adapters.buses.redis.options import Options
from sockio.adapters.buses.redis.stream_language import StreamLanguage
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError

LANGUAGE = StreamLanguage(Options(mode="streams", prefix="p", max_len=5))


def message(kind: MessageType, **data: Any) -> Message:
    return Message("emitter", "/chat", kind, data)


def test_a_broadcast_is_added_to_the_stream() -> None:
    data = {"packet": {"type": 2, "data": ["x"]}, "opts": {"rooms": ["r"]}}
    command = LANGUAGE.say(message(MessageType.BROADCAST, **data))

    assert command[:6] == ("XADD", b"p", "MAXLEN", "~", 5, "*")
    fields = dict(zip(command[6::2], command[7::2], strict=True))
    assert json.loads(fields.pop(b"data")) == data
    assert fields == {b"uid": b"emitter", b"nsp": b"/chat", b"type": b"3"}


def test_the_stream_of_a_namespace() -> None:
    options = Options(mode="streams", stream_name="s", stream_count=3)
    join = message(MessageType.SOCKETS_JOIN, opts={"rooms": []}, rooms=["r"])

    assert StreamLanguage(options).say(join)[1] in (b"s-0", b"s-1", b"s-2")


def test_an_event_for_servers_is_published() -> None:
    command = LANGUAGE.say(message(MessageType.SERVER_SIDE_EMIT, packet=["x"]))

    assert command[:2] == ("PUBLISH", b"p#/chat#")


def test_a_question_and_its_answers() -> None:
    question = message(MessageType.SERVER_SIDE_EMIT, packet=["x", 1], requestId="a")
    count, command = LANGUAGE.ask(question)

    assert count == ("PUBSUB", "NUMSUB", b"p#/chat#")
    assert msgpack.unpackb(command[2]) == {
        "uid": "emitter",
        "nsp": "/chat",
        "type": 9,
        "data": {"packet": ["x", 1], "requestId": "a"},
    }
    assert LANGUAGE.answers("/chat") == ("SUBSCRIBE", (b"p#/chat#emitter#",))
    answer = {"uid": "a", "nsp": "/chat", "type": 10, "data": {"packet": 7}}
    read = LANGUAGE.read(msgpack.packb(answer), "/chat")
    assert read is not None
    assert read.type is MessageType.SERVER_SIDE_EMIT_RESPONSE
    assert read.data == {"packet": 7}


def test_what_is_too_large() -> None:
    language = StreamLanguage(Options(max_message=10))

    for kind in (MessageType.SERVER_SIDE_EMIT, MessageType.DISCONNECT_SOCKETS):
        with pytest.raises(EncodeError, match="10 are the most"):
            language.say(message(kind, packet=["x"]))
