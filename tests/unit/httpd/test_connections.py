"""Connections that were accepted elsewhere, where some bytes were already read."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import gevent.socket
import pytest

from sockio.httpd.connections import Connections
from sockio.httpd.environ import common_environ
from sockio.httpd.options import HttpOptions
from sockio.testing import FakeClock
from sockio.types import Environ, StartResponse

HOST = b"Host: test\r\n"
GET = b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n"
NEXT = b"GET /b HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /c HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\n"
CHUNKED = b"POST /d HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
#: Seconds to wait for what must come; a bound.
PATIENCE = 20


def tell(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    body = environ["wsgi.input"].read().decode()
    start("200 OK", [])
    told = (environ["PATH_INFO"], body, environ.get("REMOTE_ADDR", ""))
    return ["{}[{}]{}".format(*told).encode()]


class Bench:
    """The connections of a server that listens nowhere."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        environ = common_environ(("127.0.0.1", 80), secure=False)
        self.log = io.StringIO()
        self.connections = Connections(
            tell, HttpOptions(), environ, log=self.log, clock=self.clock
        )

    def take(
        self, early: bytes = b"", sent: bytes = b"", *, logged: bool = True
    ) -> Any:
        """Hand over a connection, on which ``sent`` waits; return the client's end."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        peer: Any = gevent.socket.socket(fileno=theirs.detach())
        peer.settimeout(PATIENCE)
        peer.sendall(sent)
        address = ("192.0.2.1", 5000)
        self.connections.take(ours, address, early=early, logged=logged)
        return peer

    def send(self, peer: Any, data: bytes) -> None:
        """Send ``data``; the server has it when this returns."""
        peer.sendall(data)
        self.clock.settle()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connections.close()
    bench.connections.wait(PATIENCE)
    bench.clock.advance(10)
    assert bench.clock.armed == 0


def bodies(peer: Any, count: int) -> list[str]:
    """Return the bodies of the next ``count`` answers."""
    found = []
    with peer.makefile("rb") as answers:
        for _ in range(count):
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := answers.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                length = int(value) if name == b"Content-Length" else length
            found.append(answers.read(length).decode())
    return found


def test_without_early_bytes_it_is_served_from_the_start(bench: Bench) -> None:
    with bench.take(sent=GET) as peer:
        assert bodies(peer, 1) == ["/a[]192.0.2.1"]


def test_a_request_that_was_read_elsewhere_is_answered(bench: Bench) -> None:
    with bench.take(GET) as peer:
        assert bodies(peer, 1) == ["/a[]192.0.2.1"]

        peer.sendall(NEXT)
        assert bodies(peer, 1) == ["/b[]192.0.2.1"]


def test_all_requests_of_a_pipeline_are_answered_in_order(bench: Bench) -> None:
    with bench.take(GET + POST + b"0123456789" + NEXT) as peer:
        assert bodies(peer, 3) == [
            "/a[]192.0.2.1",
            "/c[0123456789]192.0.2.1",
            "/b[]192.0.2.1",
        ]


@pytest.mark.parametrize("settle", [True, False], ids=["later", "at once"])
@pytest.mark.parametrize("cut", [1, 5, len(GET) - 3, len(GET) - 1])
def test_half_a_head_is_completed(bench: Bench, cut: int, settle: bool) -> None:
    # If the rest waits already, the hub may read it before it looks at the first half.
    with bench.take(GET[:cut], b"" if settle else GET[cut:] + NEXT) as peer:
        if settle:
            bench.clock.settle()
            bench.send(peer, GET[cut:] + NEXT)

        assert bodies(peer, 2) == ["/a[]192.0.2.1", "/b[]192.0.2.1"]


@pytest.mark.parametrize(
    ("head", "body"),
    [(POST, b"0123456789"), (CHUNKED, b"a\r\n0123456789\r\n0\r\n\r\n")],
    ids=["length", "chunks"],
)
@pytest.mark.parametrize("cut", [0, 1, 5])
def test_half_a_body_is_completed(
    bench: Bench, head: bytes, body: bytes, cut: int
) -> None:
    with bench.take(head + body[:cut]) as peer:
        bench.clock.settle()
        bench.send(peer, body[cut:] + NEXT)

        told, after = bodies(peer, 2)
        assert told[2:] == "[0123456789]192.0.2.1"
        assert after == "/b[]192.0.2.1"


def test_what_is_no_request_is_refused(bench: Bench) -> None:
    with bench.take(b"nonsense\r\n") as peer:
        assert peer.recv(1000).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_half_a_head_must_be_completed_in_time(bench: Bench) -> None:
    with bench.take(GET[:5]) as peer:
        bench.clock.advance(60)

        assert peer.recv(1000).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_a_client_that_has_gone_gets_its_answer_all_the_same(bench: Bench) -> None:
    with bench.take(GET) as peer:
        peer.shutdown(socket.SHUT_WR)

        assert bodies(peer, 1) == ["/a[]192.0.2.1"]
        assert peer.recv(1) == b""


def test_nobody_is_taken_once_the_server_has_closed(bench: Bench) -> None:
    bench.connections.close()

    with bench.take(GET[:5]) as peer:
        assert peer.recv(1) == b""


@pytest.mark.parametrize("first", [b"", GET], ids=["the first", "the second"])
@pytest.mark.parametrize("cut", [0, 1, len(GET) - 1])
@pytest.mark.parametrize("closes", ["before it", "after a part"])
def test_a_request_on_its_way_is_answered_while_the_server_closes(
    bench: Bench, first: bytes, cut: int, closes: str
) -> None:
    with bench.take(sent=first) as peer:
        count = 1 if first else 0
        assert bodies(peer, count) == ["/a[]192.0.2.1"] * count
        if closes == "after a part":
            bench.send(peer, NEXT[:cut])
            bench.connections.close()
            bench.clock.settle()
            bench.clock.advance(0.9)
        else:
            peer.sendall(NEXT[:cut])
            bench.connections.close()
            bench.clock.settle()

        if first and not cut:
            # It keeps an idle connection for the next request, whenever that comes.
            assert peer.recv(1) == b""
        else:
            bench.send(peer, NEXT[cut:])
            assert bodies(peer, 1) == ["/b[]192.0.2.1"]
            assert peer.recv(1) == b""


@pytest.mark.parametrize("sent", [b"", GET[:5]], ids=["nothing", "a part"])
def test_a_request_must_come_soon_while_the_server_closes(
    bench: Bench, sent: bytes
) -> None:
    with bench.take(sent=sent) as peer:
        bench.clock.settle()
        bench.connections.close()
        bench.clock.settle()
        assert not bench.connections.over

        bench.clock.advance(1)

        refusal = b"HTTP/1.1 408 Request Timeout" if sent else b""
        assert peer.recv(1000).partition(b"\r\n")[0] == refusal


def test_a_request_that_has_arrived_is_answered_while_the_server_closes(
    bench: Bench,
) -> None:
    waiting = bench.take(POST)
    bench.clock.settle()
    bench.connections.close()
    assert not bench.connections.over
    with waiting, bench.take(GET) as peer:
        assert bodies(peer, 1) == ["/a[]192.0.2.1"]
        assert peer.recv(1) == b""
        bench.send(waiting, b"0123456789")
        assert bodies(waiting, 1) == ["/c[0123456789]192.0.2.1"]

    assert bench.connections.over
    with bench.take(GET) as peer:
        assert peer.recv(1) == b""


@pytest.mark.parametrize("first", [b"", GET], ids=["the first", "the second"])
def test_a_request_that_nobody_has_read_is_answered_while_the_server_closes(
    bench: Bench, first: bytes
) -> None:
    with bench.take(sent=first) as peer:
        count = 1 if first else 0
        assert bodies(peer, count) == ["/a[]192.0.2.1"] * count
        bench.clock.settle()
        peer.sendall(POST + b"0123456789")  # the loop does not run meanwhile

        bench.connections.close()

        assert bodies(peer, 1) == ["/c[0123456789]192.0.2.1"]
        assert peer.recv(1) == b""


def test_requests_that_others_log_have_no_lines(bench: Bench) -> None:
    for logged in (True, False):
        with bench.take(GET + NEXT, logged=logged) as peer:
            assert len(bodies(peer, 2)) == 2

    assert len(bench.log.getvalue().splitlines()) == 2
