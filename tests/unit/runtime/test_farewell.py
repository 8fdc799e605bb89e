from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import gevent
import gevent.socket
import pytest

from sockio.runtime.farewell import LEAST_COUNTED, LINGER, MOST_DROPPED, Farewell
from sockio.runtime.reactor import Reactor
from sockio.runtime.stream import Stream
from sockio.runtime.syscalls import READ_SIZE
from sockio.testing import FakeClock

#: More than the kernel keeps for one connection.
LARGE = 8 << 20


class Former:
    """The former receiver; it must hear nothing more."""

    space = None

    def received(self, data: bytes) -> None:
        raise AssertionError(data)

    def filled(self, count: int) -> None:
        raise AssertionError(count)

    def drained(self) -> None:
        raise AssertionError("drained")

    def ended(self, error: OSError | None) -> None:
        raise AssertionError(error)


class Bench:
    """A stream whose end is near, and the other end of its connection."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.theirs = gevent.socket.socket(fileno=theirs.detach())
        self.theirs.settimeout(5)
        self.clock = FakeClock()
        reactor = Reactor(self.clock)
        reactor.start()
        self.stream = Stream(ours, reactor.batch)
        self.stream.start(Former())
        self.ends = 0

    def part(self, patience: float = 10.0) -> None:
        Farewell(self.stream, self.clock, self._on_end, patience=patience)
        self.clock.settle()

    def _on_end(self) -> None:
        self.ends += 1

    @property
    def over(self) -> bool:
        self.clock.settle()
        assert self.ends == int(self.stream.closed)
        assert self.clock.armed == 1 - self.ends
        return self.ends == 1

    def read_all(self) -> bytes:
        data = bytearray()
        while got := self.theirs.recv(1 << 20):
            data += got
        return bytes(data)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.stream.close()
    bench.theirs.close()
    bench.clock.advance(100)


def test_the_peer_is_told_that_nothing_follows(bench: Bench) -> None:
    bench.stream.write(b"last")

    bench.part()

    assert bench.read_all() == b"last"
    assert not bench.over


def test_it_is_over_when_the_peer_ends_too(bench: Bench) -> None:
    bench.part()

    bench.theirs.sendall(b"not heard")
    assert not bench.over
    bench.theirs.shutdown(socket.SHUT_WR)

    assert bench.over


def test_it_is_over_when_the_peer_has_gone(bench: Bench) -> None:
    bench.part()

    bench.theirs.close()

    assert bench.over


def test_a_peer_that_does_not_end_has_two_seconds(bench: Bench) -> None:
    bench.part()

    bench.clock.advance(LINGER - 0.1)
    bench.theirs.sendall(b"still there")
    assert not bench.over
    bench.clock.advance(0.1)

    assert bench.over


def test_what_was_written_leaves_first(bench: Bench) -> None:
    bench.stream.write(b"x" * LARGE)
    bench.stream.write(b"last")

    bench.part()
    assert bench.stream.pending_size
    data = bench.read_all()

    assert data == b"x" * LARGE + b"last"
    assert not bench.over


def test_what_is_collected_leaves_first(bench: Bench) -> None:
    bench.stream.hold(b"last")

    bench.part()

    assert bench.read_all() == b"last"


def test_the_two_seconds_begin_when_all_has_left(bench: Bench) -> None:
    bench.stream.write(b"x" * LARGE)
    bench.part()
    bench.clock.advance(9)

    bench.read_all()
    bench.clock.advance(LINGER - 0.1)
    assert not bench.over
    bench.clock.advance(0.1)

    assert bench.over


def test_a_peer_that_takes_nothing_is_cut_in_the_end(bench: Bench) -> None:
    bench.stream.write(b"x" * LARGE)
    bench.part()

    bench.clock.advance(9.9)
    assert not bench.over
    bench.clock.advance(0.1)

    assert bench.over
    assert bench.stream.pending_size == 0


def test_a_peer_that_ends_first_may_still_read(bench: Bench) -> None:
    bench.stream.write(b"x" * LARGE)
    bench.part()

    bench.theirs.shutdown(socket.SHUT_WR)
    assert not bench.over
    assert len(bench.read_all()) == LARGE

    assert bench.over


def test_a_peer_that_goes_without_reading_is_not_waited_for(bench: Bench) -> None:
    bench.stream.write(b"x" * LARGE)
    bench.part()
    bench.theirs.sendall(b"so that its going is a reset")

    bench.theirs.close()
    bench.clock.advance(10)

    assert bench.over


def test_a_peer_that_sends_and_sends_is_cut(bench: Bench) -> None:
    bench.part()
    sent = 0

    def send_for_ever() -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            while True:
                sent += bench.theirs.send(bytes(1 << 20))

    gevent.spawn(send_for_ever).get(timeout=8)

    assert bench.over
    assert MOST_DROPPED <= sent < MOST_DROPPED + LARGE


def test_small_pieces_count_for_more(bench: Bench) -> None:
    bench.part()

    for _ in range(100):
        bench.theirs.sendall(b"x")
        bench.clock.settle()
    pieces = MOST_DROPPED // LEAST_COUNTED

    assert READ_SIZE > LEAST_COUNTED
    assert pieces < 20_000
    assert not bench.over
