from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.workers.ggevent import GeventWorker

import sockio
from sockio.runtime import tasks
from sockio.runtime.reactor import Reactor
from sockio.runtime.tasks import Task, live_tasks
from sockio.siblings.place import Names
from sockio.siblings.siblings import Siblings
from sockio.socket.server.group import Group
from sockio.testing import FakeClock

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
#: Of the worker's 10 seconds 8 are used: to wait for successors, to disconnect the
#: clients, and for handlers.
THIRD = 8 / 3


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
        self.cfg = SimpleNamespace(graceful_timeout=10, workers=1, reuse_port=False)
        #: No process that could have its sockets.
        self.ppid = 0
        self.sockets: list[Any] = []
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
        if "gunicorn" in task.name:
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


def the_end() -> Task[None]:
    """Return the task that ends the server."""
    (ending,) = [task for task in live_tasks() if "the end of" in task.name]
    return ending


def advance(clock: FakeClock, seconds: float) -> None:
    """Let time pass in small steps, since who wakes may want to wait again."""
    for _ in range(round(seconds / 0.05)):
        clock.advance(0.05)


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

    assert io.engine.retry_after == THIRD
    clock.advance(10)
    at_exit[0]()


def test_a_worker_that_asks_is_told_when_it_has_closed(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]]
) -> None:
    asked: list[Callable[[], None]] = []
    worker.at_end = asked.append
    io = start(clock)
    latch = io.reactor.latch()
    io.reactor.workers.spawn(latch.wait)
    worker.alive = False

    asking = tasks.spawn(asked[0], name="gunicorn")
    clock.advance(0.25)
    assert io.engine.retry_after == THIRD
    assert not asking.done
    latch.set(None)
    advance(clock, 0.25)

    assert asking.done
    at_exit[0]()


def test_it_starts_when_a_worker_of_ours_serves(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]]
) -> None:
    worker.serving = False
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    clock.settle()
    assert not io.reactor.started

    worker.serving = True
    clock.advance(0.05)

    assert io.reactor.started
    io.close()


def test_handlers_get_time_to_end_and_no_more_than_there_is(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]]
) -> None:
    io = start(clock)
    latch = io.reactor.latch()
    io.reactor.workers.spawn(latch.wait)
    worker.alive = False
    clock.advance(0.25)
    ending = the_end()

    advance(clock, THIRD - 0.25)
    assert not ending.done
    advance(clock, 0.5)

    assert ending.done
    latch.set(None)
    clock.settle()
    at_exit[0]()


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


# ------------------------------------------------------------------ successors


@pytest.fixture
def listener(worker: Any) -> Iterator[socket.socket]:
    """Give the worker a socket that its master, this process, has too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker.sockets.append(listener)
        worker.ppid = os.getpid()
        # The worker, and one that begins.
        children = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(2)]
        yield listener
        for child in children:
            child.communicate()


@pytest.mark.usefixtures("listener")
def test_a_worker_that_is_replaced_waits_for_its_successor_first(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]]
) -> None:
    io = start(clock)
    worker.alive = False
    clock.advance(0.25)
    ending = the_end()

    advance(clock, 1.0)
    assert io.engine.retry_after is None
    reactor = Reactor(clock)
    reactor.start()
    successor = Siblings(Names(name_of_group(io)), reactor)
    successor.open()
    advance(clock, 0.3)
    assert io.engine.retry_after == THIRD

    advance(clock, 1.0)
    assert ending.done
    successor.close()
    at_exit[0]()


@pytest.mark.usefixtures("listener")
def test_it_waits_no_longer_than_a_third_of_its_time(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]]
) -> None:
    io = start(clock)
    worker.alive = False
    clock.advance(0.25)

    advance(clock, THIRD - 0.5)
    assert io.engine.retry_after is None
    advance(clock, 0.5)
    assert io.engine.retry_after == THIRD

    advance(clock, 1.0)
    at_exit[0]()


def test_the_only_worker_has_to_end_before_its_successor_begins(
    clock: FakeClock,
    worker: Any,
    listener: socket.socket,
    at_exit: list[Callable[[], None]],
) -> None:
    with subprocess.Popen(
        ["sh", "-c", "exec 3<&0; cat <&3 & echo; wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[listener.fileno()],
    ) as master:
        assert master.stdout is not None
        master.stdout.readline()
        worker.ppid = master.pid
        io = start(clock)
        worker.alive = False
        clock.advance(0.25)
        assert io.engine.retry_after is None

        clock.advance(0.5)

        assert io.engine.retry_after == THIRD
        advance(clock, 1.0)
        at_exit[0]()
        master.communicate()


@pytest.mark.usefixtures("listener")
def test_nobody_waits_for_successors_of_a_master_that_ends(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]]
) -> None:
    worker.ppid = 0  # a process that does not have the socket
    io = start(clock)
    worker.alive = False

    clock.advance(0.25)

    assert io.engine.retry_after == THIRD
    advance(clock, 1.0)
    at_exit[0]()


@pytest.mark.usefixtures("listener")
def test_a_second_signal_ends_the_wait_for_a_successor(
    clock: FakeClock, worker: Any, at_exit: list[Callable[[], None]]
) -> None:
    start(clock)
    worker.alive = False
    clock.advance(0.25)
    ending = the_end()

    send(signal.SIGINT)
    assert worker.ended == [signal.SIGINT]
    at_exit[0]()

    assert not ending.done
    ending.kill(block=True)


def name_of_group(io: sockio.Server[Any]) -> str:
    """Return the name under which the workers of this server meet."""
    group: Group = io._lifecycle._group
    return group._name
