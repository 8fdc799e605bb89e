from __future__ import annotations

import json
from typing import Any

import pytest

from sockio.adapters.buses.redis.options import Options
from sockio.adapters.buses.redis.sharded_language import ShardedLanguage
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError

LANGUAGE = ShardedLanguage(Options(mode="sharded", prefix="p"))


def message(kind: MessageType, **data: Any) -> Message:
    return Message("emitter", "/chat", kind, data)


def test_a_broadcast() -> None:
    data = {"packet": {"type": 2, "data": ["x"]}, "opts": {"rooms": ["r"]}}
    command = LANGUAGE.say(message(MessageType.BROADCAST, **data))

    assert command[:2] == ("SPUBLISH", b"p#/chat#r#")
    assert json.loads(command[2]) == {
        "uid": "emitter",
        "nsp": "/chat",
        "type": 3,
        "data": data,
    }


def test_a_question_and_its_answers() -> None:
    question = message(MessageType.SERVER_SIDE_EMIT, packet=["x", 1], requestId="a")
    count, command = LANGUAGE.ask(question)

    assert count == ("PUBSUB", "SHARDNUMSUB", b"p#/chat#")
    assert command[:2] == ("SPUBLISH", b"p#/chat#")
    assert json.loads(command[2])["data"] == {"packet": ["x", 1], "requestId": "a"}
    assert LANGUAGE.answers("/chat") == ("SSUBSCRIBE", (b"p#/chat#emitter#",))
    answer = {"uid": "a", "nsp": "/chat", "type": 10, "data": {"packet": 7}}
    read = LANGUAGE.read(json.dumps(answer).encode(), "/chat")
    assert read is not None
    assert read.type is MessageType.SERVER_SIDE_EMIT_RESPONSE
    assert read.data == {"packet": 7}


def test_what_is_too_large() -> None:
    language = ShardedLanguage(Options(max_message=10))

    with pytest.raises(EncodeError, match="10 are the most"):
        language.say(message(MessageType.SERVER_SIDE_EMIT, packet=["x"]))
