from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import gevent
import gevent.event
import pytest

from sockio.runtime.batch import Batch
from sockio.runtime.clock import Clock
from sockio.runtime.mailbox import Mailbox
from sockio.runtime.reactor import Reactor


@pytest.fixture
def reactor() -> Reactor:
    reactor = Reactor()
    reactor.start()
    return reactor


class Stopwatch(Clock):
    """A clock that a test sets."""

    at = 0.0

    def now(self) -> float:
        return self.at


class Jobs:
    """A mailbox of numbers and functions, and what was handled."""

    def __init__(self, reactor: Reactor) -> None:
        self.done: list[Any] = []
        self.mailbox: Mailbox = reactor.mailbox(self._handle)

    def _handle(self, item: Any) -> None:
        self.done.append(item)
        if callable(item):
            self.done.append(item())

    def put(self, *items: Any) -> None:
        for item in items:
            self.mailbox.put(item)


@pytest.fixture
def jobs(reactor: Reactor) -> Jobs:
    return Jobs(reactor)


def blocking(event: Any, result: str) -> Callable[[], str]:
    def job() -> str:
        event.wait()
        return result

    return job


def test_items_are_handled_in_order(jobs: Jobs) -> None:
    jobs.put(1, 2, 3)
    assert jobs.done == []
    assert jobs.mailbox.busy
    gevent.idle()

    assert jobs.done == [1, 2, 3]
    assert not jobs.mailbox.busy


def test_an_item_waits_for_the_one_before(jobs: Jobs) -> None:
    gate = gevent.event.Event()
    slow = blocking(gate, "slow done")

    jobs.put(slow, 2)
    gevent.idle()
    jobs.put(3)
    gevent.idle()
    assert jobs.done == [slow]
    gate.set()
    gevent.idle()

    assert jobs.done == [slow, "slow done", 2, 3]


def test_mailboxes_do_not_wait_for_each_other(reactor: Reactor) -> None:
    gate = gevent.event.Event()
    slow, quick = Jobs(reactor), Jobs(reactor)

    slow.put(blocking(gate, "slow"))
    quick.put(1)
    gevent.idle()

    assert quick.done == [1]
    gate.set()
    gevent.idle()


def test_an_item_may_turn_those_behind_it_to_another_function(jobs: Jobs) -> None:
    others: list[Any] = []
    jobs.put(1, lambda: jobs.mailbox.turn_to(others.append), 2, 3)
    gevent.idle()

    assert jobs.done[0] == 1
    assert others == [2, 3]


def test_an_item_put_by_an_item_comes_last(jobs: Jobs) -> None:
    jobs.put(lambda: jobs.put("new"), 2)
    gevent.idle()

    assert jobs.done[1:] == [None, 2, "new"]


def test_an_item_that_fails_is_logged_and_the_next_follows(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.put(lambda: 1 / 0, 2)
    gevent.idle()

    assert jobs.done[-1] == 2
    assert "ZeroDivisionError" in caplog.text


def test_a_timeout_that_nobody_catches_loses_no_item(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    def job() -> None:
        raise gevent.Timeout(1)

    jobs.put(job, 2)
    gevent.idle()

    assert jobs.done == [job, 2]
    assert not jobs.mailbox.busy
    assert "a worker's job failed" in caplog.text


def test_each_item_has_a_context_of_its_own(reactor: Reactor) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="fresh")
    jobs = Jobs(reactor)

    def job() -> str:
        value = variable.get()
        variable.set("stale")
        return value

    variable.set("the test's")
    jobs.put(job, job)
    gevent.idle()

    assert jobs.done == [job, "fresh", job, "fresh"]


def test_an_item_knows_that_it_is_in_its_mailbox(reactor: Reactor) -> None:
    jobs, other = Jobs(reactor), Jobs(reactor)

    jobs.put(lambda: (jobs.mailbox.current, other.mailbox.current))
    gevent.idle()

    assert jobs.done[-1] == (True, False)
    assert not jobs.mailbox.current


# ------------------------------------------------------------------ taking


def test_take_removes_the_oldest_that_is_wanted(jobs: Jobs) -> None:
    jobs.put(1, 2, 3, 4)

    assert jobs.mailbox.take(lambda item: item % 2 == 0) == 2
    assert jobs.mailbox.take(lambda item: item > 4) is None
    gevent.idle()

    assert jobs.done == [1, 3, 4]


def test_take_all_removes_what_is_wanted(jobs: Jobs) -> None:
    jobs.put(1, 2, 3, 4)

    assert jobs.mailbox.take_all(lambda item: item % 2 == 0) == [2, 4]
    assert jobs.mailbox.take_all(lambda item: item > 4) == []
    gevent.idle()

    assert jobs.done == [1, 3]


def test_take_all_asks_about_each_item_once(jobs: Jobs) -> None:
    asked: list[int] = []
    jobs.put(*range(100))

    def third(item: int) -> bool:
        asked.append(item)
        return item % 3 == 0

    jobs.mailbox.take_all(third)

    assert asked == list(range(100))


def test_all_may_be_taken(jobs: Jobs) -> None:
    jobs.put(1, 2)

    assert jobs.mailbox.take_all(lambda item: True) == [1, 2]
    gevent.idle()
    assert jobs.done == []
    assert not jobs.mailbox.busy

    jobs.put(3)
    gevent.idle()
    assert jobs.done == [3]


# ------------------------------------------------------------------ killing


def test_the_running_item_is_killed_and_the_rest_follows(jobs: Jobs) -> None:
    killed = []

    def job() -> None:
        try:
            gevent.event.Event().wait()
        except gevent.GreenletExit:
            killed.append(True)
            raise

    jobs.put(job, 2)
    gevent.idle()
    jobs.mailbox.kill_running()
    gevent.idle()

    assert killed == [True]
    assert jobs.done == [job, 2]


def test_an_item_that_ended_meanwhile_is_not_killed(jobs: Jobs) -> None:
    # The next item, which the same worker has begun, is not killed either.
    first, second = gevent.event.Event(), gevent.event.Event()
    jobs.put(blocking(first, "first"), blocking(second, "second"))
    gevent.idle()

    first.set()
    jobs.mailbox.kill_running()
    gevent.idle()
    second.set()
    gevent.idle()

    assert [item for item in jobs.done if isinstance(item, str)] == ["first", "second"]


def test_an_item_does_not_kill_itself(jobs: Jobs) -> None:
    def job() -> str:
        jobs.mailbox.kill_running()
        gevent.idle()
        return "alive"

    jobs.put(job)
    gevent.idle()

    assert jobs.done == [job, "alive"]


def test_an_idle_mailbox_has_nothing_to_kill(jobs: Jobs) -> None:
    jobs.mailbox.kill_running()
    gevent.idle()

    jobs.put(1)
    gevent.idle()
    assert jobs.done == [1]


# ------------------------------------------------------------------ in a batch


def test_in_a_batch_it_runs_when_the_reads_are_parsed(reactor: Reactor) -> None:
    seen: list[str] = []
    first, second = Jobs(reactor), Jobs(reactor)

    def read() -> None:
        reactor.batch.begin()
        first.put(1)
        second.put(1)
        first.put(2)
        seen.append("parsed")
        assert first.done == second.done == []
        reactor.batch.end()

    reactor.soon(read)
    gevent.idle()

    assert seen == ["parsed"]
    assert (first.done, second.done) == ([1, 2], [1])


def test_writes_are_corked_while_more_waits(reactor: Reactor) -> None:
    """Even after a job that computed; the last item's writes are sent immediately."""
    clock = Stopwatch()
    reactor.batch = Batch(reactor.workers, clock)
    corked: list[bool] = []

    def handle(item: int) -> None:
        corked.append(reactor.batch.corked)
        clock.at += item

    mailbox = reactor.mailbox(handle)

    def read() -> None:
        reactor.batch.begin()
        for number in (1, 0, 0):
            mailbox.put(number)
        reactor.batch.end()

    for _ in range(2):
        reactor.soon(read)
        gevent.idle()
    mailbox.put(0)
    mailbox.put(0)
    gevent.idle()

    assert corked == [True, True, True, True, True, False, False, False]
