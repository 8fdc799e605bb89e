from __future__ import annotations

import os
import subprocess
import sys

import gevent
import pytest

from sockio.runtime.bell import Bell
from sockio.runtime.watchdog import Watchdog
from sockio.runtime.workers import Workers
from tests.support import native

#: Seconds after which a test fails.
BOUND = 10.0


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def workers() -> Workers:
    workers = Workers()
    workers.attach()
    return workers


def threads() -> set[str]:
    return set(os.listdir("/proc/self/task"))


def wait_until_armed(bell: Bell) -> None:
    """Hold the loop until the watchdog sleeps."""
    assert any(bell.armed or native.Event().wait(0.01) for _ in range(1000))


def test_there_is_no_thread_before_there_is_work(bell: Bell, workers: Workers) -> None:
    before = threads()
    watchdog = Watchdog(bell)
    assert not bell.armed

    watchdog.watch(workers, 0.02)

    assert bell.armed
    assert not threads() - before


def test_one_thread_watches_all(bell: Bell, workers: Workers) -> None:
    before = threads()
    watchdog = Watchdog(bell)
    other = Workers()
    other.attach()
    watchdog.watch(workers, 0.02)
    watchdog.watch(other, 0.5)

    for _ in range(3):
        bell.ring()
        wait_until_armed(bell)

    assert len(threads() - before) == 1


def test_it_sleeps_when_nobody_is_watched_any_more(
    bell: Bell, workers: Workers
) -> None:
    watchdog = Watchdog(bell)
    watchdog.watch(workers, 1000.0)
    bell.ring()

    watchdog.forget(workers)
    watchdog.forget(workers)

    wait_until_armed(bell)


def test_a_child_process_has_a_thread_of_its_own(bell: Bell, workers: Workers) -> None:
    watchdog = Watchdog(bell)
    watchdog.watch(workers, 0.02)
    bell.ring()
    wait_until_armed(bell)
    before = threads()

    watchdog.forked()  # as in a child, which would not have the first thread
    assert bell.armed
    bell.ring()
    wait_until_armed(bell)

    assert len(threads() - before) == 1


def test_a_hub_that_was_destroyed_is_no_trouble(bell: Bell) -> None:
    watchdog = Watchdog(bell)
    watched = native.Event()
    end = native.Event()

    def serve() -> None:
        workers = Workers()
        workers.attach()
        watchdog.watch(workers, 0.02)
        bell.ring()
        watched.set()
        gevent.get_hub().destroy(destroy_loop=True)
        end.wait(BOUND)

    thread = native.Thread(serve)
    assert watched.wait(BOUND)

    wait_until_armed(bell)
    end.set()
    thread.join(BOUND)
    bell.ring()
    wait_until_armed(bell)


def test_it_may_be_rung_from_several_threads_at_once(
    bell: Bell, workers: Workers
) -> None:
    watchdog = Watchdog(bell)
    watchdog.watch(workers, 0.02)
    before = threads()

    def ring() -> None:
        for _ in range(200):
            bell.ring()

    for thread in [native.Thread(ring) for _ in range(4)]:
        thread.join(BOUND)

    wait_until_armed(bell)
    assert len(threads() - before) == 1


def test_in_a_patched_process_who_waits_for_the_log_gets_it() -> None:
    program = """
from gevent import monkey
monkey.patch_all()
import logging
import gevent
from sockio.runtime.bell import Bell
from sockio.runtime.watchdog import Watchdog
from sockio.runtime.workers import Workers
from tests.support import native

class Remote(logging.Handler):
    def emit(self, record):
        if record.name != "app":
            gevent.idle()  # as for a socket
            writes.set()
            waits.wait(10)

def handler():
    if bell.armed:
        bell.ring()
    assert writes.wait(10)
    gevent.spawn(waits.set)  # as soon as this one waits for the log
    logging.getLogger("app").warning("hello")

logging.getLogger().addHandler(Remote())
bell = Bell()
workers = Workers()
workers.attach()
Watchdog(bell).watch(workers, 0.02)
for _ in range(3):
    writes, waits = native.Event(), native.Event()
    handling = gevent.spawn(handler)
    handling.join(10)
    print(handling.successful())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )

    assert (done.stdout, done.stderr) == ("True\n" * 3, "")
