"""Early bytes and the kernel's are one stream, however it is split and read."""

from __future__ import annotations

import socket
from _socket import MSG_PEEK
from _socket import socket as PlainSocket
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.engine.http.early_socket import rest_of, with_early


def receive(sock: Any, size: int) -> bytes:
    return sock.recv(size)  # type: ignore[no-any-return]


def receive_into(sock: Any, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: sock.recv_into(buffer)])


def receive_some_into(sock: Any, size: int) -> bytes:
    buffer = bytearray(size + 3)
    return bytes(buffer[: sock.recv_into(buffer, size)])


def look_first(sock: Any, size: int) -> bytes:
    ahead = sock.recv(size, MSG_PEEK)
    data: bytes = sock.recv(size)
    assert data.startswith(ahead)
    return data


READS = st.tuples(
    st.sampled_from((receive, receive_into, receive_some_into, look_first)),
    st.integers(1, 12),
)


@given(
    st.binary(max_size=30),
    st.binary(max_size=30),
    st.lists(READS, min_size=1, max_size=20),
)
def test_every_way_of_reading(
    early: bytes, later: bytes, reads: list[tuple[Callable[[Any, int], bytes], int]]
) -> None:
    ours, peer = socket.socketpair()
    sock = with_early(PlainSocket(fileno=ours.detach()), early)
    with sock, peer:
        peer.sendall(later)
        peer.shutdown(socket.SHUT_WR)
        received = b""
        for read, size in reads:
            data = read(sock, size)
            assert 0 < len(data) <= size or received == early + later
            received += data
        rest = rest_of(sock)

        assert received + rest + read_all(sock) == early + later


def read_all(sock: Any) -> bytes:
    return b"".join(iter(lambda: sock.recv(1000), b""))


@given(st.integers(0, 20), st.lists(st.binary(max_size=8), max_size=8))
def test_what_is_swallowed(skip: int, pieces: list[bytes]) -> None:
    ours, peer = socket.socketpair()
    with peer:
        with with_early(PlainSocket(fileno=ours.detach()), b"", skip) as sock:
            for piece in pieces:
                sock.sendall(piece)

        assert read_all(peer) == b"".join(pieces)[skip:]
