from __future__ import annotations

import logging
from concurrent.futures import CancelledError
from contextvars import ContextVar
from typing import Any, NoReturn

import gevent
import pytest

from sockio.runtime.latch import Latch
from sockio.runtime.tasks import live_tasks, spawn
from sockio.testing import FakeClock

request: ContextVar[str] = ContextVar("request", default="none")


def crash() -> NoReturn:
    raise ValueError("as the user wrote it")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_task_gives_what_its_function_returned(clock: FakeClock) -> None:
    task = spawn(divmod, 7, 2)
    assert not task.done

    assert task.wait() == (3, 1)
    assert task.done


def test_a_crash_is_logged_under_the_name_and_raised_in_who_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "sockio.runtime.tasks"):
        task = spawn(crash, name="drain")
        with pytest.raises(ValueError, match="as the user wrote it"):
            task.wait()

    (record,) = caplog.records
    assert record.getMessage() == "task drain crashed"
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


def test_a_timeout_of_gevent_that_nobody_caught_is_a_crash(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def late() -> NoReturn:
        raise gevent.Timeout(1)

    with caplog.at_level(logging.ERROR, "sockio.runtime.tasks"):
        task = spawn(late)
        with pytest.raises(gevent.Timeout):
            task.wait()

    assert len(caplog.records) == 1


def test_live_tasks_are_those_that_have_not_ended(clock: FakeClock) -> None:
    gate: Latch[None] = Latch(clock)
    before = live_tasks()
    task = spawn(gate.wait)
    clock.settle()
    assert [each for each in live_tasks() if each not in before] == [task]

    gate.set(None)
    clock.settle()

    assert task.done
    assert task not in live_tasks()


@pytest.mark.parametrize("started", [True, False])
def test_a_killed_task_ends_quietly(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, started: bool
) -> None:
    task = spawn(Latch[None](clock).wait, name="reader")
    if started:
        clock.settle()

    task.kill()
    clock.settle()

    assert task.done
    assert task not in live_tasks()
    assert caplog.records == []
    with pytest.raises(CancelledError, match="reader was killed"):
        task.wait()


def test_kill_can_wait_for_the_end(clock: FakeClock) -> None:
    task = spawn(Latch[None](clock).wait)

    task.kill(block=True)
    clock.settle()

    assert task.done


def test_killing_a_task_that_is_done_does_nothing() -> None:
    task = spawn(int)
    assert task.wait() == 0

    task.kill()

    assert task.wait() == 0


def test_the_deadline_of_a_wait_comes_from_the_clock(clock: FakeClock) -> None:
    task = spawn(Latch[None](clock).wait, clock=clock)

    def wait() -> str:
        with pytest.raises(TimeoutError):
            task.wait(5)
        return "timed out"

    waiting = gevent.spawn(wait)
    clock.advance(5)

    assert waiting.get(block=False) == "timed out"
    task.kill(block=True)


def test_the_context_of_the_caller_is_kept() -> None:
    token = request.set("mine")
    try:
        task = spawn(request.get)
    finally:
        request.reset(token)

    assert task.wait() == "mine"


def test_a_task_shows_its_name(clock: FakeClock) -> None:
    task = spawn(int, name="bus reader")
    assert repr(task) == "<Task bus reader>"

    clock.settle()
    assert repr(task) == "<Task bus reader done>"


def test_the_name_is_that_of_the_function_if_none_is_given(clock: FakeClock) -> None:
    bound: Any = crash
    assert spawn(bound.__call__).name.endswith("__call__")
    assert spawn(Latch[None](clock).set, None).name == "Latch.set"
    clock.settle()
