"""Deadlines of the HTTP server: how long it waits for whom, and what happens then."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Iterable
from typing import Any

import gevent
import gevent.ssl
import pytest
from gevent.event import Event

from sockio.testing import FakeClock
from sockio.types import Environ, StartResponse
from tests.support.timed_server import (
    CERTIFICATE,
    GET,
    PATIENCE,
    hello,
    is_open,
    read_all,
    receive,
)

from .conftest import StartHttp

POST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5000\r\n\r\n"
TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\n"
#: More than any kernel takes for a client that reads nothing.
LARGE = bytes(32 << 20)


def echo(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start("200 OK", [])
    return [body]


# ------------------------------------------------------------------------------ heads


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_a_connection_without_a_request_ends_without_a_word(
    start_http: StartHttp, clock: FakeClock, sent: bytes
) -> None:
    with start_http().connect() as peer:
        peer.sendall(sent)
        clock.advance(59)
        assert is_open(peer)

        clock.advance(1)

        assert peer.recv(1) == b""


def test_half_a_head_is_told_that_it_took_too_long(
    start_http: StartHttp, clock: FakeClock
) -> None:
    side = start_http()
    with side.connect() as peer:
        for byte in GET[:6]:  # a byte now and then does not help
            side.send(peer, bytes((byte,)))
            clock.advance(9.9)
        assert is_open(peer)

        clock.advance(1)

        answer = receive(peer, b"\r\n\r\n")
        assert answer.startswith(TOO_LATE)
        assert b"Connection: close\r\n" in answer
        assert peer.recv(1) == b""


def test_the_time_of_a_later_head_begins_with_its_first_byte(
    start_http: StartHttp, clock: FakeClock
) -> None:
    side = start_http()
    with side.connect() as peer:
        side.send(peer, GET)
        receive(peer, b"hello")
        clock.advance(74)
        side.send(peer, GET[:5])
        clock.advance(59)
        assert is_open(peer)

        clock.advance(1)

        assert receive(peer, b"\r\n\r\n").startswith(TOO_LATE)


def test_a_head_that_came_in_time_is_answered(
    start_http: StartHttp, clock: FakeClock
) -> None:
    side = start_http()
    with side.connect() as peer:
        clock.advance(30)
        side.send(peer, GET[:9])
        clock.advance(29)
        side.send(peer, GET[9:])

        assert receive(peer, b"hello").startswith(b"HTTP/1.1 200 OK\r\n")


# ------------------------------------------------------------------------- keep-alive


def test_a_kept_connection_ends_without_a_word(
    start_http: StartHttp, clock: FakeClock
) -> None:
    side = start_http()
    with side.connect() as peer:
        for _ in range(3):
            side.send(peer, GET)
            receive(peer, b"hello")
            clock.advance(74)
            assert is_open(peer)

        clock.advance(1)

        assert peer.recv(1) == b""


def test_nobody_is_hurried_who_waits_for_an_answer(
    start_http: StartHttp, clock: FakeClock
) -> None:
    asked, go_on = Event(), Event()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        asked.set()
        go_on.wait()
        return hello(environ, start)

    side = start_http(app)
    with side.connect() as peer:
        for _ in range(2):
            side.send(peer, GET)
            assert asked.wait(PATIENCE)
            clock.advance(1000)
            assert is_open(peer)
            go_on.set()
            receive(peer, b"hello")
            asked.clear()
            go_on.clear()


# ----------------------------------------------------------------- bodies of requests


@pytest.mark.parametrize(
    "head",
    [POST, POST.replace(b"Content-Length: 5000", b"Transfer-Encoding: chunked")],
    ids=["length", "chunked"],
)
def test_a_body_that_does_not_go_on_is_refused(
    start_http: StartHttp, clock: FakeClock, head: bytes
) -> None:
    side = start_http(echo)
    with side.connect() as peer:
        side.send(peer, head + b"5\r\nabc")
        clock.advance(299)
        assert is_open(peer)

        clock.advance(1)

        assert receive(peer, b"\r\n\r\n").startswith(TOO_LATE)
        assert peer.recv(1) == b""


def test_a_trickle_is_no_progress(start_http: StartHttp, clock: FakeClock) -> None:
    side = start_http(echo)
    with side.connect() as peer:
        side.send(peer, POST)
        for _ in range(3):
            clock.advance(99)
            side.send(peer, b"a" * 300)
        assert is_open(peer)

        clock.advance(4)

        assert receive(peer, b"\r\n\r\n").startswith(TOO_LATE)


def test_a_slow_body_arrives(start_http: StartHttp, clock: FakeClock) -> None:
    side = start_http(echo)
    with side.connect() as peer:
        side.send(peer, POST)
        for _ in range(4):
            clock.advance(299)
            side.send(peer, b"a" * 1024)
        clock.advance(299)
        side.send(peer, b"a" * (5000 - 4096))  # less, but it completes the body

        assert receive(peer, b"aaa").startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("seconds", [2, 299, 1000])
def test_the_application_may_take_its_time(
    start_http: StartHttp, clock: FakeClock, seconds: float
) -> None:
    read, go_on = Event(), Event()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read(3)
        read.set()
        go_on.wait()
        return echo(environ, start)

    side = start_http(app)
    with side.connect() as peer:
        side.send(peer, POST + b"abc")
        assert read.wait(PATIENCE)
        clock.advance(seconds)
        go_on.set()
        clock.settle()
        clock.advance(299)
        side.send(peer, b"d" * 4997)

        assert receive(peer, b"ddd").startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_application_is_told(start_http: StartHttp, clock: FakeClock) -> None:
    told: list[OSError] = []

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        for _ in range(2):
            try:
                environ["wsgi.input"].read()
            except OSError as exc:
                told.append(exc)
        return hello(environ, start)

    side = start_http(app)
    with side.connect() as peer:
        side.send(peer, POST + b"abc")
        clock.advance(300)

        assert b"Connection: close\r\n" in receive(peer, b"hello")
        assert peer.recv(1) == b""
    assert "too long" in str(told[0])


def test_a_body_that_nobody_reads_is_not_waited_for_for_ever(
    start_http: StartHttp, clock: FakeClock
) -> None:
    side = start_http()
    with side.connect() as peer:
        side.send(peer, POST + b"abc")
        receive(peer, b"hello")
        clock.advance(299)
        assert is_open(peer)

        clock.advance(1)

        assert peer.recv(1) == b""


# ------------------------------------------------------------------ bodies of answers


def sending(*parts: bytes) -> Any:
    ended: Event = Event()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        try:
            yield from parts
        finally:
            ended.set()

    app.ended = ended  # type: ignore[attr-defined]
    return app


def whole(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start("200 OK", [])
    return [LARGE]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_an_answer_that_nobody_reads_is_given_up(
    start_http: StartHttp, clock: FakeClock, tls: bool
) -> None:
    app = sending(LARGE, b"more")
    side = start_http(app, tls=tls)
    with secured(side.connect()) if tls else side.connect() as peer:
        side.send(peer, GET)
        clock.advance(299)
        assert not app.ended.is_set()

        clock.advance(1)

        assert app.ended.wait(PATIENCE)
        assert len(read_all(peer)) < len(LARGE)


def test_an_answer_that_is_read_slowly_arrives(
    start_http: StartHttp, clock: FakeClock
) -> None:
    side = start_http(whole)
    with side.connect() as peer:
        side.send(peer, GET)
        count = 0
        for _ in range(5):
            clock.advance(299)
            for _ in range(64):  # so much that the kernel takes more
                count += len(peer.recv(1 << 16))
                clock.settle()
        while count < len(LARGE):
            count += len(peer.recv(1 << 20))


# -------------------------------------------------------------------------------- TLS


def secured(peer: Any) -> Any:
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    return context.wrap_socket(peer, server_hostname="localhost")


def hello_of_a_client() -> bytes:
    """Return the first bytes of a handshake."""
    sent = ssl.MemoryBIO()
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["nothing", "half", "one word"])
def test_a_handshake_that_does_not_end_costs_no_greenlet(
    start_http: StartHttp, clock: FakeClock, share: float
) -> None:
    side = start_http(tls=True)
    before = greenlets()
    words = hello_of_a_client()
    peers = [side.connect() for _ in range(5)]
    for peer in peers:
        side.send(peer, words[: int(len(words) * share)])

    assert greenlets() == before
    clock.advance(19)
    assert all(is_open(peer) for peer in peers)
    clock.advance(1)
    for peer in peers:
        read_all(peer)  # what the server has said, and its end
        peer.close()


def greenlets() -> int:
    gc.collect()
    return sum(issubclass(type(thing), gevent.Greenlet) for thing in gc.get_objects())


def test_the_time_for_a_head_begins_behind_the_handshake(
    start_http: StartHttp, clock: FakeClock
) -> None:
    side = start_http(tls=True)
    plain = side.connect()
    clock.advance(19)
    with secured(plain) as peer:
        clock.advance(59)
        side.send(peer, GET)
        assert receive(peer, b"hello").startswith(b"HTTP/1.1 200 OK\r\n")
        clock.advance(75)

        assert peer.recv(1) == b""


def test_closing_ends_handshakes(start_http: StartHttp) -> None:
    side = start_http(tls=True)
    with side.connect() as peer:
        side.http.close(timeout=PATIENCE)

        assert peer.recv(1) == b""


# ---------------------------------------------------------------------------- options


def test_none_is_no_limit(start_http: StartHttp, clock: FakeClock) -> None:
    side = start_http(echo, head_timeout=None, body_timeout=None, keep_alive=None)
    with side.connect() as peer:
        clock.advance(1e6)
        side.send(peer, POST[:9])
        clock.advance(1e6)
        side.send(peer, POST[9:])
        clock.advance(1e6)
        side.send(peer, b"a" * 5000)
        receive(peer, b"aaa")
        clock.advance(1e6)

        assert is_open(peer)


def test_each_can_be_chosen(start_http: StartHttp, clock: FakeClock) -> None:
    side = start_http(echo, head_timeout=1, body_timeout=2, keep_alive=3)
    with side.connect() as silent, side.connect() as idle, side.connect() as stuck:
        side.send(idle, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        receive(idle, b"\r\n\r\n")
        side.send(stuck, POST)

        clock.advance(1)
        assert silent.recv(1) == b""
        clock.advance(1)
        assert receive(stuck, b"\r\n\r\n").startswith(TOO_LATE)
        assert is_open(idle)
        clock.advance(1)
        assert idle.recv(1) == b""
