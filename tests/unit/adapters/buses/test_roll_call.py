from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters.buses.presence import GREETING
from sockio.adapters.buses.roll_call import RollCall
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import ClusterTimeout

QUESTION = Message("emitter", "/", MessageType.SERVER_SIDE_EMIT, {"requestId": "a"})


def greeted(uid: str) -> Message:
    return Message(uid, "/", MessageType.HEARTBEAT)


def answer(uid: str, id: str = "a", **data: Any) -> Message:
    data["requestId"] = id
    return Message(uid, "/", MessageType.SERVER_SIDE_EMIT_RESPONSE, data)


def test_nobody_is_there() -> None:
    call = RollCall(QUESTION, 5, now=100)

    assert call.until == 100 + GREETING
    assert call.answers() == []


def test_who_has_greeted_is_waited_for() -> None:
    call = RollCall(QUESTION, 5, now=100)

    call.hear(greeted("x"))
    call.hear(greeted("y"))
    assert call.until == 105
    call.hear(answer("y", packet=1))
    assert call.until == 105
    call.hear(answer("x", packet=None))

    assert call.until == 100 + GREETING
    assert call.answers() == [1, None]


def test_who_goes_is_waited_for_no_longer() -> None:
    call = RollCall(QUESTION, 5, now=0)
    call.hear(greeted("x"))

    call.hear(Message("x", "/", MessageType.ADAPTER_CLOSE))

    assert call.answers() == []


def test_what_is_no_answer_to_the_question() -> None:
    call = RollCall(QUESTION, 5, now=0)

    call.hear(answer("x", "b", packet=1))
    call.hear(answer("x"))
    call.hear(answer("emitter", packet=1))
    call.hear(greeted("emitter"))
    call.hear(QUESTION)
    call.hear(answer("x", packet=2))
    call.hear(answer("x", packet=3))

    assert call.answers() == [2]


def test_some_do_not_answer() -> None:
    call = RollCall(QUESTION, 0.1, now=0)
    assert call.until == 0.1
    for uid in "xyz":
        call.hear(greeted(uid))
    call.hear(answer("y", packet=7))

    with pytest.raises(ClusterTimeout, match="1 of 3 servers answered within") as it:
        call.answers()

    assert it.value.responses == [7]
    assert it.value.missing == {"x", "z"}
