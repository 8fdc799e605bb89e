from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters.cluster.requests import Gathering, Poll, Requests
from sockio.errors import ClusterTimeout
from sockio.testing import FakeClock
from tests.contract.adapters import Question


class Done:
    def __init__(self) -> None:
        self.calls: list[tuple[ClusterTimeout | None, list[Any]]] = []

    def __call__(self, error: ClusterTimeout | None, values: list[Any]) -> None:
        self.calls.append((error, values))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def done() -> Done:
    return Done()


@pytest.fixture
def gathering(clock: FakeClock, done: Done) -> Gathering:
    return Requests().gather("it", clock, 5, done)[1]


def test_all_are_waited_for(gathering: Gathering, done: Done, clock: FakeClock) -> None:
    gathering.expect(2)
    gathering.answer("a", 1)
    gathering.answer("a", "again")
    assert done.calls == []
    gathering.answer("b", 2)
    gathering.answer("c", "too late")

    assert done.calls == [(None, [1, 2])]
    assert clock.armed == 0


def test_how_many_there_are_may_be_known_last(gathering: Gathering, done: Done) -> None:
    gathering.answer("a", 1)
    assert done.calls == []
    gathering.expect(1)

    assert done.calls == [(None, [1])]


def test_nobody_need_answer_where_nobody_is(gathering: Gathering, done: Done) -> None:
    gathering.expect(0)

    assert done.calls == [(None, [])]


def test_who_leaves_is_not_waited_for(gathering: Gathering, done: Done) -> None:
    gathering.expect(2)
    gathering.answer("a", 1)
    gathering.gone("a")
    assert done.calls == []
    gathering.gone("b")

    assert done.calls == [(None, [1])]


def test_who_is_silent_is_told_of(
    gathering: Gathering, done: Done, clock: FakeClock
) -> None:
    gathering.expect(3)
    gathering.answer("a", 1)
    clock.advance(5)

    ((error, values),) = done.calls
    assert str(error) == "it: 1 of 3 other servers answered within 5 s"
    assert (values, error and error.responses) == ([1], [1])


def test_questions_end_with_their_adapter(clock: FakeClock, done: Done) -> None:
    requests, question, found = Requests(), Question(), Done()
    id, gathering = requests.gather("it", clock, 5, done)
    other, poll = requests.poll(question)
    requests.search(["a"], lambda value: found(None, [value]))
    gathering.answer("a", 1)

    requests.close()
    gathering.answer("b", 1)
    poll.count("a", 1)

    assert requests.gathering(id) is None
    assert requests.clients(other) is None
    ((error, values),) = done.calls
    assert "1 of an unknown number other servers answered when the" in str(error)
    assert values == [1]
    assert (question.expected, question.counts, clock.armed) == ([1], [], 0)
    assert found.calls == [(None, [None])]


@pytest.mark.parametrize("expected", [None, 3])
def test_clients_of_others_count_as_gone_when_the_adapter_ends(
    expected: int | None,
) -> None:
    requests, question = Requests(), Question()
    _, poll = requests.poll(question)
    if expected is not None:
        poll.expect(expected)
    poll.count("a", 3)
    poll.answered("a", "x")
    poll.answered("b", "y")

    requests.close()

    # Ours is one of them, and counts for itself.
    assert question.expected == [3 if expected is None else 4]
    assert question.counts == [3, 1] if expected is None else [3, 1, 0]
    assert (question.answers, question.gone) == ([["x"], ["y"]], 2)


# ------------------------------------------------------------------ clients


@pytest.fixture
def question() -> Question:
    return Question()


@pytest.fixture
def poll(question: Question) -> Poll:
    return Requests().poll(question)[1]


def test_ours_is_one_of_the_servers(poll: Poll, question: Question) -> None:
    poll.expect(2)

    assert question.expected == [3]


def test_a_server_counts_once(poll: Poll, question: Question) -> None:
    poll.count("a", 2)
    poll.count("a", 5)

    assert question.counts == [2]


def test_clients_of_a_server_that_leaves_are_lost(
    poll: Poll, question: Question
) -> None:
    poll.count("a", 3)
    poll.answered("a", "x")
    poll.lost("a")
    poll.gone("a")
    poll.gone("a")

    assert question.answers == [["x"]]
    assert question.gone == 2


def test_a_server_that_leaves_before_it_counts_has_asked_who_answered(
    poll: Poll, question: Question
) -> None:
    poll.answered("a", "x")
    poll.gone("a")

    assert question.counts == [1]
    assert question.gone == 0


def test_what_a_server_that_left_says_later_has_been_given_up(
    poll: Poll, question: Question
) -> None:
    # It hung, and now goes on.
    poll.count("a", 2)
    poll.gone("a")
    poll.gone("b")

    poll.answered("a", "x")
    poll.lost("a")
    poll.count("b", 1)
    poll.answered("b", "x")

    assert question.counts == [2, 0]
    assert question.answers == []
    assert question.gone == 2
