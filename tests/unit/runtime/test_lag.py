from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockio.runtime.lag import KEPT, PERIOD, Lag
from tests.support.late_clock import LateClock


class Loop:
    def __init__(self) -> None:
        self.clock = LateClock()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def lag(loop: Loop) -> Iterator[Lag]:
    lag = Lag(loop)
    yield lag
    lag.close()


def test_nothing_is_measured_before_it_starts(lag: Lag, loop: Loop) -> None:
    loop.clock.advance(5 * PERIOD)

    assert lag.recent == ()
    assert lag.seconds == 0.0


def test_a_timer_that_is_late(lag: Lag, loop: Loop) -> None:
    lag.start()
    loop.clock.late = 0.25
    loop.clock.advance(PERIOD)

    assert lag.recent == pytest.approx([0.25])
    assert lag.seconds == pytest.approx(0.25)


def test_it_is_measured_anew_each_period(lag: Lag, loop: Loop) -> None:
    lag.start()
    loop.clock.late = 0.25
    loop.clock.advance(PERIOD)
    loop.clock.advance(PERIOD)

    assert lag.recent == pytest.approx([0.25, 0.0])
    assert lag.seconds == pytest.approx(0.0)


def test_a_timer_that_has_not_fired_yet(lag: Lag, loop: Loop) -> None:
    lag.start()
    loop.clock.late = PERIOD + 3.0

    assert lag.seconds == pytest.approx(3.0)


def test_a_second_start_does_nothing(lag: Lag, loop: Loop) -> None:
    lag.start()
    lag.start()
    loop.clock.advance(PERIOD)

    assert len(lag.recent) == 1


def test_only_so_many_are_kept(lag: Lag, loop: Loop) -> None:
    lag.start()
    for _ in range(KEPT + 5):
        loop.clock.advance(PERIOD)

    assert len(lag.recent) == KEPT


def test_none_is_made_after_the_end(lag: Lag, loop: Loop) -> None:
    lag.start()
    lag.close()
    lag.start()
    loop.clock.advance(3 * PERIOD)

    assert lag.recent == ()
