from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import gevent
import gevent.event
import pytest
from gevent import getcurrent

from sockio.runtime.workers import Workers, native_thread


@pytest.fixture
def workers() -> Workers:
    workers = Workers()
    workers.attach()
    return workers


def test_before_attach_there_is_no_hub() -> None:
    workers = Workers()

    assert workers.hub is None
    assert workers.thread is None
    assert not workers.elsewhere


def test_a_second_attach_changes_nothing(workers: Workers) -> None:
    hub = workers.hub

    gevent.get_hub().threadpool.apply(workers.attach)

    assert workers.hub is hub is gevent.get_hub()
    assert workers.thread == native_thread()


def test_a_job_runs_when_the_loop_comes_round(workers: Workers) -> None:
    ran: list[str] = []

    workers.run(lambda: ran.append("job"))
    assert ran == []
    gevent.idle()

    assert ran == ["job"]


def test_jobs_start_in_order(workers: Workers) -> None:
    ran: list[int] = []

    for number in range(5):
        workers.run(lambda n=number: ran.append(n))  # type: ignore[misc]
    gevent.idle()

    assert ran == list(range(5))


def test_a_finished_worker_takes_the_next_job(workers: Workers) -> None:
    seen: list[Any] = []

    for _ in range(3):
        workers.run(lambda: seen.append(getcurrent()))
    gevent.idle()

    assert len(set(seen)) == 1
    assert seen[0] is not workers.hub


def test_a_job_that_blocks_holds_no_other(workers: Workers) -> None:
    gate = gevent.event.Event()
    ran: list[str] = []

    def slow() -> None:
        gate.wait()
        ran.append("slow")

    workers.run(slow)
    workers.run(lambda: ran.append("quick"))
    gevent.idle()
    assert ran == ["quick"]
    gate.set()
    gevent.idle()

    assert ran == ["quick", "slow"]


def test_no_more_workers_are_kept_than_wanted() -> None:
    workers = Workers(keep=2)
    workers.attach()
    gate = gevent.event.Event()
    greenlets: list[Any] = []

    def slow() -> None:
        greenlets.append(getcurrent())
        gate.wait()

    for _ in range(5):
        workers.run(slow)
    gevent.idle()
    gate.set()
    gevent.idle()

    assert len(set(greenlets)) == 5
    assert sum(not greenlet.dead for greenlet in greenlets) == 2


def test_a_job_that_fails_is_logged_and_ends_only_itself(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    workers.run(lambda: 1 / 0)
    workers.run(lambda: ran.append("next"))
    gevent.idle()

    assert ran == ["next"]
    assert "ZeroDivisionError" in caplog.text


def test_a_timeout_that_nobody_catches_is_logged(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    def job() -> None:
        raise gevent.Timeout(1)

    workers.run(job)
    gevent.idle()

    assert "a worker's job failed" in caplog.text


def test_a_killed_worker_is_replaced(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    greenlets: list[Any] = []

    def job() -> None:
        greenlets.append(getcurrent())
        raise gevent.GreenletExit

    workers.run(job)
    workers.run(job)
    gevent.idle()

    first, second = greenlets
    assert first is not second
    assert first.dead
    assert not caplog.records


def test_a_parked_worker_may_be_killed(workers: Workers) -> None:
    greenlets: list[Any] = []
    workers.run(lambda: greenlets.append(getcurrent()))
    gevent.idle()

    workers.loop.run_callback(greenlets[0].throw)
    gevent.idle()
    workers.run(lambda: greenlets.append(getcurrent()))
    gevent.idle()

    assert greenlets[0].dead
    assert greenlets[1] is not greenlets[0]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_reaches_the_main_greenlet(
    workers: Workers, end: type[BaseException]
) -> None:
    def job() -> None:
        raise end

    workers.run(job)

    with pytest.raises(end):
        gevent.idle()


def test_spawn_has_arguments_and_a_context_of_its_own(workers: Workers) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="fresh")
    seen: list[tuple[int, str]] = []

    def job(number: int) -> None:
        seen.append((number, variable.get()))
        variable.set("stale")

    variable.set("the test's")
    workers.spawn(job, 1)
    workers.spawn(job, 2)
    gevent.idle()

    assert seen == [(1, "fresh"), (2, "fresh")]


def test_a_native_thread_is_elsewhere_and_calls_into_the_hub(workers: Workers) -> None:
    calls: list[Any] = []

    def work() -> bool:
        for number in range(100):
            workers.call_in_hub(lambda n=number: calls.append((n, getcurrent())))
        return workers.elsewhere

    assert not workers.elsewhere
    assert gevent.get_hub().threadpool.apply(work) is True
    gevent.idle()

    assert calls == [(number, workers.hub) for number in range(100)]
