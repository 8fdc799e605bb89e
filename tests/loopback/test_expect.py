"""Expect: 100-continue: who is allowed to send a body, when, and what happens then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
import gevent.socket
import pytest

from sockio.httpd.server import HTTPServer, create_server
from sockio.types import Environ, StartResponse, WSGIApp
from tests.support.timed_server import receive

POST = b"POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: test\r\n\r\n"
LEAVE = b"HTTP/1.1 100 Continue\r\n\r\n"


def read(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def refuse(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start("401 Unauthorized", [("Content-Length", "0")])
    return []


@pytest.fixture
def open_connection() -> Iterator[Callable[[WSGIApp], Any]]:
    servers: list[HTTPServer] = []
    peers = []

    def connect(app: WSGIApp) -> Any:
        servers.append(create_server(app).listen("127.0.0.1:0"))
        peers.append(gevent.socket.create_connection(servers[-1].address, timeout=5))
        return peers[-1]

    yield connect
    for peer in peers:
        peer.close()
    for server in servers:
        server.close(timeout=1)


Connect = Callable[[WSGIApp], Any]


def rest(peer: Any) -> bytes:
    """Return what comes until the server closes."""
    return b"".join(iter(lambda: peer.recv(65536), b""))


def test_a_body_that_is_wanted_gets_leave_once(open_connection: Connect) -> None:
    peer = open_connection(read)

    peer.sendall(POST + b"\r\n")
    assert receive(peer, b"\r\n\r\n") == LEAVE
    for byte in b"o", b"k":
        peer.sendall(byte)
        gevent.idle()

    answer = receive(peer, b"ok")
    assert answer.startswith(b"HTTP/1.1 200 ")
    peer.sendall(NEXT)
    assert receive(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("first", [b"\r\nok", b"\r\no"])
def test_a_body_that_has_come_needs_no_leave(
    open_connection: Connect, first: bytes
) -> None:
    peer = open_connection(read)

    peer.sendall(POST + first)
    gevent.idle()
    peer.sendall(b"\r\nok"[len(first) :])

    assert receive(peer, b"ok").startswith(b"HTTP/1.1 200 ")


def test_an_old_client_knows_no_leave(open_connection: Connect) -> None:
    peer = open_connection(read)

    peer.sendall(POST.replace(b"1.1", b"1.0") + b"\r\n")
    gevent.idle()
    peer.sendall(b"ok")

    assert receive(peer, b"ok").startswith(b"HTTP/1.1 200 ")


def test_no_leave_stands_in_an_answer(open_connection: Connect) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "4")])
        yield b"ab"
        yield environ["wsgi.input"].read()

    peer = open_connection(app)

    peer.sendall(POST + b"\r\n")
    begun = receive(peer, b"ab")
    peer.sendall(b"ok")

    assert begun.count(b"HTTP/1.1") == 1
    assert rest(peer) == b"ok"


def test_who_gets_no_leave_is_told_that_the_connection_ends(
    open_connection: Connect,
) -> None:
    peer = open_connection(refuse)

    peer.sendall(POST + b"\r\n")

    answer = rest(peer)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close\r\n" in answer


@pytest.mark.parametrize(
    "sent",
    [
        POST + b"\r\nok",
        POST.replace(b"h: 2", b"h: 0") + b"\r\n",
        POST.replace(b"Content-Length: 2\r\n", b"") + b"\r\n",
        POST.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked")
        + b"\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_the_next_request_is_answered_where_no_leave_is_needed(
    open_connection: Connect, sent: bytes
) -> None:
    peer = open_connection(refuse)

    peer.sendall(sent + NEXT)

    answers = receive(peer, b"\r\n\r\n")
    while answers.count(b"HTTP/1.1 ") < 2:
        answers += receive(peer, b"\r\n\r\n")
    assert answers.count(b"HTTP/1.1 401 ") == 2
    assert b"Connection: close" not in answers


@pytest.mark.parametrize("sent", [b"\r\n", b"\r\nok"])
def test_another_expectation_fails(open_connection: Connect, sent: bytes) -> None:
    peer = open_connection(read)

    peer.sendall(POST.replace(b"100-continue", b"miracles") + sent)

    answer = rest(peer)
    assert answer.startswith(
        b"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n"
    )
