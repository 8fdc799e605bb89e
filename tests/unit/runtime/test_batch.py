from __future__ import annotations

import gevent
import gevent.event
import pytest

from sockio.runtime.batch import Batch
from sockio.runtime.workers import Workers


@pytest.fixture
def batch() -> Batch:
    workers = Workers()
    workers.attach()
    return Batch(workers)


class Collecting:
    """A stream that only says when it is flushed."""

    def __init__(self, order: list[str]) -> None:
        self._order = order

    def flush(self) -> None:
        self._order.append("flush")


def in_hub(batch: Batch, read: object) -> None:
    """Run one read as the hub does."""

    def handle() -> None:
        batch.begin()
        read()  # type: ignore[operator]
        batch.end()

    batch.workers.loop.run_callback(handle)
    gevent.idle()


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


def test_a_job_that_blocks_does_not_hold_the_flush(batch: Batch) -> None:
    order: list[str] = []
    gate = gevent.event.Event()

    def job() -> None:
        batch.dirty.append(Collecting(order))
        gate.wait()
        order.append("resumed")

    in_hub(batch, lambda: batch.start(job))
    assert order == ["flush"]
    gate.set()
    gevent.idle()

    assert order == ["flush", "resumed"]


def test_a_job_started_by_a_job_belongs_to_the_batch(batch: Batch) -> None:
    order: list[str] = []

    def read() -> None:
        batch.dirty.append(Collecting(order))
        batch.start(lambda: batch.start(lambda: order.append("inner")))

    in_hub(batch, read)

    assert order == ["inner", "flush"]


def test_nothing_stays_corked(batch: Batch) -> None:
    def job() -> None:
        batch.corked = True

    in_hub(batch, lambda: batch.start(job))

    assert not batch.corked


def test_a_turn_is_one_pass_of_the_loop(batch: Batch) -> None:
    first = batch.turn
    assert batch.turn == first

    gevent.idle()

    assert batch.turn != first
