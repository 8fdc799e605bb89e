from __future__ import annotations

import logging
from typing import Any

import gevent
import pytest
from gevent.event import Event

from sockio.runtime.clock import Clock
from sockio.testing import FakeClock
from sockio.testing import clock as module


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_it_is_a_clock(clock: FakeClock) -> None:
    assert isinstance(clock, Clock)


def test_time_stands_still_until_it_is_advanced(clock: FakeClock) -> None:
    wall = clock.time()
    assert clock.now() == 0.0

    clock.advance(2.5)

    assert clock.now() == 2.5
    assert clock.time() == wall + 2.5


def test_timers_fire_in_order_of_time_and_see_their_time(clock: FakeClock) -> None:
    seen: list[tuple[str, float]] = []

    def call(name: str) -> None:
        seen.append((name, clock.now()))

    clock.call_later(3, call, "three")
    clock.call_later(1, call, "one")
    clock.call_later(1, call, "one, armed second")
    clock.call_later(9, call, "nine")

    clock.advance(5)

    assert seen == [("one", 1.0), ("one, armed second", 1.0), ("three", 3.0)]
    assert clock.armed == 1


def test_a_timer_fires_at_its_moment_and_not_before(clock: FakeClock) -> None:
    calls: list[float] = []
    clock.call_later(1, lambda: calls.append(clock.now()))

    clock.advance(0.999)
    assert calls == []

    clock.advance(0.001)
    assert calls == [1.0]


def test_sums_of_floats_do_not_delay_a_timer(clock: FakeClock) -> None:
    calls: list[str] = []
    clock.call_later(1, calls.append, "due")

    for _ in range(10):
        clock.advance(0.1)

    assert calls == ["due"]


def test_timers_armed_on_the_way_fire_too(clock: FakeClock) -> None:
    beats: list[float] = []

    def beat() -> None:
        beats.append(clock.now())
        clock.call_later(2, beat)

    clock.call_later(2, beat)
    clock.advance(7)

    assert beats == [2.0, 4.0, 6.0]


def test_a_cancelled_timer_does_not_fire(clock: FakeClock) -> None:
    calls: list[str] = []
    timer = clock.call_later(1, calls.append, "cancelled")
    assert clock.armed == 1

    timer.cancel()
    timer.cancel()
    clock.advance(2)

    assert calls == []
    assert clock.armed == 0


def test_a_timer_may_cancel_another_of_the_same_moment(clock: FakeClock) -> None:
    calls: list[str] = []
    clock.call_later(1, lambda: second.cancel())
    second = clock.call_later(1, calls.append, "second")

    clock.advance(1)

    assert calls == []


def test_greenlets_settle_after_each_timer(clock: FakeClock) -> None:
    order: list[str] = []
    bell = Event()

    def sleeper() -> None:
        bell.wait()
        order.append("woken")

    gevent.spawn(sleeper)
    clock.call_later(1, bell.set)
    clock.call_later(2, order.append, "later")

    clock.advance(2)

    assert order == ["woken", "later"]


def test_greenlets_that_wait_to_start_arm_their_timers_first(
    clock: FakeClock,
) -> None:
    calls: list[float] = []
    gevent.spawn(clock.call_later, 1, lambda: calls.append(clock.now()))

    clock.advance(5)

    assert calls == [1.0]


def test_settle_lets_long_chains_of_greenlets_run_to_their_end(
    clock: FakeClock,
) -> None:
    steps: list[int] = []

    def step(number: int) -> None:
        steps.append(number)
        if number < 3000:
            gevent.spawn(step, number + 1)

    gevent.spawn(step, 0)
    clock.settle()

    assert len(steps) == 3001
    assert clock.now() == 0.0


def test_settle_fires_what_is_due_at_once(clock: FakeClock) -> None:
    calls: list[str] = []
    clock.call_later(0, calls.append, "now")
    clock.call_later(-1, calls.append, "overdue")

    clock.settle()

    assert calls == ["now", "overdue"]


def test_calls_run_in_the_hub_where_blocking_is_a_bug(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    where: list[Any] = []
    clock.call_later(1, lambda: where.append(gevent.getcurrent()))
    clock.call_later(1, Event().wait)

    with caplog.at_level(logging.ERROR, "sockio.runtime.clock"):
        clock.advance(1)

    assert where == [gevent.get_hub()]
    (record,) = caplog.records
    assert "blocking" in str(record.exc_info)


def test_an_exception_is_logged_and_time_goes_on(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    clock.call_later(1, int, "not a number")
    clock.call_later(2, calls.append, "next")

    with caplog.at_level(logging.ERROR, "sockio.runtime.clock"):
        clock.advance(2)

    assert calls == ["next"]
    assert len(caplog.records) == 1


def test_time_does_not_go_backwards(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_a_greenlet_that_never_waits_is_reported(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.02)

    again = True

    def turn() -> None:
        if again:
            gevent.get_hub().loop.run_callback(turn)

    turn()
    try:
        with pytest.raises(RuntimeError, match="endless loop"):
            clock.settle()
    finally:
        again = False
    clock.settle()


def test_a_greenlet_that_settles_takes_no_time_back() -> None:
    clock = FakeClock()
    settling = gevent.spawn(clock.settle)
    gevent.idle()

    clock.advance(5)
    settling.get()

    assert clock.now() == 5
