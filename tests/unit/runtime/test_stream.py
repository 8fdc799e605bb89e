from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import gevent
import gevent.socket
import pytest

from sockio.runtime.reactor import Reactor
from sockio.runtime.stream import Stream
from sockio.runtime.syscalls import READ_SIZE
from sockio.testing import FakeClock

#: More than the kernel keeps for one connection.
LARGE = 8 << 20


class Bench:
    """A stream on one end of a connection, the other end, and what it reported."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.theirs = gevent.socket.socket(fileno=theirs.detach())
        self.theirs.settimeout(2)
        self.clock = FakeClock()
        self.reactor = Reactor(self.clock)
        self.reactor.start()
        self.stream = Stream(ours, self.reactor.batch)
        self.space: memoryview | None = None
        self.heard: list[bytes | int | str] = []
        self.error: OSError | None = None

    def start(self, early: bytes = b"") -> None:
        self.stream.start(self, early)
        self.clock.settle()

    def received(self, data: bytes) -> None:
        self.heard.append(data)

    def filled(self, count: int) -> None:
        self.heard.append(count)

    def drained(self) -> None:
        self.heard.append("drained")

    def ended(self, error: OSError | None) -> None:
        self.heard.append("ended")
        self.error = error
        self.stream.close()

    def read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            data += self.theirs.recv(1 << 20)
        self.clock.settle()
        return bytes(data)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.stream.close()
    bench.theirs.close()


# ------------------------------------------------------------------ reading


def test_bytes_are_received_as_they_come(bench: Bench) -> None:
    bench.start()

    for data in (b"a", b"bc"):
        bench.theirs.sendall(data)
        bench.clock.settle()

    assert bench.heard == [b"a", b"bc"]


def test_early_bytes_come_before_those_that_wait_in_the_kernel(bench: Bench) -> None:
    bench.theirs.sendall(b"later")

    bench.start(b"early")

    assert bench.heard == [b"early", b"later"]


def test_early_bytes_come_first_even_where_the_loop_polls_before_it_calls_back(
    bench: Bench,
) -> None:
    bench.theirs.sendall(b"later")

    bench.stream.start(bench, b"early")
    assert not bench.stream._reader.active

    bench.clock.settle()
    assert bench.heard == [b"early", b"later"]


def test_a_stream_closed_meanwhile_hears_nothing_of_the_early_bytes(
    bench: Bench,
) -> None:
    bench.stream.start(bench, b"early")

    bench.stream.close()
    bench.clock.settle()

    assert bench.heard == []


def test_one_read_is_bounded(bench: Bench) -> None:
    sender = gevent.spawn(bench.theirs.sendall, b"x" * (3 * READ_SIZE))

    bench.start()

    sender.get()
    sizes = [len(data) for data in bench.heard if isinstance(data, bytes)]
    assert sum(sizes) == 3 * READ_SIZE
    assert max(sizes) <= READ_SIZE


def test_bytes_of_a_large_message_go_where_it_wants_them(bench: Bench) -> None:
    memory = bytearray(10)
    bench.space = memoryview(memory)
    bench.theirs.sendall(b"large")

    bench.start()

    assert bench.heard == [5]
    assert bytes(memory[:5]) == b"large"


def test_the_end_of_the_connection_is_told_once(bench: Bench) -> None:
    bench.start()

    bench.theirs.close()
    bench.clock.settle()

    assert bench.heard == ["ended"]
    assert bench.error is None
    assert bench.stream.closed


def test_a_bug_of_the_receiver_ends_the_stream(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.space = memoryview(b"read only")  # receiving into it is a TypeError
    bench.theirs.sendall(b"x")

    bench.start()

    assert bench.heard == ["ended"]
    assert "a read failed" in caplog.text


# ------------------------------------------------------------------ writing


def test_a_write_leaves_at_once(bench: Bench) -> None:
    bench.stream.write(b"now")

    bench.theirs.settimeout(0)
    assert bench.theirs.recv(10) == b"now"
    assert not bench.stream.blocked


def test_writes_wait_in_order_while_the_kernel_takes_nothing(bench: Bench) -> None:
    bench.start()

    bench.stream.write(b"x" * LARGE)
    for _ in range(100):
        bench.stream.write(b"y" * 1000)

    assert bench.stream.blocked
    assert bench.stream.pending_size > 100_000
    assert bench.read(LARGE + 100_000) == b"x" * LARGE + b"y" * 100_000
    assert bench.heard == ["drained"]
    assert not bench.stream.blocked
    assert bench.stream.pending_size == 0


def test_writable_turns_false_for_the_rest_of_the_loops_pass(bench: Bench) -> None:
    assert bench.stream.writable

    bench.stream.write(b"x")
    assert not bench.stream.writable

    bench.clock.settle()
    assert bench.stream.writable


def test_corked_writes_leave_together_when_the_batch_ends(bench: Bench) -> None:
    batch = bench.reactor.batch
    batch.begin()
    batch.corked = True

    bench.stream.write(b"a")
    bench.stream.write(b"b")
    assert not bench.stream.writable
    assert bench.stream.pending_size == 2
    batch.flush()

    assert bench.read(2) == b"ab"
    assert bench.stream.pending_size == 0


def test_the_last_write_of_a_batch_takes_the_corked_ones_along(bench: Bench) -> None:
    batch = bench.reactor.batch
    batch.begin()
    batch.corked = True
    bench.stream.write(b"a")
    batch.corked = False

    bench.stream.write(b"b")

    bench.theirs.settimeout(0)
    assert bench.theirs.recv(10) == b"ab"


def test_corked_writes_that_grow_large_do_not_wait(bench: Bench) -> None:
    batch = bench.reactor.batch
    batch.begin()
    batch.corked = True

    bench.stream.write(b"x" * READ_SIZE)
    assert bench.stream.pending_size == READ_SIZE
    bench.stream.write(b"y")

    assert bench.stream.pending_size == 0


def test_a_write_to_a_peer_that_is_gone_raises_nothing(bench: Bench) -> None:
    bench.start()
    bench.theirs.close()

    bench.stream.write(b"x")
    bench.stream.write(b"y")
    bench.clock.settle()

    assert bench.heard == ["ended"]
    assert bench.stream.pending_size == 0


def test_a_peer_that_goes_while_writes_wait_ends_the_stream(bench: Bench) -> None:
    bench.start()
    bench.stream.write(b"x" * LARGE)

    bench.theirs.close()
    bench.clock.settle()

    assert bench.heard == ["ended"]
    assert bench.stream.pending_size == 0
    assert not bench.stream.blocked


# ------------------------------------------------------------------ closing


def test_a_closed_stream_may_be_closed_and_written_to(bench: Bench) -> None:
    bench.start()

    bench.stream.close()
    bench.stream.close()
    bench.stream.write(b"late")

    assert bench.theirs.recv(10) == b""
    assert bench.heard == []


class Reluctant:
    """A socket whose kernel says that it takes bytes, and takes none for a while."""

    def __init__(self, sock: socket.socket, refusals: int, *, raises: bool) -> None:
        self._sock = sock
        self.refusals = refusals
        #: Whether it says so as Python's sockets do; gevent's with TLS return 0.
        self._raises = raises
        self.asked = 0
        self.fileno = sock.fileno
        self.recv = sock.recv
        self.shutdown = sock.shutdown
        self.close = sock.close

    def send(self, data: bytes) -> int:
        self.asked += 1
        if self.asked <= self.refusals:
            if self._raises:
                raise ssl.SSLWantReadError
            return 0
        return self._sock.send(data)


@pytest.mark.parametrize("raises", [True, False])
def test_a_kernel_that_takes_nothing_is_not_asked_all_the_time(raises: bool) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    reluctant = Reluctant(ours, refusals=4, raises=raises)
    reactor = Reactor()
    reactor.start()
    stream = Stream(reluctant, reactor.batch, tls=True)

    stream.write(b"at last")
    gevent.idle()
    assert reluctant.asked <= 2
    with gevent.socket.socket(fileno=theirs.detach()) as peer:
        peer.settimeout(30)
        assert peer.recv(100) == b"at last"

    assert not stream.blocked
    stream.close()
