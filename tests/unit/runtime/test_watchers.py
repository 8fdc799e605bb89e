"""Watchers: what the loop reports about a socket, and until when."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import get_hub
from gevent.event import Event

from sockio.runtime.watchers import AGAIN, READ, Writable, drop


class Ends:
    """Two connected sockets, and how often ours was reported as ready."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.loop = get_hub().loop
        self._told = Event()

    def tell(self) -> None:
        self._told.set()

    def hear(self) -> bool:
        """Wait until the loop reports; False: it has not done so for a long time."""
        self._told.clear()
        return bool(self._told.wait(20))

    def hear_nothing(self) -> bool:
        """Whether the loop has nothing to report."""
        self._told.clear()
        gevent.idle()
        return not self._told.is_set()

    def fill(self) -> None:
        """Send until the kernel takes no more."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.ours.send(bytes(65536))


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.ours.close()
    ends.theirs.close()


def test_a_socket_that_would_wait_says_so(ends: Ends) -> None:
    with pytest.raises(AGAIN):
        ends.ours.recv(1)
    ends.fill()
    with pytest.raises(AGAIN):
        ends.ours.send(b"x")


def test_a_watcher_that_was_dropped_tells_nothing(ends: Ends) -> None:
    watcher = ends.loop.io(ends.ours.fileno(), READ)
    watcher.start(ends.tell)
    ends.theirs.send(b"x")
    assert ends.hear()

    drop(watcher)

    assert ends.hear_nothing()


def test_it_is_told_again_and_again_until_it_is_closed(ends: Ends) -> None:
    writable = Writable(ends.loop, ends.ours.fileno(), ends.tell)
    assert ends.hear()
    assert ends.hear()

    writable.close()

    assert ends.hear_nothing()


def test_a_full_kernel_is_not_told_of(ends: Ends) -> None:
    ends.fill()
    writable = Writable(ends.loop, ends.ours.fileno(), ends.tell)
    assert ends.hear_nothing()

    ends.theirs.recv(1 << 24)
    assert ends.hear()

    writable.close()


class SlowLoop:
    """A loop whose timers take one hour longer."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self.io = loop.io

    def timer(self, seconds: float) -> Any:
        return self._loop.timer(seconds + 3600)


def test_a_kernel_that_took_nothing_is_left_alone_for_a_while(ends: Ends) -> None:
    writable = Writable(SlowLoop(ends.loop), ends.ours.fileno(), ends.tell)
    assert ends.hear()

    writable.ask_later()

    assert ends.hear_nothing()
    writable.close()


def test_a_kernel_that_took_nothing_is_asked_again(ends: Ends) -> None:
    writable = Writable(ends.loop, ends.ours.fileno(), ends.tell)
    assert ends.hear()

    writable.ask_later()

    assert ends.hear()
    assert ends.hear()
    writable.close()


@pytest.mark.parametrize("later", [True, False])
def test_nobody_is_told_after_the_close(ends: Ends, later: bool) -> None:
    writable = Writable(ends.loop, ends.ours.fileno(), ends.tell)
    if later:
        writable.ask_later()

    writable.close()

    assert ends.hear_nothing()
