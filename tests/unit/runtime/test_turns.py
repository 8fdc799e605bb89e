"""Turns: work in steps, paused, resumed, and cut short by the clock."""

from __future__ import annotations

import gc
import weakref

import gevent
import pytest

from sockio.runtime.batch import TURN
from sockio.runtime.clock import Clock
from sockio.runtime.reactor import Reactor
from sockio.runtime.turns import Turns


class Stopwatch(Clock):
    """A clock that a test sets."""

    at = 0.0

    def now(self) -> float:
        return self.at


class Work:
    """Some steps, each of which takes as long as the test says."""

    def __init__(self, steps: int) -> None:
        self.clock = Stopwatch()
        self.reactor = Reactor(self.clock)
        self.reactor.start()
        self.turns = Turns(self.reactor, self._step)
        self.left = steps
        self.takes = 0.0
        self.pauses_at: int | None = None
        self.fails_at: int | None = None

    def one_pass(self) -> None:
        """Blocks: until the next pass of the loop."""
        latch = self.reactor.latch()
        self.reactor.next_pass(lambda: latch.set(None))
        latch.wait()

    def _step(self) -> bool:
        self.clock.at += self.takes
        self.left -= 1
        if self.left == self.pauses_at:
            self.turns.pause()
        if self.left == self.fails_at:
            raise ZeroDivisionError
        return self.left > 0


@pytest.fixture
def work() -> Work:
    return Work(10)


def test_quick_work_is_done_at_once(work: Work) -> None:
    work.turns.run()

    assert work.left == 0
    assert not work.turns.waits


def test_slow_work_lets_others_run(work: Work) -> None:
    work.takes = TURN
    seen: list[int] = []

    work.turns.run()
    while work.left > 0:
        seen.append(work.left)
        work.one_pass()

    assert seen[0] == 8  # the second step ended the turn
    assert len(set(seen)) > 3


def test_work_that_comes_while_a_turn_is_due_waits(work: Work) -> None:
    work.takes = TURN
    work.turns.run()

    work.turns.run()

    assert work.turns.waits
    assert work.left == 8
    while work.left > 0:
        work.one_pass()


def test_paused_work_goes_on_when_it_is_resumed(work: Work) -> None:
    work.pauses_at = 4

    work.turns.run()
    assert (work.left, work.turns.waits) == (4, True)
    work.turns.run()
    assert work.left == 4
    work.turns.resume()
    assert work.left == 4
    while work.left > 0:
        work.one_pass()

    assert not work.turns.waits


def test_it_may_be_paused_again_before_it_has_gone_on(work: Work) -> None:
    work.turns.pause()
    work.turns.resume()
    work.turns.pause()

    for _ in range(5):
        work.one_pass()

    assert work.left == 10


def test_a_step_that_fails_ends_its_turn_only(work: Work) -> None:
    work.takes = TURN
    work.fails_at = 7
    handled: list[str] = []
    mailbox = work.reactor.mailbox(handled.append)

    work.turns.run()
    mailbox.put("while a turn is due")
    work.one_pass()
    assert (work.left, work.turns.waits) == (7, False)
    mailbox.put("after it has failed")
    gevent.idle()
    assert handled == ["while a turn is due", "after it has failed"]
    work.turns.run()
    while work.left > 0:
        work.one_pass()


def test_work_that_has_ended_keeps_nobody_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        work = Work(10)
        gone = weakref.ref(work)
        work.turns.pause()
        work.turns.end()
        del work
        assert gone() is None
    finally:
        gc.enable()
