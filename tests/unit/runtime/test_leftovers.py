from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
import gevent.event
import gevent.threading
import pytest
from gevent import getcurrent, monkey
from gevent.local import local

import sockio
from sockio.runtime import tasks
from sockio.runtime.leftovers import belongs_to_a_test, close_connections
from sockio.runtime.reactor import Reactor
from sockio.runtime.workers import Workers
from sockio.testing import FakeClock

Run = Callable[..., None]


class Counted(local):  # type: ignore[misc]
    """A subclass: each thread that uses it runs its constructor."""

    def __init__(self, begin: int) -> None:
        self.count = begin


class Held:
    """Something that a job keeps in a thread-local; notes when it is dropped."""

    def __init__(self, dropped: Callable[[], object]) -> None:
        self._dropped = dropped

    def __del__(self) -> None:
        self._dropped()


@pytest.fixture(params=["one mailbox", "several mailboxes", "workers", "one batch"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run jobs one after the other in one greenlet, in each way that there is."""
    reactor = Reactor()
    reactor.start()
    seen: list[Any] = []

    def in_one_mailbox(*jobs: Callable[[], object]) -> None:
        mailbox = reactor.mailbox(call)
        for job in jobs:
            mailbox.put(job)
        gevent.idle()

    def in_several_mailboxes(*jobs: Callable[[], object]) -> None:
        for job in jobs:
            reactor.mailbox(call).put(job)
            gevent.idle()

    def in_workers(*jobs: Callable[[], object]) -> None:
        for job in jobs:
            reactor.workers.run(lambda job=job: call(job))  # type: ignore[misc]
            gevent.idle()

    def in_one_batch(*jobs: Callable[[], object]) -> None:
        def read() -> None:
            reactor.batch.begin()
            for job in jobs:
                reactor.mailbox(call).put(job)
            reactor.batch.end()

        reactor.soon(read)
        gevent.idle()

    def call(job: Callable[[], object]) -> None:
        seen.append(getcurrent())
        job()

    def run_and_compare(*jobs: Callable[[], object]) -> None:
        seen.clear()
        ways[request.param](*jobs)
        assert len(seen) == len(jobs)
        assert len(set(seen)) == 1, "they did not share a greenlet"

    ways = {
        "one mailbox": in_one_mailbox,
        "several mailboxes": in_several_mailboxes,
        "workers": in_workers,
        "one batch": in_one_batch,
    }
    return run_and_compare


def test_a_thread_local_is_empty_in_the_next_job(run: Run) -> None:
    user = local()
    seen: list[dict[str, str]] = []

    def job() -> None:
        seen.append(dict(user.__dict__))
        user.name = "Ann"

    run(job, job, job)

    assert seen == [{}, {}, {}]


def test_one_of_a_class_of_its_own_begins_anew(run: Run) -> None:
    counted = Counted(7)
    seen: list[int] = []

    def job() -> None:
        counted.count += 1
        seen.append(counted.count)

    run(job, job, job)

    assert seen == [8, 8, 8]


def test_what_it_held_is_dropped_when_the_job_ends(run: Run) -> None:
    user = local()
    order: list[str] = []

    def job() -> None:
        user.held = Held(lambda: order.append("dropped"))
        order.append("job")

    gc.disable()
    try:
        run(job, job)
    finally:
        gc.enable()

    assert order == ["job", "dropped", "job", "dropped"]


def test_a_local_that_has_died_leaves_nothing(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    worker: list[Any] = []

    def job() -> None:
        worker.append(getcurrent())
        user = local()
        user.name = "Ann"

    run(job, job)

    assert worker[0].__dict__ == {}
    assert capfd.readouterr() == ("", "")


def test_a_local_may_die_later(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    users = [local()]

    def job() -> None:
        users[0].name = "Ann"

    run(job, users.clear)
    gc.collect()

    assert capfd.readouterr() == ("", "")


def test_the_present_thread_is_another_in_each_job(run: Run) -> None:
    known = dict(threading._active)  # type: ignore[attr-defined]
    seen: list[bool] = []

    def job() -> None:
        # What `threading.current_thread()` does if gevent has patched it.
        ident = id(getcurrent())
        thread = threading._active.get(ident)  # type: ignore[attr-defined]
        seen.append(hasattr(thread, "user"))
        thread = thread or gevent.threading._DummyThread()
        thread.user = "Ann"

    run(job, job, job)

    assert seen == [False, False, False]
    assert threading._active == known  # type: ignore[attr-defined]


def test_spawned_greenlets_share_nothing_with_those_of_another_job(run: Run) -> None:
    seen: list[dict[str, str]] = []

    def job() -> None:
        spawned = gevent.spawn(lambda: None)
        seen.append(dict(spawned.spawn_tree_locals))
        spawned.spawn_tree_locals["user"] = "Ann"

    run(job, job)

    assert seen == [{}, {}]


def test_what_is_set_on_the_greenlet_goes(run: Run) -> None:
    seen: list[bool] = []

    def job() -> None:
        seen.append(hasattr(getcurrent(), "user"))
        getcurrent().user = "Ann"

    run(job, job)

    assert seen == [False, False]


def test_a_job_that_fails_leaves_nothing_either(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    user = local()
    seen: list[dict[str, str]] = []

    def job() -> None:
        seen.append(dict(user.__dict__))
        user.name = "Ann"
        raise LookupError

    run(job, job)

    assert seen == [{}, {}]
    assert "LookupError" in caplog.text


def test_a_destructor_that_uses_a_local_leaves_nothing(run: Run) -> None:
    first, second = local(), local()
    seen: list[dict[str, Any]] = []

    def job() -> None:
        seen.append({**first.__dict__, **second.__dict__})
        first.held = Held(lambda: setattr(first, "name", "Ann"))
        second.held = Held(lambda: setattr(first, "name", "Ann"))

    run(job, job)

    assert seen == [{}, {}]


def test_a_job_finds_its_own_again_after_it_has_waited() -> None:
    workers = Workers()
    workers.attach()
    user = local()
    gate = gevent.event.Event()
    seen: list[str] = []

    def job(name: str) -> None:
        user.name = name
        gate.wait()
        seen.append(user.name)

    workers.spawn(job, "Ann")
    workers.spawn(job, "Bob")
    gevent.idle()
    gate.set()
    gevent.idle()

    assert seen == ["Ann", "Bob"]


@pytest.mark.parametrize("keep", [0, 1])
def test_a_worker_that_ends_leaves_nothing(keep: int) -> None:
    workers = Workers(keep)
    workers.attach()
    user = local()
    dropped: list[str] = []

    def job() -> None:
        user.held = Held(lambda: dropped.append("dropped"))
        raise gevent.GreenletExit

    workers.run(job)
    gevent.idle()

    assert dropped == ["dropped"]


def test_a_job_that_is_killed_leaves_nothing() -> None:
    reactor = Reactor()
    reactor.start()
    user = local()
    dropped: list[str] = []

    def job() -> None:
        user.held = Held(lambda: dropped.append("dropped"))
        gevent.event.Event().wait()

    mailbox = reactor.mailbox(lambda item: item())
    mailbox.put(job)
    gevent.idle()
    mailbox.kill_running()
    gevent.idle()

    assert dropped == ["dropped"]


def test_the_end_of_a_client_does_not_disturb_the_cleaning() -> None:
    reactor = Reactor()
    reactor.start()
    user = local()
    gate = gevent.event.Event()
    ends: list[str] = []

    def close() -> None:
        gate.wait()
        ends.append("closed")

    def job() -> None:
        user.held = Held(close)

    mailbox = reactor.mailbox(lambda item: item())
    mailbox.put(job)
    mailbox.put(lambda: ends.append("next"))
    gevent.idle()
    mailbox.kill_running()
    gevent.idle()
    gate.set()
    gevent.idle()

    assert ends == ["closed", "next"]


# ---------------------------------------------------------------------- Django


class Connections:
    """A stand-in for ``django.db.connections``, and the only connection in it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = 0
        self.atomic_blocks: list[Any] = []
        self._error = error

    def all(self, *, initialized_only: bool) -> list[Any]:
        assert initialized_only
        return [self]

    def close(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Give Django's connections, in a process that looks patched."""
    connections = Connections()
    modules = {
        "django.conf": SimpleNamespace(settings=SimpleNamespace(configured=True)),
        "django.db": SimpleNamespace(connections=connections),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(monkey.saved, "threading", {"local": threading.local})
    return connections


def test_connections_are_closed_behind_jobs_that_left_something(
    run: Run, connections: Connections
) -> None:
    user = local()

    run(lambda: setattr(user, "name", "Ann"), lambda: None, lambda: None)

    assert connections.closed == 1


def test_connections_are_closed_behind_tasks(connections: Connections) -> None:
    tasks.spawn(int).wait()

    assert connections.closed == 1


def test_connections_are_closed_behind_each_run_of_a_repeated_task(
    connections: Connections,
) -> None:
    clock = FakeClock()
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    seen: list[int] = []
    io.every(1)(lambda: seen.append(connections.closed))
    io.start()

    clock.advance(2)
    io.close()

    assert seen == [0, 1]


def test_a_failure_to_close_is_logged(
    run: Run,
    connections: Connections,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(connections, "_error", OSError("the server has gone"))
    user = local()
    seen: list[dict[str, str]] = []

    def job() -> None:
        seen.append(dict(user.__dict__))
        user.name = "Ann"

    run(job, job)

    assert seen == [{}, {}]
    assert "OSError: the server has gone" in caplog.text


def test_the_transaction_of_a_test_goes_on(connections: Connections) -> None:
    connections.atomic_blocks.append(SimpleNamespace(_from_testcase=True))
    close_connections()
    assert connections.closed == 0
    assert belongs_to_a_test()

    connections.atomic_blocks[0]._from_testcase = False
    close_connections()
    assert connections.closed == 1
    assert not belongs_to_a_test()


def test_django_without_settings_has_nothing_to_close(
    connections: Connections,
) -> None:
    sys.modules["django.conf"].settings.configured = False

    close_connections()

    assert connections.closed == 0


def test_greenlets_that_share_the_connections_of_a_thread_leave_them_open(
    connections: Connections,
) -> None:
    del monkey.saved["threading"]

    tasks.spawn(int).wait()
    assert connections.closed == 0
    tasks.in_thread(int)
    assert connections.closed == 1


# ---------------------------------------------------------------------- patched


def test_in_a_patched_process_threads_are_as_new_too() -> None:
    program = """
from gevent import monkey
monkey.patch_all()
import threading
import gevent
from sockio.runtime.reactor import Reactor

reactor = Reactor()
reactor.start()
user = threading.local()
seen = []

def job():
    thread = threading.current_thread()
    seen.append((dict(user.__dict__), hasattr(thread, "user")))
    user.name = thread.user = "Ann"

mailbox = reactor.mailbox(lambda item: item())
mailbox.put(job)
mailbox.put(job)
gevent.idle()
print(seen, threading.active_count())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )

    assert (done.stdout, done.stderr) == ("[({}, False), ({}, False)] 1\n", "")
