"""Intake: when reading pauses and resumes, and when a client is given up."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from sockio.engine.intake import InboxPolicy, Intake, Tally
from sockio.errors import ConfigError, InboxFull

POLICY = InboxPolicy(high_bytes=100, low_bytes=20, high_events=10, low_events=2, hard=3)


class Tap:
    """The session's side; notes its calls, in order."""

    def __init__(self, policy: InboxPolicy | None = POLICY) -> None:
        self.told: list[Any] = []
        self.tally = Tally()
        self.intake = Intake(policy, self, self.tally)

    def on_intake_full(self) -> None:
        self.told.append("pause")

    def on_intake_low(self) -> None:
        self.told.append("resume")

    def give_up(self, error: Exception) -> None:
        self.told.append(error)

    def add(self, count: int, size: int = 0) -> None:
        for _ in range(count):
            self.intake.add(size)

    def remove(self, count: int, size: int = 0) -> None:
        for _ in range(count):
            self.intake.remove(size)


def test_it_pauses_above_the_upper_number_and_resumes_at_the_lower() -> None:
    tap = Tap()

    tap.add(10)
    assert tap.told == []
    tap.add(1)
    assert tap.told == ["pause"]
    tap.add(5)  # what had been read already
    tap.remove(13)
    assert tap.told == ["pause"]
    tap.remove(1)
    assert tap.told == ["pause", "resume"]
    assert tap.tally == Tally(pauses=1)


def test_it_pauses_above_the_upper_size_and_resumes_at_the_lower() -> None:
    tap = Tap()

    tap.add(3, 40)
    assert tap.told == ["pause"]
    tap.remove(2, 40)
    assert tap.told == ["pause"]
    tap.remove(1, 40)
    assert tap.told == ["pause", "resume"]


def test_both_must_be_low() -> None:
    tap = Tap()

    tap.add(1, 90)
    tap.add(11)
    tap.remove(10)
    assert tap.told == ["pause"]
    tap.remove(1, 90)
    assert tap.told == ["pause", "resume"]


def test_who_waits_for_the_client_has_it_read() -> None:
    tap = Tap()

    tap.add(12)
    tap.intake.begin_wait()
    assert tap.told == ["pause", "resume"]
    tap.add(12)
    assert tap.told == ["pause", "resume"]
    tap.intake.end_wait()
    assert tap.told == ["pause", "resume", "pause"]


def test_two_waits_end_one_by_one() -> None:
    tap = Tap()

    tap.intake.begin_wait()
    tap.intake.begin_wait()
    tap.add(20)
    tap.intake.end_wait()
    assert tap.told == []
    tap.intake.end_wait()
    assert tap.told == ["pause"]


@pytest.mark.parametrize(("count", "size"), [(30, 0), (3, 100)])
def test_beyond_the_hard_limit_it_is_given_up(count: int, size: int) -> None:
    tap = Tap()
    tap.intake.begin_wait()

    tap.add(count, size)
    assert tap.told == []
    tap.add(1, size)

    [error] = tap.told
    assert isinstance(error, InboxFull)
    assert tap.tally == Tally(inbox_full=1)


def test_after_the_end_it_tells_nothing() -> None:
    tap = Tap()
    tap.add(11)
    tap.intake.end()

    tap.remove(11)
    tap.add(50)

    assert tap.told == ["pause"]
    assert not tap.intake.paused


def test_without_a_policy_there_is_no_limit() -> None:
    tap = Tap(None)
    tap.intake.begin_wait()

    tap.add(1000, 1 << 30)

    assert tap.told == []


def test_limits_as_large_as_numbers_are() -> None:
    tap = Tap(InboxPolicy(high_bytes=sys.maxsize, high_events=sys.maxsize, hard=1000))
    tap.intake.begin_wait()

    tap.add(10, 1 << 40)

    assert tap.told == []


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (
            {"high_bytes": 0},
            "InboxPolicy(high_bytes=0): give a whole number, 1 or more",
        ),
        ({"high_events": 1.5}, "high_events=1.5"),
        ({"low_events": -1}, "InboxPolicy(low_events=-1): give a whole number, 0 or"),
        ({"hard": True}, "hard=True"),
        ({"high_bytes": 1 << 70}, "high_bytes="),
        ({"low_events": 2000}, "low_events is the larger one"),
        ({"high_bytes": 10}, "give high_bytes >= low_bytes"),
    ],
)
def test_wrong_policies_are_refused(wrong: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        InboxPolicy(**wrong)

    assert hint in str(caught.value)
