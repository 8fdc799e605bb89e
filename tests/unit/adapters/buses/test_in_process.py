from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters import Cluster, Exchange, Message, MessageType
from sockio.errors import EncodeError
from sockio.runtime.reactor import Reactor
from tests.contract.adapters import Server


class Member:
    """A server's bus, and what it has received."""

    def __init__(self, exchange: Exchange, uid: str) -> None:
        self.bus = exchange.bus()
        self.uid = uid
        self.got: list[Message] = []
        self.nsp = Server(Cluster(self.bus))
        self.bus.open(Reactor(), lambda message, offset: self.got.append(message))
        self.bus.join(self.nsp, uid, ())

    def message(self, *packet: Any) -> Message:
        kind = MessageType.SERVER_SIDE_EMIT
        return Message(self.uid, self.nsp.name, kind, {"packet": list(packet)})


@pytest.fixture
def members() -> list[Member]:
    exchange = Exchange()
    return [Member(exchange, uid) for uid in "abc"]


def test_all_others_get_what_one_says(members: list[Member]) -> None:
    a, b, c = members
    reached: list[int] = []

    a.bus.publish(a.message("x", b"1"), reached.append)

    assert (a.got, b.got, c.got) == ([], [a.message("x", b"1")], [a.message("x", b"1")])
    assert reached == [2]


def test_nobody_shares_what_was_said(members: list[Member]) -> None:
    a, b, c = members
    said = a.message(["x"])

    a.bus.publish(said)
    b.got[0].data["packet"].append("changed")

    assert c.got == [a.message(["x"])]
    assert said == a.message(["x"])


def test_an_answer_goes_to_one(members: list[Member]) -> None:
    a, b, c = members

    b.bus.reply("a", b.message("yes"))
    b.bus.reply("nobody", b.message("yes"))

    assert (a.got, c.got) == ([b.message("yes")], [])


def test_who_has_left_hears_nothing(members: list[Member]) -> None:
    a, b, c = members
    counts: list[int] = []

    b.bus.leave(b.nsp, "b")
    c.bus.close()
    a.bus.publish(a.message("x"))
    a.bus.count(a.nsp, counts.append)

    assert (b.got, c.got) == ([], [])
    assert counts == [1]


def test_what_cannot_travel_is_an_error_of_the_sender(members: list[Member]) -> None:
    with pytest.raises(EncodeError):
        members[0].bus.publish(members[0].message(object()))

    assert members[1].got == []
