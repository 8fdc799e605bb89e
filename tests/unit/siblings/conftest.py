"""Fixtures of the tests of siblings: their time, and processes of other users."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from gevent.socket import wait_read

from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock()


@pytest.fixture
def reactor(clock: FakeClock) -> Iterator[Reactor]:
    """Give the reactor of a server that has started."""
    reactor = Reactor(clock)
    reactor.start()
    yield reactor
    assert clock.armed == 0


def in_child(fn: Callable[[], bool]) -> bool:
    """Call ``fn`` in a forked child, which ends then; return what it returned.

    Blocks:
        Until the child has ended; meanwhile the hub runs.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, b"yes" if fn() else b"no")
        finally:
            os._exit(0)
    os.close(writing)
    wait_read(reading, timeout=30)
    answer = os.read(reading, 10)
    os.close(reading)
    reap(child)
    return answer == b"yes"


def reap(child: int) -> None:
    """Wait for the end of a child that ends now."""
    with suppress(ChildProcessError):  # gevent has waited for it
        os.waitpid(child, 0)


def as_somebody_else(fn: Callable[[], bool]) -> bool:
    """Call ``fn`` in a process of another user; only root can do that."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")

    def become() -> bool:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        return fn()

    return in_child(become)
