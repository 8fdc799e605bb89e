from __future__ import annotations

import atexit
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.workers.ggevent import GeventWorker

import sockio
from sockio.runtime.tasks import live_tasks
from sockio.testing import FakeClock

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def at_exit(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Return the list of what would be called at the exit of the process."""
    registered: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", registered.append)
    return registered


class Worker(GeventWorker):  # type: ignore[misc]
    """A worker of gunicorn that serves nobody, and does not end the process."""

    def __init__(self) -> None:
        self.alive = True
        self.cfg = SimpleNamespace(graceful_timeout=10)
        self.ended: list[int] = []

    def handle_quit(self, sig: int, frame: object) -> None:
        self.ended.append(sig)


@pytest.fixture
def worker() -> Iterator[Any]:
    """Provide a worker that handles the signals of this process."""
    worker = Worker()
    before = {signum: signal.getsignal(signum) for signum in ENDING}
    signal.signal(signal.SIGTERM, worker.handle_exit)
    signal.signal(signal.SIGINT, worker.handle_quit)
    signal.signal(signal.SIGQUIT, worker.handle_quit)
    yield worker
    for signum, handler in before.items():
        signal.signal(signum, handler)
    for task in live_tasks():
        if task.name == "gunicorn":
            task.kill(block=True)


def start(clock: FakeClock) -> sockio.Server[Any]:
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    io.start()
    return io


def test_without_gunicorn_there_is_nobody_to_follow(
    clock: FakeClock, at_exit: list[Callable[[], None]]
) -> None:
    before = live_tasks()

    start(clock).close()

    assert at_exit == []
    assert live_tasks() == before


def send(signum: int) -> None:
    """Call the handler of a signal, as if the signal had arrived."""
    handler: Any = signal.getsignal(signum)
    handler(signum, None)


def stop(worker: Any) -> None:
    send(signal.SIGTERM)


def serve_enough(worker: Any) -> None:
    worker.alive = False


@pytest.mark.parametrize("end", [stop, serve_enough])
def test_it_closes_when_the_worker_is_no_longer_alive(
    clock: FakeClock,
    worker: Any,
    at_exit: list[Callable[[], None]],
    end: Callable[[Any], object],
) -> None:
    io = start(clock)
    clock.advance(10)
    assert io.engine.retry_after is None

    end(worker)
    clock.advance(0.25)

    assert io.engine.retry_after == 4.0
    clock.advance(10)
    at_exit[0]()


def test_handlers_get_time_to_end_and_no_more_than_there_is(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]]
) -> None:
    io = start(clock)
    latch = io.reactor.latch()
    io.reactor.workers.spawn(latch.wait)
    worker.alive = False
    clock.advance(0.25)
    ending = [task for task in live_tasks() if "the end of" in task.name]
    assert len(ending) == 1

    for _ in range(7):
        clock.advance(0.5)
    assert not ending[0].done
    for _ in range(2):
        clock.advance(0.5)

    assert ending[0].done
    latch.set(None)
    clock.settle()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT])
def test_who_is_told_to_end_at_once_waits_for_nobody(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]], signum: int
) -> None:
    io = start(clock)
    latch = io.reactor.latch()
    io.reactor.workers.spawn(latch.wait)
    clock.settle()

    send(signum)
    assert worker.ended == [signum]
    worker.alive = False
    clock.advance(0.25)
    at_exit[0]()

    assert io.engine.retry_after is None
    assert not any("the end of" in task.name for task in live_tasks())
    latch.set(None)
    clock.settle()
