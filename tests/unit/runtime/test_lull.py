from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.event
import pytest

from sockio.runtime.lull import PASSES, PATIENCE, Deadline, Lull
from sockio.runtime.workers import Workers

READ = 1


class Hand:
    """Calls that are made when a test says so."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> float:
        return 0.0

    def call_later(self, seconds: float, fn: Callable[[], object]) -> Any:
        entry = (seconds, fn)
        self.calls.append(entry)
        return Cancel(self, entry)

    def make(self) -> float:
        """Make the oldest call; return the delay with which it was asked for."""
        seconds, fn = self.calls.pop(0)
        fn()
        return seconds


class Cancel:
    def __init__(self, hand: Hand, entry: Any) -> None:
        self._hand = hand
        self._entry = entry

    def cancel(self) -> None:
        if self._entry in self._hand.calls:
            self._hand.calls.remove(self._entry)


class Waiting:
    """Sockets that have something to read, and their readers."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self._loop = gevent.get_hub().loop
        self._open: list[Any] = []
        self._last = 0
        self._passed = gevent.event.Event()

    def add(self, data: bytes, size: int = 65536) -> None:
        """Let ``data`` be read, ``size`` bytes in each pass of the loop."""
        ours, theirs = socket.socketpair()
        theirs.sendall(data)
        watcher = self._loop.io(ours.fileno(), READ)
        watcher.start(lambda: self.read.append(ours.recv(size)))
        self._open += [watcher, ours, theirs]

    def add_endless(self) -> None:
        """Let something be readable for ever."""
        ours, theirs = socket.socketpair()
        theirs.sendall(b"x")
        watcher = self._loop.io(ours.fileno(), READ)
        watcher.start(self._count)
        self._open += [watcher, ours, theirs]

    def _count(self) -> None:
        if self._loop.iteration >= self._last:
            self._passed.set()

    def pass_loop(self, times: int) -> None:
        """Let the loop make so many passes; something must be readable for ever."""
        self._last = self._loop.iteration + times
        self._passed.clear()
        assert self._passed.wait(5)

    def close(self) -> None:
        for one in self._open:
            if hasattr(one, "stop"):
                one.stop()
            one.close()


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    waiting = Waiting()
    yield waiting
    waiting.close()


@pytest.fixture
def workers() -> Workers:
    workers = Workers()
    workers.attach()
    return workers


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_the_call_is_made_when_all_that_waits_is_read(
    waiting: Waiting, workers: Workers, hand: Hand
) -> None:
    # More sockets than one pass reports, and one that takes a hundred passes.
    for _ in range(200):
        waiting.add(b"xx")
    waiting.add(b"x" * 100, 1)
    seen: list[int] = []
    done = gevent.event.Event()

    def look() -> None:
        seen.append(sum(map(len, waiting.read)))
        done.set()

    workers.loop.run_callback(lambda: Lull(workers, hand, look))

    assert done.wait(5)
    assert seen == [500]
    assert hand.calls == []


def test_what_runs_in_the_hub_comes_before_it(workers: Workers, hand: Hand) -> None:
    done = gevent.event.Event()
    left = 50

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            workers.loop.run_callback(again)

    workers.loop.run_callback(again)
    Lull(workers, hand, lambda: done.set())

    assert done.wait(5)
    assert not left


def test_one_that_is_cancelled_is_not_made(workers: Workers, hand: Hand) -> None:
    lull = Lull(workers, hand, lambda: pytest.fail("it was cancelled"))

    lull.cancel()
    lull.cancel()

    gevent.idle(-1)
    assert hand.calls == []


def test_a_loop_without_rest_is_not_waited_for_for_ever(
    waiting: Waiting, workers: Workers, hand: Hand
) -> None:
    waiting.add_endless()
    made: list[bool] = []
    Lull(workers, hand, lambda: made.append(True))

    # Too few passes: what has arrived may not have been read.
    assert hand.make() == PATIENCE
    assert made == []
    waiting.pass_loop(PASSES)
    assert made == []
    assert hand.make() == PATIENCE

    assert made == [True]
    assert hand.calls == []


def test_what_the_call_raises_is_logged(
    workers: Workers, hand: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    Lull(workers, hand, fail)
    gevent.idle(-1)

    assert "a bug" in caplog.text


# ------------------------------------------------------------------ deadlines


def test_what_came_in_time_is_read_before_a_deadline_has_passed(
    waiting: Waiting, workers: Workers, hand: Hand
) -> None:
    seen: list[list[bytes]] = []
    done = gevent.event.Event()

    def look() -> None:
        seen.append(list(waiting.read))
        done.set()

    def arrive() -> None:
        waiting.add(b"in time")
        assert hand.make() == 10.0

    Deadline(workers, hand, 10.0, look)
    workers.loop.run_callback(arrive)

    assert done.wait(5)
    assert seen == [[b"in time"]]
    assert hand.calls == []


@pytest.mark.parametrize("passed", [False, True])
def test_a_deadline_that_is_kept_is_none(
    workers: Workers, hand: Hand, passed: bool
) -> None:
    deadline = Deadline(workers, hand, 10.0, lambda: pytest.fail("it was kept"))
    if passed:
        hand.make()

    deadline.cancel()
    deadline.cancel()

    gevent.idle(-1)
    assert hand.calls == []
