from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
import gevent.event
import pytest

from sockio.runtime.batch import (
    CALM,
    MOST_HELD,
    MOST_PARSED,
    QUICK,
    SLOW,
    Batch,
)
from sockio.runtime.clock import Clock
from sockio.runtime.workers import Workers

WRITE = 2


class Watch(Clock):
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def batch(watch: Watch) -> Batch:
    workers = Workers()
    workers.attach()
    return Batch(workers, watch)


class Collecting:
    """A stream that only says when it is flushed."""

    def __init__(self, order: list[str]) -> None:
        self._order = order

    def flush(self) -> None:
        self._order.append("flush")


def in_hub(batch: Batch, *reads: Callable[[], object]) -> None:
    """Run ``reads`` in one pass of the loop, as the hub does."""

    def handle(watcher: Any, read: Callable[[], object]) -> None:
        watcher.stop()
        watcher.close()
        batch.begin()
        read()
        batch.end()

    one, other = os.pipe()  # the other end is ready for all watchers
    for read in reads:
        watcher = batch.workers.loop.io(other, WRITE)
        watcher.start(handle, watcher, read)
    gevent.idle()
    os.close(one)
    os.close(other)


def test_outside_a_batch_a_job_runs_soon(batch: Batch) -> None:
    ran: list[int] = []

    batch.start(lambda: ran.append(1))
    assert ran == []
    gevent.idle()

    assert ran == [1]


def test_jobs_run_in_order_before_the_streams_are_flushed(batch: Batch) -> None:
    order: list[str] = []

    def read() -> None:
        batch.dirty.append(Collecting(order))
        batch.start(lambda: order.append("one"))
        batch.start(lambda: order.append("two"))
        order.append("parsed")

    in_hub(batch, read)

    assert order == ["parsed", "one", "two", "flush"]
    assert not batch.dirty
    assert not batch.open


def test_the_reads_of_a_pass_are_parsed_before_any_job_runs(batch: Batch) -> None:
    order: list[str] = []

    def read() -> None:
        order.append("parsed")
        batch.start(lambda: order.append("ran"))

    in_hub(batch, read, read)

    assert order == ["parsed", "parsed", "ran", "ran"]


@pytest.mark.parametrize(
    ("size", "seconds", "order"),
    [
        (QUICK // 4, 2 * MOST_PARSED, ["parsed"] * 4 + ["ran"] * 4),
        (QUICK + 1, MOST_PARSED / 3, ["parsed"] * 4 + ["ran"] * 4),
        (QUICK + 1, 2 * MOST_PARSED, (["parsed"] * 2 + ["ran"] * 2) * 2),
    ],
)
def test_what_takes_long_to_parse_runs_before_more_is_parsed(
    batch: Batch, watch: Watch, size: int, seconds: float, order: list[str]
) -> None:
    found: list[str] = []

    def read() -> None:
        watch.at += seconds
        batch.received(size)
        found.append("parsed")
        batch.start(lambda: found.append("ran"))

    in_hub(batch, read, read, read, read)

    assert found == order


def test_jobs_run_although_the_last_event_of_the_pass_was_no_read(
    batch: Batch,
) -> None:
    order: list[str] = []
    one, other = os.pipe()
    loop = batch.workers.loop
    watchers = [loop.io(other, WRITE) for _ in range(3)]

    def read() -> None:
        watchers[1].stop()
        batch.begin()
        batch.start(lambda: order.append("ran"))
        batch.end()

    for watcher in watchers:
        watcher.start(read if watcher is watchers[1] else watcher.stop)
    gevent.idle()
    for watcher in watchers:
        watcher.close()
    os.close(one)
    os.close(other)

    assert order == ["ran"]
    assert not batch.open


def test_one_worker_does_all_where_none_blocks(batch: Batch) -> None:
    workers: list[object] = []
    jobs = [lambda: workers.append(gevent.getcurrent())] * 5

    def start() -> None:
        for job in jobs:
            batch.start(job)

    in_hub(batch, start)

    assert len(workers) == 5
    assert len(set(workers)) == 1


def test_a_job_that_blocks_holds_neither_the_others_nor_the_flush(batch: Batch) -> None:
    order: list[str] = []
    gate = gevent.event.Event()

    def job() -> None:
        batch.dirty.append(Collecting(order))
        gate.wait()
        order.append("resumed")

    def read() -> None:
        batch.start(job)
        batch.start(lambda: order.append("other"))

    in_hub(batch, read)
    assert order == ["other", "flush"]
    gate.set()
    gevent.idle()

    assert order == ["other", "flush", "resumed"]


def test_a_worker_that_comes_back_leaves_the_rest_to_the_batch(batch: Batch) -> None:
    order: list[str] = []
    gate = gevent.event.Event()

    def job() -> None:
        gate.wait()
        order.append("resumed")

    in_hub(batch, lambda: batch.start(job))
    gate.set()
    in_hub(
        batch,
        lambda: batch.start(lambda: order.append("ran")),
        lambda: order.append("parsed"),
    )

    assert order.index("parsed") < order.index("ran")
    assert "resumed" in order


def test_a_job_that_fails_does_not_keep_the_others_from_running(batch: Batch) -> None:
    order: list[str] = []

    def job() -> None:
        raise gevent.GreenletExit

    def read() -> None:
        batch.dirty.append(Collecting(order))
        batch.start(job)
        batch.start(lambda: order.append("other"))

    in_hub(batch, read)

    assert order == ["other", "flush"]


def test_a_job_started_by_a_job_belongs_to_the_batch(batch: Batch) -> None:
    order: list[str] = []

    def read() -> None:
        batch.dirty.append(Collecting(order))
        batch.start(lambda: batch.start(lambda: order.append("inner")))

    in_hub(batch, read)

    assert order == ["inner", "flush"]


def test_nothing_stays_corked(batch: Batch) -> None:
    in_hub(batch, lambda: batch.start(lambda: batch.cork(True)))

    assert not batch.corked
    batch.cork(True)  # outside a batch
    assert not batch.corked


def test_a_turn_is_one_pass_of_the_loop(batch: Batch) -> None:
    first = batch.turn()
    assert batch.turn() == first

    gevent.idle()

    assert batch.turn() != first


# ------------------------------------------------------------------ what is collected


def corked(batch: Batch, *jobs: Callable[[], object]) -> list[bool]:
    """Run jobs in one pass; return for each whether its writes were collected."""
    seen: list[bool] = []

    def run(job: Callable[[], object]) -> None:
        batch.cork(False)
        seen.append(batch.corked)
        job()

    def start() -> None:
        for job in jobs:
            batch.start(partial(run, job))

    in_hub(batch, start)
    return seen


def nothing() -> None:
    pass


def test_writes_of_short_jobs_are_collected(batch: Batch) -> None:
    assert corked(batch, nothing, nothing) == [True, True]


def test_after_a_job_that_computes_they_are_not_for_a_while(
    batch: Batch, watch: Watch
) -> None:
    def compute() -> None:
        watch.at += 2 * SLOW

    assert corked(batch, compute, nothing, nothing) == [True, False, False]
    assert corked(batch, nothing) == [False]
    watch.at += CALM / 2
    assert corked(batch, compute) == [False]
    watch.at += CALM - 1
    assert corked(batch, nothing) == [False]
    watch.at += 2
    assert corked(batch, nothing) == [True]


def test_what_waits_leaves_when_a_job_has_computed(batch: Batch, watch: Watch) -> None:
    order: list[str] = []

    def compute() -> None:
        batch.dirty.append(Collecting(order))
        watch.at += 2 * SLOW

    corked(batch, compute, lambda: order.append("next"))

    assert order == ["flush", "next"]


def test_also_when_it_has_computed_and_blocks(batch: Batch, watch: Watch) -> None:
    gate = gevent.event.Event()

    def compute() -> None:
        watch.at += 2 * SLOW
        gate.wait()

    assert corked(batch, compute, nothing) == [True, False]
    gate.set()
    gevent.idle()


def test_time_spent_blocked_is_not_spent_computing(batch: Batch, watch: Watch) -> None:
    gate = gevent.event.Event()

    assert corked(batch, gate.wait, nothing) == [True, True]
    watch.at += 2 * SLOW
    gate.set()
    gevent.idle()

    assert corked(batch, nothing) == [True]


def test_many_streams_do_not_wait_for_the_end(batch: Batch) -> None:
    order: list[str] = []

    def job() -> None:
        batch.dirty.extend([Collecting(order)] * MOST_HELD)

    corked(batch, job, lambda: order.append("next"))

    assert order == ["flush"] * MOST_HELD + ["next"]
