from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import gevent
import gevent.socket
import pytest

from sockio.engine.handover.proxy import for_one_request, relay, splice
from sockio.engine.http.client_socket import TakenSocket
from sockio.types import Environ, StartResponse, WSGIApp
from tests.support.one_connection import SERVERS

HEAD = (
    b"POST /socket.io/?sid=x HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n"
    b"keep-alive: 5\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 3\r\nExpect: 100-continue\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"
)
LENGTH = b"Content-Length: %d\r\n"
CLOSE = b"Connection: close\r\n\r\n"


def test_a_head_for_a_connection_of_its_own() -> None:
    assert for_one_request(HEAD, body=True) == (
        b"POST /socket.io/?sid=x HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: b=2\r\n"
        b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert for_one_request(b"GET / HTTP/1.1\r\n\r\n", body=False) == (
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    "before",
    [
        b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 80\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\1\x13\x88\0P",
    ],
)
def test_the_header_of_a_proxy_stays_in_front(before: bytes) -> None:
    head = for_one_request(before + HEAD, body=True)

    assert head == before + for_one_request(HEAD, body=True)


class Owner:
    """The process that answers, at the other end of a pair of sockets."""

    def __init__(self, answer: bytes, *, reads: bool = True) -> None:
        here, there = socket.socketpair()
        self.sock = gevent.socket.socket(fileno=here.detach())
        self._there = gevent.socket.socket(fileno=there.detach())
        self.received = b""
        self._answer, self._reads = answer, reads
        self._greenlet = gevent.spawn(self._serve)

    def _serve(self) -> None:
        with self._there:
            while self._reads and not self.received.endswith(
                (b"\r\n\r\n", b"0\r\n\r\n")
            ):
                self.received += self._there.recv(65536)
            while b"chunked" in self.received and b"\n0\r\n" not in self.received:
                self.received += self._there.recv(65536)
            self._there.sendall(self._answer)

    def app(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        head = b"%s /?sid=x HTTP/1.1\r\n\r\n" % environ["REQUEST_METHOD"].encode()

        def refuse() -> list[bytes]:
            start("503 Service Unavailable", [("Content-Length", "0")])
            return []

        return relay(self.sock, head, environ, start, refuse)

    def close(self) -> None:
        self._greenlet.get(timeout=20)
        assert self.sock.fileno() == -1


KINDS = ("gunicorn", "pywsgi", "ours")


def serve(kind: str, app: WSGIApp, data: bytes) -> bytes:
    """Let a server answer a client that waits for the answer."""
    peer, sock = _pair()
    serving = gevent.spawn(SERVERS[kind], app, sock)
    sending = gevent.spawn(peer.sendall, data)
    got = b""
    with peer, suppress(ConnectionError):  # not all that was sent has been read
        while data := peer.recv(65536):
            got += data
        sending.get(timeout=20)
    sending.kill()
    serving.get(timeout=20)
    sock.close()
    return got


@pytest.mark.parametrize("kind", KINDS)
def test_the_owners_answer_is_the_answer(kind: str) -> None:
    owner = Owner(
        b"HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\n"
        b"Set-Cookie: b=2\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    )

    got = serve(kind, owner.app, b"GET /?sid=x HTTP/1.1\r\nHost: x\r\n" + CLOSE)

    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 Fine\r\n")
    assert head.count(b"Set-Cookie: ") == 2
    assert head.lower().count(b"content-length: 5") == 1
    assert body == b"hello"
    owner.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_reaches_the_owner(kind: str) -> None:
    owner = Owner(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    body = b"x" * 200_000

    got = serve(
        kind,
        owner.app,
        b"POST /?sid=x HTTP/1.1\r\nHost: x\r\n" + LENGTH % len(body) + CLOSE + body,
    )

    assert got.endswith(b"\r\n\r\nok")
    head, _, chunks = owner.received.partition(b"\r\n\r\n")
    assert head.endswith(b"Transfer-Encoding: chunked")
    assert chunks.count(b"x") == len(body)
    assert chunks.endswith(b"\r\n0\r\n\r\n")
    owner.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_before_the_body_was_read(kind: str) -> None:
    owner = Owner(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", reads=False)
    body = b"x" * 3_000_000

    got = serve(
        kind,
        owner.app,
        b"POST /?sid=x HTTP/1.1\r\nHost: x\r\n" + LENGTH % len(body) + CLOSE + body,
    )

    assert got.startswith(b"HTTP/1.1 413 Too Large\r\n")
    owner.close()


@pytest.mark.parametrize("answer", [b"", b"garbage", b"HTTP/1.1 x\r\n\r\n"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_an_answer_the_request_is_refused(kind: str, answer: bytes) -> None:
    owner = Owner(answer)

    got = serve(kind, owner.app, b"GET /?sid=x HTTP/1.1\r\nHost: x\r\n" + CLOSE)

    assert got.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    owner.close()


# ------------------------------------------------------------------ splice


class Ends:
    """A client and an owner, and what carries bytes between them."""

    def __init__(self) -> None:
        self.client, self._accepted = _pair()
        self.owner, self._here = _pair()
        plain = socket.socket(fileno=self._accepted.detach())
        plain.setblocking(False)
        taken = TakenSocket(plain, b"", released=True)
        self.splicing = gevent.spawn(splice, self._here, taken)

    def close(self) -> None:
        for sock in (self.client, self.owner):
            sock.close()
        self.splicing.get(timeout=20)


def _pair() -> tuple[Any, Any]:
    pair = socket.socketpair()
    one, other = (gevent.socket.socket(fileno=end.detach()) for end in pair)
    one.settimeout(20)
    return one, other


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


def test_bytes_go_both_ways(ends: Ends) -> None:
    for number in range(3):
        ends.client.sendall(b"up %d" % number)
        assert ends.owner.recv(100) == b"up %d" % number
        ends.owner.sendall(b"down %d" % number)
        assert ends.client.recv(100) == b"down %d" % number


def test_much_goes_through_while_the_other_side_is_slow(ends: Ends) -> None:
    data = bytes(range(256)) * 20_000
    sending = gevent.spawn(ends.owner.sendall, data)

    got = b""
    while len(got) < len(data):
        got += ends.client.recv(65536)

    assert got == data
    sending.get(timeout=20)


@pytest.mark.parametrize("who", ["client", "owner"])
def test_the_end_of_one_side_is_the_end_of_the_other(ends: Ends, who: str) -> None:
    one, other = ends.client, ends.owner
    if who == "owner":
        one, other = other, one
    one.sendall(b"last words")

    one.close()

    assert other.recv(100) == b"last words"
    assert other.recv(100) == b""
    other.close()
    ends.splicing.get(timeout=20)


def test_nothing_of_the_client_is_lost_that_came_before_its_end(ends: Ends) -> None:
    ends.client.sendall(b"question")
    ends.client.shutdown(socket.SHUT_WR)

    assert ends.owner.recv(100) == b"question"
    assert ends.owner.recv(100) == b""
    ends.owner.sendall(b"answer")

    assert ends.client.recv(100) == b"answer"
