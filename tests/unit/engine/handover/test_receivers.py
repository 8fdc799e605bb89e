"""Servers of this process that get connections which nobody has accepted for them."""

from __future__ import annotations

import contextlib
import io
import socket
from _socket import socket as PlainSocket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent.socket
import pytest
from gevent.event import Event
from gevent.pywsgi import WSGIServer

from sockio.engine.handover.receivers import Receiver, receiver_of
from sockio.httpd.server import HTTPServer, create_server
from sockio.types import Environ, StartResponse
from tests.support.http_wire import HttpConnection, Wire
from tests.support.one_connection import serve

CLIENT = ("192.0.2.7", 5000)
GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


class Given(HttpConnection):
    """The client's end of a connection that a server was given."""

    def __init__(self, sock: Any) -> None:
        self.wire = Wire.__new__(Wire)
        self.wire.socket, self.wire.buffer = sock, bytearray()
        self._host, self._method = "x", "GET"


class Bench:
    """A server that is asked for its receiver, and the connections given to it."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.receiver: Receiver | None = None
        self.log = io.StringIO()
        #: Requests for /wait are answered when it is set.
        self.release = Event()
        self.server: Any
        if kind == "ours":
            self.server = create_server(self.app, log=self.log, **options)
            self.server.listen(("127.0.0.1", 0))
            self.address = self.server.address
        else:
            self.server = WSGIServer(
                ("127.0.0.1", 0), self.app, log=self.log, **options
            )
            self.server.start()
            self.address = self.server.address
        self._cleanup = contextlib.ExitStack()
        connection = HttpConnection(self.address, "localhost")
        connection.request("GET", "/first")
        connection.close()

    def app(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        self.receiver = self.receiver or receiver_of(environ)
        if environ["PATH_INFO"] == "/wait":
            self.release.wait()
        names = ("PATH_INFO", "REMOTE_ADDR", "SERVER_PORT", "wsgi.url_scheme")
        body = " ".join(environ[name] for name in names).encode()
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def told(self, path: str, scheme: str = "http") -> str:
        """Return what is answered to a request."""
        return f"{path} {CLIENT[0]} {self.address[1]} {scheme}"

    def give(self, early: bytes, **options: Any) -> Given | None:
        """Give the server a connection; None: it did not want it."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        peer = gevent.socket.socket(fileno=theirs.detach())
        self._cleanup.enter_context(contextlib.closing(peer))
        self._cleanup.enter_context(contextlib.closing(ours))
        plain = PlainSocket(fileno=ours.detach())
        assert self.receiver is not None
        done = in_hub(self.receiver.take, plain, CLIENT, early, **options)
        if done:
            return Given(peer)
        # It is still whole.
        plain.send(b"x")
        assert peer.recv(2) == b"x"
        plain.close()
        return None

    def lines(self) -> list[str]:
        return [line.split('"')[1] for line in self.log.getvalue().splitlines()]

    def close(self) -> None:
        self.release.set()
        self._cleanup.close()
        if isinstance(self.server, HTTPServer):
            self.server.close(timeout=20)
        else:
            self.server.stop()


def in_hub(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Call a function in the hub, where waiting would be an error."""
    results: list[Any] = []
    done = Event()

    def call() -> None:
        results.append(function(*args, **named))
        done.set()

    gevent.get_hub().loop.run_callback(call)
    done.wait(20)
    return results[0]


@pytest.fixture(params=["pywsgi", "ours"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(request.param)
    yield bench
    bench.close()


def test_a_connection_is_served_on(bench: Bench) -> None:
    client = bench.give(GET % b"a" + b"GET /b HTT")
    assert client is not None
    client.wire.send(b"P/1.1\r\nHost: x\r\n\r\n")
    answers = [client.receive().text for _ in range(2)]
    answers.append(client.request("GET", "/c").text)

    assert answers == [bench.told(path) for path in ("/a", "/b", "/c")]
    assert [line.split()[1] for line in bench.lines()] == ["/first", "/a", "/b", "/c"]


def test_a_request_without_a_line(bench: Bench) -> None:
    client = bench.give(GET % b"a", own_line=False)
    assert client is not None

    assert client.receive().text == bench.told("/a")
    assert [line.split()[1] for line in bench.lines()] == ["/first"]


def test_the_listening_socket_that_it_came_in_on(bench: Bench) -> None:
    for listener in (bench.address, ("192.0.2.1", 1), "/path", None):
        client = bench.give(GET % b"a", listener=listener)
        assert client is not None
        assert client.receive().text == bench.told("/a")


def test_a_server_that_closes_takes_what_it_is_given(bench: Bench) -> None:
    slow = bench.give(GET % b"wait")
    assert slow is not None
    gevent.idle()
    bench.server.close()
    client = bench.give(GET % b"late")
    assert client is not None

    assert client.receive().text == bench.told("/late")
    bench.release.set()
    assert slow.receive().text == bench.told("/wait")


def test_the_other_server_of_ours_that_the_request_came_to() -> None:
    bench, other = Bench("ours"), Bench("ours")
    with contextlib.closing(bench), contextlib.closing(other):
        client = bench.give(GET % b"a", listener=other.address)
        assert client is not None

        assert client.receive().text == other.told("/a")


def test_a_server_of_ours_that_has_ended() -> None:
    bench = Bench("ours")
    bench.server.close(timeout=20)

    assert bench.give(GET % b"a") is None
    bench.close()


def test_a_full_pool_is_no_reason_to_wait() -> None:
    bench = Bench("pywsgi", spawn=1)
    with contextlib.closing(bench):
        bench.server.pool.join()
        clients = [bench.give(GET % b"wait") for _ in range(3)]
        first, second, third = clients
        assert first is not None
        assert second is not None
        assert third is None

        bench.release.set()
        for client in (first, second):
            assert client.receive().text == bench.told("/wait")
            client.close()
        bench.server.pool.join()
        last = bench.give(GET % b"a")
        assert last is not None
        assert last.receive().text == bench.told("/a")


def test_bytes_that_were_sent_already() -> None:
    bench = Bench("pywsgi")
    with contextlib.closing(bench):
        client = bench.give(GET % b"a", skip=9)
        assert client is not None

        assert client.wire.socket.recv(6) == b"200 OK"


def test_no_server_of_ours_begins_before_the_application() -> None:
    bench = Bench("ours")
    with contextlib.closing(bench):
        assert bench.give(GET % b"a", skip=9) is None


def test_servers_that_have_no_receiver() -> None:
    found: list[Receiver | None] = []

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        found.append(receiver_of(environ))
        start("200 OK", [])
        return []

    app({}, lambda *_: lambda _: None)
    # Its worker runs nowhere.
    serve("gunicorn", app, GET % b"")

    assert found == [None, None]
