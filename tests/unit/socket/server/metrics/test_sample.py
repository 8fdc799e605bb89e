from __future__ import annotations

from sockio.socket.server.metrics.sample import in_steps, percentiles


def test_percentiles() -> None:
    told = {part: value for [part], value in percentiles(range(101))}

    assert told == {"50": 50, "90": 90, "99": 99, "100": 100}


def test_percentiles_of_one_value() -> None:
    assert {value for _, value in percentiles([7.0])} == {7.0}


def test_there_are_no_percentiles_of_nothing() -> None:
    assert percentiles([]) == []


def test_others_have_a_turn_after_each_step() -> None:
    turns: list[int] = []
    seen: list[int] = []

    for thing in in_steps(lambda _: turns.append(len(seen)), range(7), 3):
        seen.append(thing)

    assert seen == list(range(7))
    assert turns == [3, 6]


def test_what_changes_meanwhile_does_no_harm() -> None:
    things = {n: n for n in range(4)}

    for thing in in_steps(lambda _: None, things, 2):
        things.pop(thing)

    assert things == {}
