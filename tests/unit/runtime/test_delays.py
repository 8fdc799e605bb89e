from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from sockio.runtime.clock import Clock, Timer
from sockio.runtime.delays import Delays
from sockio.runtime.latch import Latch
from sockio.testing import FakeClock


class Calls:
    """Delays, and a record of the calls that they made, and when."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.delays = Delays(self.clock)
        self.made: list[tuple[str, float]] = []

    def later(self, seconds: float, name: str) -> object:
        return self.delays.call_later(
            seconds, lambda: self.made.append((name, self.clock.now()))
        )


@pytest.fixture
def calls() -> Calls:
    return Calls()


def test_calls_are_made_in_time(calls: Calls) -> None:
    calls.later(5, "a")
    calls.clock.advance(0.1)
    calls.later(5, "b")
    calls.later(1, "c")

    calls.clock.advance(10)

    assert calls.made == [("c", 1.1), ("a", 5.0), ("b", 5.1)]
    assert calls.clock.armed == 0


def test_a_wait_may_have_begun_a_moment_ago(calls: Calls) -> None:
    calls.clock.advance(3)

    calls.delays.call_after(2.5, 5, lambda: calls.made.append(("a", calls.clock.now())))
    calls.later(5, "b")
    calls.clock.advance(10)

    assert calls.made == [("a", 7.5), ("b", 8.0)]


class RoundingClock(FakeClock):
    """Waits for a whole number of milliseconds, like the loop."""

    tick = 0.001

    def call_later(
        self, seconds: float, fn: Callable[..., object], *args: Any
    ) -> Timer:
        return super().call_later(math.ceil(seconds * 1000) / 1000, fn, *args)


def test_a_call_is_early_rather_than_late(calls: Calls) -> None:
    calls.clock = RoundingClock()
    calls.delays = Delays(calls.clock)
    calls.clock.advance(0.0004)

    calls.delays.call_after(0, 5, lambda: calls.made.append(("a", calls.clock.now())))
    calls.clock.advance(10)

    assert [made for _, made in calls.made] == [pytest.approx(4.9994)]


def test_those_of_one_length_share_a_timer(calls: Calls) -> None:
    for number in range(100):
        calls.later(5, str(number))

    assert calls.clock.armed == 1
    calls.clock.advance(5)
    assert [name for name, _ in calls.made] == [str(number) for number in range(100)]


def test_a_cancelled_call_is_not_made(calls: Calls) -> None:
    timers = [calls.delays.call_later(5, lambda: calls.made.append(("no", 0)))]
    calls.later(5, "a")
    timers.append(calls.delays.call_later(5, lambda: calls.made.append(("no", 0))))
    for timer in timers * 2:
        timer.cancel()

    calls.clock.advance(5)

    assert calls.made == [("a", 5.0)]
    assert calls.clock.armed == 0


def test_nothing_is_armed_when_all_are_cancelled(calls: Calls) -> None:
    timers = [calls.delays.call_later(5, calls.made.clear) for _ in "ab"]
    calls.clock.advance(1)

    for timer in timers:
        timer.cancel()

    assert calls.clock.armed == 0
    calls.later(5, "a")
    calls.clock.advance(5)
    assert calls.made == [("a", 6.0)]


def test_a_call_may_arm_and_cancel_others(calls: Calls) -> None:
    def first() -> None:
        calls.made.append(("first", calls.clock.now()))
        second.cancel()
        third.cancel()
        calls.later(5, "again")

    calls.delays.call_later(5, first)
    second = calls.delays.call_later(5, lambda: calls.made.append(("no", 0)))
    calls.clock.advance(1)
    third = calls.delays.call_later(5, lambda: calls.made.append(("no", 0)))

    calls.clock.advance(20)

    assert calls.made == [("first", 5.0), ("again", 10.0)]
    assert calls.clock.armed == 0


def test_a_call_that_fails_is_logged_and_the_others_are_made(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    calls.delays.call_later(5, lambda: [][0])
    calls.later(5, "a")

    calls.clock.advance(5)

    assert calls.made == [("a", 5.0)]
    assert "IndexError" in caplog.text


def test_a_cancelled_call_keeps_nothing_alive(calls: Calls) -> None:
    class Session:
        def end(self) -> None: ...

    session = Session()
    gone = weakref.ref(session)
    calls.later(5, "a")
    timer = calls.delays.call_later(5, session.end)
    del session

    timer.cancel()

    gc.collect()
    assert gone() is None
    calls.clock.advance(5)


def test_works_with_the_real_clock() -> None:
    clock = Clock()
    delays, latch = Delays(clock), Latch[None](clock)
    begun = clock.now()

    delays.call_later(0.01, lambda: delays.call_later(0.01, lambda: latch.set(None)))
    latch.wait(5)

    assert clock.now() - begun >= 0.018
