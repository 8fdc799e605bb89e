"""No descriptor is left: who makes room for a newcomer, who stays, what is logged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from gevent.event import Event

from sockio.httpd.connections import IDLE
from sockio.testing import FakeClock
from sockio.types import Environ, StartResponse
from tests.support.no_descriptors import PAUSE, has, knock, no_descriptors
from tests.support.timed_server import GET, TimedServer, hello, receive
from tests.support.waiting import wait_until

from .conftest import StartHttp

POST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5000\r\n\r\n"


def asked(server: TimedServer) -> Any:
    """Return a connection on which a request was answered."""
    peer = server.connect()
    server.send(peer, GET)
    receive(peer, b"hello")
    return peer


# --------------------------------------------------------------------------- who goes


@pytest.mark.parametrize("keep_alive", [75, None])
def test_the_connection_that_is_idle_for_longest_makes_room(
    start_http: StartHttp, clock: FakeClock, keep_alive: float | None
) -> None:
    server = start_http(keep_alive=keep_alive)
    first, second, third = (asked(server) for _ in range(3))
    clock.advance(1)
    server.send(first, GET)
    receive(first, b"hello")
    clock.advance(IDLE)
    newcomer = knock(server.http.address)

    with no_descriptors():
        clock.settle()

    wait_until(lambda: has(second) == "the end")
    assert has(first) == "nothing"
    wait_until(lambda: has(newcomer) == "an answer")
    for peer in (first, second, third, newcomer):
        peer.close()


def test_each_of_many_newcomers_is_answered(
    start_http: StartHttp, clock: FakeClock
) -> None:
    server = start_http()
    idle = [asked(server) for _ in range(30)]
    clock.advance(IDLE)
    newcomers = [knock(server.http.address) for _ in range(20)]

    with no_descriptors():
        clock.settle()

    wait_until(lambda: all(has(newcomer) == "an answer" for newcomer in newcomers))
    kept = ["the end"] * 20 + ["nothing"] * 10
    wait_until(lambda: [has(peer) for peer in idle] == kept)
    for peer in (*idle, *newcomers):
        peer.close()


@pytest.mark.parametrize("begun", [b"", b"GET / HT"])
def test_those_that_were_answered_go_before_those_that_have_not_asked(
    start_http: StartHttp, clock: FakeClock, begun: bytes
) -> None:
    server = start_http()
    silent = server.connect()
    server.send(silent, begun)
    idle = asked(server)
    clock.advance(IDLE)
    newcomers = [knock(server.http.address), knock(server.http.address)]

    with no_descriptors():
        clock.settle()

    wait_until(lambda: has(idle) == "the end")
    wait_until(lambda: has(silent) == "the end")
    wait_until(lambda: all(has(newcomer) == "an answer" for newcomer in newcomers))
    for peer in (idle, silent, *newcomers):
        peer.close()


def test_those_that_do_not_finish_tls_go(
    start_http: StartHttp, clock: FakeClock
) -> None:
    server = start_http(tls=True)
    silent = server.connect()
    clock.advance(IDLE)
    newcomer = knock(server.http.address)

    with no_descriptors():
        clock.settle()

    wait_until(lambda: has(silent) == "the end")
    wait_until(lambda: has(newcomer) == "the end")  # it is told that this is no TLS
    for peer in (silent, newcomer):
        peer.close()


def test_processes_that_share_a_socket_first_leave_newcomers_to_each_other(
    start_http: StartHttp, clock: FakeClock
) -> None:
    server = start_http(processes=2)
    idle = asked(server)
    clock.advance(IDLE)
    newcomer = knock(server.http.address)

    with no_descriptors():
        clock.advance(PAUSE / 2)
        assert has(idle) == "nothing"
        clock.advance(PAUSE)

    wait_until(lambda: has(idle) == "the end")
    wait_until(lambda: has(newcomer) == "an answer")
    for peer in (idle, newcomer):
        peer.close()


# -------------------------------------------------------------------------- who stays


def test_who_has_just_come_stays(start_http: StartHttp, clock: FakeClock) -> None:
    server = start_http()
    idle = asked(server)
    clock.advance(IDLE - PAUSE)
    newcomer = knock(server.http.address)

    with no_descriptors():
        clock.settle()
        assert has(idle) == "nothing"
        assert has(newcomer) == "nothing"

        clock.advance(PAUSE)

    wait_until(lambda: has(idle) == "the end")
    wait_until(lambda: has(newcomer) == "an answer")
    for peer in (idle, newcomer):
        peer.close()


def test_what_has_arrived_is_answered(start_http: StartHttp, clock: FakeClock) -> None:
    server = start_http()
    first, second = asked(server), asked(server)
    clock.advance(IDLE)
    newcomer = knock(server.http.address)
    # gevent's own method could let the server run.
    first._sock.send(GET)

    with no_descriptors():
        clock.settle()

    wait_until(lambda: has(first) == "an answer")
    wait_until(lambda: has(second) == "the end")
    wait_until(lambda: has(newcomer) == "an answer")
    for peer in (first, second, newcomer):
        peer.close()


def test_who_waits_for_an_answer_stays(start_http: StartHttp, clock: FakeClock) -> None:
    go_on = Event()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        go_on.wait()
        return hello(environ, start)

    server = start_http(app)
    waiting = server.connect()
    server.send(waiting, GET)
    clock.advance(60)
    newcomer = knock(server.http.address)

    with no_descriptors():
        clock.advance(60)
        assert has(waiting) == "nothing"
        assert has(newcomer) == "nothing"
        go_on.set()
        receive(waiting, b"hello")

        clock.advance(IDLE + PAUSE)

    wait_until(lambda: has(waiting) == "the end")
    wait_until(lambda: has(newcomer) == "an answer")
    for peer in (waiting, newcomer):
        peer.close()


def test_who_sends_the_body_of_a_request_stays(
    start_http: StartHttp, clock: FakeClock
) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        return hello(environ, start)

    server = start_http(app)
    sender = server.connect()
    server.send(sender, POST)
    newcomer = knock(server.http.address)

    with no_descriptors():
        clock.advance(100)
        assert has(sender) == "nothing"
    sender.sendall(bytes(5000))
    clock.advance(PAUSE)

    wait_until(lambda: has(sender) == "an answer")
    wait_until(lambda: has(newcomer) == "an answer")
    for peer in (sender, newcomer):
        peer.close()


# ---------------------------------------------------------------------- the newcomers


def test_who_has_to_wait_is_answered_once_somebody_leaves(
    start_http: StartHttp, clock: FakeClock
) -> None:
    server = start_http()
    leaving = asked(server)
    newcomer = knock(server.http.address)

    with no_descriptors():
        clock.settle()
        assert has(newcomer) == "nothing"
        leaving.close()

        def is_answered() -> bool:
            clock.advance(PAUSE)
            return has(newcomer) == "an answer"

        wait_until(is_answered)
    newcomer.close()


def test_a_server_that_ends_meanwhile_accepts_nobody(
    start_http: StartHttp, clock: FakeClock
) -> None:
    server = start_http()
    newcomer = knock(server.http.address)

    with no_descriptors():
        clock.settle()
        server.http.close()

    assert clock.armed == 0
    with pytest.raises(ConnectionResetError):
        newcomer.recv(1)
    newcomer.close()


def test_one_line_names_the_limit(
    start_http: StartHttp, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_http()
    newcomer = knock(server.http.address)

    with no_descriptors():
        for _ in range(50):
            clock.advance(PAUSE)
    clock.advance(60)

    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("no room for another client: Too many open files; ")
    assert "ulimit -n" in first
    assert second == "50 more of these in 60 s: no-descriptors"
    wait_until(lambda: has(newcomer) == "an answer")
    newcomer.close()
