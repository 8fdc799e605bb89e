from __future__ import annotations

import traceback

import gevent
import pytest

from sockio.runtime.clock import Clock
from sockio.runtime.latch import Latch
from sockio.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_value_set_before_is_returned_at_once(clock: FakeClock) -> None:
    latch: Latch[str] = Latch(clock)
    assert not latch.ready

    latch.set("value")

    assert latch.ready
    assert latch.wait() == "value"
    assert latch.wait(0) == "value"


def test_an_error_set_before_is_raised_at_once(clock: FakeClock) -> None:
    latch: Latch[str] = Latch(clock)

    latch.fail(KeyError("why"))

    with pytest.raises(KeyError, match="why"):
        latch.wait()


@pytest.mark.parametrize("first", ["set", "fail"])
def test_only_the_first_outcome_counts(clock: FakeClock, first: str) -> None:
    latch: Latch[int] = Latch(clock)
    if first == "set":
        latch.set(1)
    else:
        latch.fail(ValueError("first"))

    latch.set(2)
    latch.fail(KeyError())

    if first == "set":
        assert latch.wait() == 1
    else:
        with pytest.raises(ValueError, match="first"):
            latch.wait()


def test_all_waiters_are_woken(clock: FakeClock) -> None:
    latch: Latch[int] = Latch(clock)
    waiting = [gevent.spawn(latch.wait, timeout) for timeout in (None, 5, 10)]
    clock.settle()

    latch.set(7)
    clock.settle()

    assert [greenlet.get(block=False) for greenlet in waiting] == [7, 7, 7]
    assert clock.armed == 0


def test_an_error_reaches_all_waiters(clock: FakeClock) -> None:
    latch: Latch[int] = Latch(clock)
    caught: list[Exception] = []

    def wait() -> None:
        try:
            latch.wait()
        except ValueError as error:
            caught.append(error)

    for _ in range(2):
        gevent.spawn(wait)
    clock.settle()

    latch.fail(error := ValueError("why"))
    clock.settle()

    assert caught == [error, error]


def test_waiting_again_does_not_lengthen_the_traceback(clock: FakeClock) -> None:
    latch: Latch[int] = Latch(clock)
    latch.fail(ValueError("why"))
    lengths = []

    for _ in range(3):
        with pytest.raises(ValueError, match="why") as caught:
            latch.wait()
        lengths.append(len(traceback.extract_tb(caught.tb)))

    assert len(set(lengths)) == 1


def test_the_deadline_comes_from_the_clock(clock: FakeClock) -> None:
    latch: Latch[int] = Latch(clock)
    ended_at: list[float] = []

    def wait() -> None:
        with pytest.raises(TimeoutError, match="operation has timed out"):
            latch.wait(5)
        ended_at.append(clock.now())

    gevent.spawn(wait)

    clock.advance(4.9)
    assert ended_at == []

    clock.advance(10)
    assert ended_at == [5.0]


def test_a_wait_that_timed_out_may_be_repeated(clock: FakeClock) -> None:
    latch: Latch[int] = Latch(clock)

    def wait() -> int:
        with pytest.raises(TimeoutError):
            latch.wait(1)
        return latch.wait(1)

    waiting = gevent.spawn(wait)
    clock.advance(1)
    latch.set(3)
    clock.settle()

    assert waiting.get(block=False) == 3
    assert clock.armed == 0


def test_no_time_left_is_a_timeout_at_once(clock: FakeClock) -> None:
    with pytest.raises(TimeoutError):
        Latch[int](clock).wait(0)


def test_a_value_beats_a_deadline_of_the_same_moment(clock: FakeClock) -> None:
    latch: Latch[int] = Latch(clock)
    clock.call_later(5, latch.set, 1)
    waiting = gevent.spawn(latch.wait, 5)

    clock.advance(5)

    assert waiting.get(block=False) == 1


def test_a_killed_waiter_leaves_no_timer_and_does_not_disturb(
    clock: FakeClock,
) -> None:
    latch: Latch[int] = Latch(clock)
    killed, other = gevent.spawn(latch.wait, 5), gevent.spawn(latch.wait, 5)
    clock.settle()

    killed.kill(block=False)
    clock.settle()
    latch.set(1)
    clock.settle()

    assert other.get(block=False) == 1
    assert clock.armed == 0


def test_a_waiter_killed_after_it_was_set_does_not_disturb(clock: FakeClock) -> None:
    latch: Latch[int] = Latch(clock)
    killed = gevent.spawn(latch.wait)
    clock.settle()

    killed.kill(block=False)
    latch.set(1)
    clock.settle()

    assert killed.dead
    assert latch.wait() == 1


def test_it_works_with_the_real_clock_too() -> None:
    latch: Latch[str] = Latch(Clock())

    Clock().call_later(0.001, latch.set, "from the hub")

    assert latch.wait(2) == "from the hub"


def test_the_real_clock_ends_a_wait() -> None:
    with pytest.raises(TimeoutError):
        Latch[int](Clock()).wait(0.001)
