from __future__ import annotations

from _socket import socket as PlainSocket
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import gevent.socket
import pytest
from gevent.pywsgi import WSGIServer
from gevent.server import StreamServer

from sockio.engine.handover.doorstep import Doorstep
from sockio.engine.handover.packets import Passed
from sockio.engine.handover.receivers import Served
from sockio.types import Environ, StartResponse
from tests.support.http_wire import HttpConnection
from tests.support.raw_client import CERTIFICATE

SID = "abcd0123456789abcdef"


class Giver:
    """Gives away what is for one session; answers itself in the sibling's place."""

    def __init__(self) -> None:
        self.given: list[Passed] = []
        #: The ids that were asked about.
        self.asked: list[str] = []

    def way_of(self, sid: str) -> Any:
        self.asked.append(sid)
        return SimpleNamespace() if sid == SID else None

    def give(self, way: Any, passed: Passed, sock: PlainSocket) -> None:
        self.given.append(passed)
        with gevent.socket.socket(fileno=sock.detach()) as above:
            # It is whole: nothing was read.
            body = above.recv(4096).partition(b"\r\n")[0]
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
            above._sock.send(head + body)


class Bench:
    """A server with a doorstep."""

    def __init__(self) -> None:
        self.giver = Giver()
        self.served: list[str] = []
        self.server = WSGIServer(("127.0.0.1", 0), self._app, log=None)
        self.server.init_socket()
        self._serve = Served(self.server).serve
        #: How many connections the doorstep has left to the server, later.
        self.left = 0
        Doorstep(self.server, self._leave, self.giver, "/socket.io/")

    def _leave(self, sock: Any, address: Any) -> None:
        self.left += 1
        self._serve(sock, address)

    def _app(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        self.served.append(environ["PATH_INFO"])
        start("200 OK", [("Content-Length", "6")])
        return [b"served"]

    def ask(self, method: str, target: str) -> str:
        """Return what is answered to a request that is there at the beginning."""
        client = HttpConnection(self.server.address, "localhost")
        client.send(method, target)
        if not self.server.started:
            self.server.start()
        told = client.receive().text
        client.close()
        return told


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.server.stop(timeout=1)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "query", [f"sid={SID}", f"EIO=4&transport=polling&sid={SID}", f"sid={SID}&t=1"]
)
def test_a_request_of_a_siblings_session_is_given_away_untouched(
    bench: Bench, method: str, query: str
) -> None:
    told = bench.ask(method, f"/socket.io/?{query}")

    assert told == f"{method} /socket.io/?{query} HTTP/1.1"
    assert bench.served == []
    (passed,) = bench.giver.given
    assert passed.early == b""
    assert passed.address[0] == "127.0.0.1"
    assert passed.listener == bench.server.address


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/socket.io/?EIO=4"),
        ("GET", "/socket.io/?sid=another0123456789ab"),
        ("GET", "/page"),
        ("GET", f"/page?sid={SID}"),
        ("GET", f"/socket.io/?xsid={SID}"),
        ("GET", f"/socket.io/?sid=%61{SID[1:]}"),
        ("OPTIONS", f"/socket.io/?sid={SID}"),
        ("GET", "/socket.io/?" + "x" * 2000 + f"&sid={SID}"),
    ],
)
def test_all_else_is_served_here(bench: Bench, method: str, target: str) -> None:
    assert bench.ask(method, target) == "served"
    assert bench.giver.given == []


def accepted(bench: Bench) -> HttpConnection:
    """Return a connection that was accepted before anything has come."""
    if not bench.server.started:
        bench.server.start()
    client = HttpConnection(bench.server.address, "localhost")
    for _ in range(3):
        gevent.idle()
    return client


def test_what_comes_a_moment_later_is_given_away(bench: Bench) -> None:
    for _ in range(20):  # where the moment is long, for this machine is busy
        client = accepted(bench)
        client.send("GET", f"/socket.io/?sid={SID}")
        client.receive()
        client.close()
        if bench.giver.given:
            break

    assert len(bench.giver.given) == 1


def test_what_comes_late_is_left_to_the_server(bench: Bench) -> None:
    client = accepted(bench)
    with gevent.Timeout(20):
        while not bench.left:
            gevent.idle()

    client.send("GET", f"/socket.io/?sid={SID}")

    assert client.receive().text == "served"
    client.close()


def test_other_requests_that_come_a_moment_later_are_served(bench: Bench) -> None:
    client = accepted(bench)

    client.send("GET", "/page")

    assert client.receive().text == "served"
    assert bench.left == 1
    client.close()


def test_a_client_that_has_gone_already(bench: Bench) -> None:
    client = HttpConnection(bench.server.address, "localhost")
    client.wire.reset()

    assert bench.ask("GET", "/page") == "served"


def test_under_tls_nothing_can_be_seen() -> None:
    plain = StreamServer(("127.0.0.1", 0), lambda sock, address: None)
    tls = StreamServer(
        ("127.0.0.1", 0), lambda sock, address: None, certfile=str(CERTIFICATE)
    )

    assert Doorstep.fits(plain)
    assert not Doorstep.fits(tls)
    assert not Doorstep.fits(object())
