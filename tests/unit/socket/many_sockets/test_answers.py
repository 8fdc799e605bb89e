from __future__ import annotations

from typing import Any

from sockio.errors import AckTimeout
from sockio.socket.many_sockets.answers import Answers


class Done:
    """How the collection of answers ended."""

    def __init__(self) -> None:
        self.calls: list[tuple[AckTimeout | None, list[Any]]] = []

    def __call__(self, error: AckTimeout | None, responses: list[Any]) -> None:
        self.calls.append((error, list(responses)))


def test_several_servers_are_waited_for() -> None:
    done = Done()
    answers = Answers(done)
    answers.expect(3)
    answers.started()

    answers.count(1)
    answers.answered(["a", "ignored"])
    answers.count(0)
    assert done.calls == []
    answers.count(1)
    assert done.calls == []
    answers.answered(["b"])

    assert done.calls == [(None, ["a", "b"])]


def test_an_answer_may_overtake_its_count() -> None:
    done = Done()
    answers = Answers(done)
    answers.expect(1)
    answers.started()

    answers.answered(["a"])
    assert done.calls == []
    answers.count(1)

    assert done.calls == [(None, ["a"])]


def test_how_many_servers_there_are_may_be_known_last() -> None:
    done = Done()
    answers = Answers(done)
    answers.started()

    answers.count(1)
    answers.answered(["a"])
    answers.count(0)
    assert done.calls == []
    answers.expect(2)

    assert done.calls == [(None, ["a"])]


def test_it_ends_once_and_cleans_up_once() -> None:
    done, cleaned = Done(), []
    answers = Answers(done)
    answers.expect(1)
    answers.started(lambda: cleaned.append("timer"), lambda: cleaned.append("stop"))

    answers.count(1)
    answers.lost()
    answers.time_out()
    answers.answered(["late"])

    assert done.calls == [(None, [])]
    assert cleaned == ["timer", "stop"]


def test_what_ended_before_it_was_started_cleans_up_too() -> None:
    done, cleaned = Done(), []
    answers = Answers(done)
    answers.expect(1)

    answers.count(0)
    answers.started(lambda: cleaned.append("timer"))

    assert done.calls == [(None, [])]
    assert cleaned == ["timer"]


def test_a_timeout_says_how_many_are_missing() -> None:
    done = Done()
    answers = Answers(done)
    answers.expect(2)
    answers.started()
    answers.count(4)
    answers.answered(["a"])
    answers.lost()

    answers.time_out()

    ((error, responses),) = done.calls
    assert isinstance(error, AckTimeout)
    assert (error.responses, error.missing, responses) == (["a"], 2, ["a"])


def test_answers_of_clients_that_were_not_counted_leave_one_missing() -> None:
    done = Done()
    answers = Answers(done)
    answers.expect(2)
    answers.count(0)
    for name in ("a", "b"):
        answers.answered([name])

    answers.time_out()

    ((error, responses),) = done.calls
    assert isinstance(error, AckTimeout)
    assert (error.missing, responses) == (1, ["a", "b"])
