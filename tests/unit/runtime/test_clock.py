from __future__ import annotations

import gc
import logging
import socket
import subprocess
import sys
import weakref

import gevent
import pytest
from gevent.event import Event

from sockio.runtime.clock import Clock


def test_a_call_comes_in_the_hub_with_its_arguments() -> None:
    came = Event()
    calls: list[object] = []

    def call(*args: object) -> None:
        calls.extend(args)
        calls.append(gevent.getcurrent())
        came.set()

    Clock().call_later(0, call, 1, "two")

    assert came.wait(2)
    assert calls == [1, "two", gevent.get_hub()]


def test_timers_fire_in_order_of_time() -> None:
    clock = Clock()
    came = Event()
    order: list[str] = []

    def later() -> None:
        order.append("later")
        came.set()

    clock.call_later(0.004, later)
    clock.call_later(0.002, order.append, "sooner")

    assert came.wait(2)
    assert order == ["sooner", "later"]


def test_what_came_while_the_loop_stood_still_is_read_before_a_call() -> None:
    clock = Clock()
    came = Event()
    order: list[str] = []
    ours, theirs = socket.socketpair()
    watcher = gevent.get_hub().loop.io(ours.fileno(), 1)

    def read() -> None:
        watcher.stop()
        gevent.get_hub().loop.run_callback(order.append, "what was read")

    def late() -> None:
        order.append("late")
        came.set()

    with ours, theirs:
        watcher.start(read)
        clock.call_later(0.002, order.append, "too late")
        clock.call_later(0.001, late)
        theirs.send(b"in time")
        end = clock.now() + 0.003
        while clock.now() < end:
            pass

        assert came.wait(2)
        gevent.idle(-1)
        watcher.close()
    assert order == ["what was read", "late", "too late"]


def test_a_call_that_has_fallen_due_can_be_cancelled() -> None:
    clock = Clock()
    came = Event()
    calls: list[str] = []
    ours, theirs = socket.socketpair()
    watcher = gevent.get_hub().loop.io(ours.fileno(), 1)

    def read() -> None:
        watcher.stop()
        timer.cancel()
        clock.call_later(0.001, came.set)

    with ours, theirs:
        watcher.start(read)
        timer = clock.call_later(0.001, calls.append, "cancelled")
        theirs.send(b"in time")
        end = clock.now() + 0.003
        while clock.now() < end:
            pass

        assert came.wait(2)
        watcher.close()
    assert calls == []


def test_a_negative_time_is_as_soon_as_possible() -> None:
    came = Event()

    Clock().call_later(-5, came.set)

    assert came.wait(2)


def test_a_cancelled_call_does_not_come_and_leaves_no_watcher() -> None:
    clock = Clock()
    loop = gevent.get_hub().loop
    came = Event()
    calls: list[str] = []
    before = loop.activecnt
    timer = clock.call_later(0, calls.append, "cancelled")

    timer.cancel()
    timer.cancel()

    assert loop.activecnt == before
    clock.call_later(0.001, came.set)
    assert came.wait(2)
    assert calls == []


def test_cancelling_after_the_call_does_nothing() -> None:
    came = Event()
    timer = Clock().call_later(0, came.set)
    assert came.wait(2)

    timer.cancel()


def test_a_call_may_cancel_its_own_timer_and_arm_another() -> None:
    clock = Clock()
    came = Event()

    def call() -> None:
        timer.cancel()
        clock.call_later(0, came.set)

    timer = clock.call_later(0, call)

    assert came.wait(2)


def test_an_exception_is_logged_and_the_hub_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    came = Event()

    with caplog.at_level(logging.ERROR, "sockio.runtime.clock"):
        clock.call_later(0, int, "not a number")
        clock.call_later(0.001, came.set)
        assert came.wait(2)

    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


def test_a_cancelled_timer_keeps_nothing_alive() -> None:
    class Thing:
        def call(self) -> None: ...

    thing = Thing()
    timer = Clock().call_later(100, thing.call)
    reference = weakref.ref(thing)

    timer.cancel()
    del thing
    gc.collect()

    assert reference() is None


def test_now_never_goes_backwards_and_time_counts_from_1970() -> None:
    clock = Clock()

    assert clock.now() <= clock.now()
    assert clock.time() > 1_600_000_000


def test_nothing_starts_at_construction() -> None:
    program = (
        "from gevent._hub_local import get_hub_if_exists\n"
        "from sockio.runtime.clock import Clock\n"
        "from sockio.runtime.latch import Latch\n"
        "from sockio.runtime import tasks, ids, listeners, logs\n"
        "Latch(Clock()).set(1)\n"
        "assert get_hub_if_exists() is None\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.wallclock
def test_a_greenlet_that_computed_long_gets_its_whole_time() -> None:
    clock = Clock()
    came = Event()
    fired: list[float] = []
    until = clock.now() + 0.06
    while clock.now() < until:  # meanwhile the loop's cached time gets out of date
        pass
    start = clock.now()

    def fire() -> None:
        fired.append(clock.now())
        came.set()

    clock.call_later(0.03, fire)

    assert came.wait(2)
    assert fired[0] - start > 0.025
