from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters import Message, MessageType
from sockio.adapters.cluster.errand import Errand
from sockio.errors import ProtocolError
from sockio.testing import FakeClock

COUNT, ACK, LOST = (
    MessageType.BROADCAST_CLIENT_COUNT,
    MessageType.BROADCAST_ACK,
    MessageType.BROADCAST_LOST,
)


class Sender:
    """Runs an errand; notes what it replies."""

    def __init__(self, **data: Any) -> None:
        self.clock = FakeClock()
        self.said: list[tuple[str, MessageType, dict[str, Any]]] = []
        self.ended = 0
        self.stopped = 0
        question = Message(
            "asker", "/", MessageType.BROADCAST, {"requestId": "7", **data}
        )
        self.errand = Errand(self.reply, question, self._over)

    def reply(self, to: str, kind: MessageType, **data: Any) -> None:
        assert data.pop("requestId") == "7"
        self.said.append((to, kind, data))

    def start(self) -> None:
        self.errand.started(self._stop, self.clock, 5)

    def _over(self, errand: Errand) -> None:
        assert errand is self.errand
        self.ended += 1

    def _stop(self) -> None:
        self.stopped += 1


def test_what_clients_answer_goes_to_the_asker() -> None:
    sender = Sender(lost=True)
    sender.errand.count(3)
    sender.start()

    sender.errand.answered(["a", "left out"])
    sender.errand.answered([])
    assert sender.ended == 0
    sender.errand.lost()

    assert sender.said == [
        ("asker", COUNT, {"clientCount": 3}),
        ("asker", ACK, {"packet": "a"}),
        ("asker", ACK, {"packet": None}),
        ("asker", LOST, {}),
    ]
    assert (sender.ended, sender.stopped, sender.clock.armed) == (1, 1, 0)


def test_an_asker_that_does_not_know_is_not_told_who_is_lost() -> None:
    sender = Sender()
    sender.errand.count(1)
    sender.start()

    sender.errand.lost()

    assert [kind for _, kind, _ in sender.said] == [COUNT]
    assert sender.ended == 1


def test_an_answer_may_overtake_the_count() -> None:
    sender = Sender()

    sender.errand.answered(["a"])
    assert sender.ended == 0
    sender.errand.count(1)
    sender.start()

    assert (sender.ended, sender.clock.armed) == (1, 0)


def test_it_ends_with_the_time() -> None:
    sender = Sender()
    sender.errand.count(1)
    sender.start()

    sender.clock.advance(5)

    assert (sender.ended, sender.stopped) == (1, 1)


def test_a_question_has_an_id() -> None:
    question = Message("asker", "/", MessageType.BROADCAST, {"requestId": 7})

    with pytest.raises(ProtocolError, match="no requestId"):
        Errand(Sender().reply, question, lambda errand: None)
