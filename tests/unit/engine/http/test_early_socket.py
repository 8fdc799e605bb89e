from __future__ import annotations

import socket
from _socket import MSG_PEEK
from _socket import socket as PlainSocket
from collections.abc import Iterator
from typing import Any

import gevent.socket
import pytest

from sockio.engine.http.early_socket import EarlySocket, rest_of, with_early


class Bench:
    """Both ends of a connection, of which one gets early bytes."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._ours = PlainSocket(fileno=ours.detach())
        self.peer = theirs
        self.sock: Any = self._ours

    def with_early(self, early: bytes, skip: int = 0) -> Any:
        self.sock = with_early(self._ours, early, skip)
        self.sock.settimeout(20)
        return self.sock

    def close(self) -> None:
        self.sock.close()
        self.peer.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_early_bytes_come_before_those_of_the_kernel(bench: Bench) -> None:
    sock = bench.with_early(b"early")
    bench.peer.sendall(b"later")

    assert sock.recv(3) == b"ear"
    assert sock.recv(100) == b"ly"
    assert sock.recv(100) == b"later"


def test_the_end_of_the_connection_comes_after_them(bench: Bench) -> None:
    sock = bench.with_early(b"early")
    bench.peer.close()

    assert sock.recv(100) == b"early"
    assert sock.recv(100) == b""


def test_nothing_of_the_kernels_is_waited_for(bench: Bench) -> None:
    sock = bench.with_early(b"e")

    assert sock.recv(100) == b"e"
    sock.settimeout(0)
    with pytest.raises(BlockingIOError):
        sock.recv(100)


def test_into_a_buffer(bench: Bench) -> None:
    sock = bench.with_early(b"early")
    bench.peer.sendall(b"later")
    buffer = bytearray(8)

    assert sock.recv_into(buffer, 3) == 3
    assert sock.recv_into(memoryview(buffer)[3:]) == 2
    assert sock.recv_into(memoryview(buffer)[5:]) == 3
    assert buffer == b"earlylat"


def test_a_reader_with_a_buffer(bench: Bench) -> None:
    sock = bench.with_early(b"a\nb\n")
    bench.peer.sendall(b"c\n")

    with sock.makefile("rb") as reader:
        assert [reader.readline() for _ in range(3)] == [b"a\n", b"b\n", b"c\n"]


def test_looking_ahead_takes_nothing(bench: Bench) -> None:
    sock = bench.with_early(b"early")
    buffer = bytearray(2)

    assert sock.recv(2, MSG_PEEK) == b"ea"
    assert sock.recv_into(buffer, 0, MSG_PEEK) == 2
    assert sock.recv(100) == b"early"
    assert buffer == b"ea"


def test_who_looks_below_sees_the_kernels(bench: Bench) -> None:
    sock = bench.with_early(b"early")
    bench.peer.sendall(b"later")

    assert PlainSocket.recv(sock._sock, 100, MSG_PEEK) == b"later"


def test_a_wrong_size_is_refused_as_ever(bench: Bench) -> None:
    sock = bench.with_early(b"early")

    with pytest.raises(ValueError, match="negative"):
        sock.recv(-1)
    with pytest.raises(ValueError, match="negative"):
        sock.recv_into(bytearray(1), -1)


def test_the_first_bytes_sent_are_swallowed(bench: Bench) -> None:
    sock = bench.with_early(b"", skip=5)

    sock.sendall(memoryview(b"abc"))
    sock.sendall(b"defgh")
    assert bench.peer.recv(100) == b"fgh"


def test_a_plain_socket_of_gevents(bench: Bench) -> None:
    sock = bench.with_early(b"early")

    assert type(sock) is gevent.socket.socket
    assert isinstance(sock._sock, EarlySocket)
    assert sock.family == socket.AF_UNIX


def test_the_rest_is_given_out_once(bench: Bench) -> None:
    sock = bench.with_early(b"early")
    sock.recv(2)

    assert rest_of(sock) == b"rly"
    assert rest_of(sock) == b""
    sock.close()
    assert rest_of(sock) == b""
    assert rest_of(object()) == b""


def test_a_socket_that_is_detached_leaves_the_descriptor(bench: Bench) -> None:
    sock = bench.with_early(b"early")
    plain = socket.socket(fileno=sock.detach())
    bench.peer.sendall(b"later")

    assert plain.recv(100) == b"later"
    plain.close()
