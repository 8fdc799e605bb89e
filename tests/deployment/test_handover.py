"""Requests that are handed over between two processes, under each of the servers."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from tests.support.deployed import OUR_WORKER, Deployed, gunicorn
from tests.support.http_wire import Answer, HttpConnection
from tests.support.waiting import wait_until

APP = "tests.deployment.apps.handover"
WEBSOCKET_WORKER = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
UPGRADE = (
    b"GET %b HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def workers(kind: str, *options: str) -> list[str]:
    log = ("--access-logfile", "-")
    return gunicorn(kind, f"{APP}:app", *log, "-w", "2", *options)


#: One command serves with two processes, or has to be started twice.
COMMANDS = {
    "gevent": workers("gevent"),
    "gevent_pywsgi": workers("gevent_pywsgi"),
    "GeventWebSocketWorker": workers(WEBSOCKET_WORKER),
    "our worker": workers(OUR_WORKER),
    "pywsgi": ["-m", APP, "pywsgi"],
    "pywsgi, geventwebsocket": ["-m", APP, "geventwebsocket"],
    "ours": ["-m", APP, "ours"],
}
#: They end idle connections, after two seconds.
IMPATIENT = ("gevent", "our worker", "ours")
#: Their handler logs elsewhere.
WITHOUT_LOG = ("GeventWebSocketWorker", "pywsgi, geventwebsocket")

_numbers = itertools.count(1)


class Pair:
    """Two processes that serve the application; ``one`` and ``two`` are their pids."""

    def __init__(self, kind: str, command: list[str]) -> None:
        self.kind = kind
        #: The numbers of the targets; the access logs are to have a line for each.
        self.asked: list[str] = []
        count = 1 if "gunicorn" in command else 2
        starts = [gevent.spawn(Deployed, *command) for _ in range(count)]
        self._servers: list[Deployed] = [start.get() for start in starts]
        self._connections: list[HttpConnection] = []
        #: The port of each process, by its pid.
        self._ports: dict[int, int] = {}
        while len(self._ports) < 2:
            for server in self._servers:
                connection = self._connect(server.port)
                self._ports[ask(connection, self.target())["pid"]] = server.port
                connection.close()
        self.one, self.two = sorted(self._ports)

    def _connect(self, port: int) -> HttpConnection:
        connection = HttpConnection(("127.0.0.1", port), "localhost")
        self._connections.append(connection)
        return connection

    def connect(self, pid: int) -> HttpConnection:
        """Return a connection that the process ``pid`` has accepted."""
        while True:
            connection = self._connect(self._ports[pid])
            if ask(connection, self.target())["pid"] == pid:
                return connection
            connection.close()

    def target(self, to: int | None = None, more: str = "", path: str = "/t") -> str:
        """Return a target that no other request has, for the process ``to``."""
        number = str(next(_numbers))
        self.asked.append(number)
        return f"{path}{number}?" + (f"to={to}&" if to else "") + more

    def raw(self, method: str, to: int, *headers: str) -> bytes:
        """Return the head of a request for the process ``to``."""
        lines = [f"{method} {self.target(to)} HTTP/1.1", "Host: x", *headers, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def close_connections(self) -> None:
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()

    def end(self) -> list[str]:
        """End both; return the numbers of the targets in their access logs."""
        self.close_connections()
        for server in self._servers:
            server.end_quietly()
        log = "".join(server.log for server in self._servers)
        found = re.findall(r'"[A-Z]+ /[a-z]+([0-9]+)\?\S* HTTP/1.1"', log)
        return sorted(found, key=int)

    def kill(self) -> None:
        self.close_connections()
        for server in self._servers:
            server.kill()


def ask(
    connection: HttpConnection, target: str, method: str = "GET", **more: Any
) -> dict[str, Any]:
    """Send a request; return what the application tells about it."""
    return told(connection.request(method, target, **more))


def told(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer
    return json.loads(answer.text)  # type: ignore[no-any-return]


def started(kind: str, *options: str) -> Iterator[Pair]:
    """Start two processes; in the end check that each request has one line."""
    pair = Pair(kind, [*COMMANDS[kind], *options])
    try:
        yield pair
        lines = pair.end()
    finally:
        pair.kill()
    if kind not in WITHOUT_LOG:
        assert lines == pair.asked


@pytest.fixture(scope="module", params=COMMANDS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Provide two processes, whose access logs have one line for each request."""
    yield from started(request.param)


@pytest.fixture
def connection(pair: Pair) -> Iterator[HttpConnection]:
    """Provide a connection that the first of the processes has accepted."""
    yield pair.connect(pair.one)
    pair.close_connections()


def test_the_owner_has_the_same_environ(pair: Pair, connection: HttpConnection) -> None:
    direct = pair.connect(pair.two)
    head = (
        f"GET /x%20y?to={pair.two}&q=%20 HTTP/1.1\r\nHost: example.com:81\r\nX-A: 1\r\n"
        "x-a: caf\xe9\r\nX_A: 3\r\nCookie: c=1; d=2\r\n\r\n"
    )
    for each in (direct, connection):
        each.wire.send(head.encode("latin-1"))
    there = told(connection.receive())
    other = told(direct.receive())

    assert there["pid"] == other["pid"] == pair.two
    port = there["environ"].pop("REMOTE_PORT"), other["environ"].pop("REMOTE_PORT")
    assert port[0] == str(connection.wire.socket.getsockname()[1])
    assert there["environ"] == other["environ"]


def test_a_connection_goes_to_and_fro(pair: Pair, connection: HttpConnection) -> None:
    owners = [pair.two, None, pair.one, None, pair.two, pair.one]
    answers = [ask(connection, pair.target(owner))["pid"] for owner in owners]

    assert answers == [pair.two, pair.two, pair.one, pair.one, pair.two, pair.one]


@pytest.mark.parametrize("size", [0, 10, 100_000, 3_000_000])
def test_a_body_that_comes_in_two_pieces(
    pair: Pair, connection: HttpConnection, size: int
) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    head = pair.raw("POST", pair.two, f"Content-Length: {size}")
    connection.wire.send(head + body[: size // 2])
    ask(pair.connect(pair.two), pair.target())
    connection.wire.send(body[size // 2 :])
    there = told(connection.receive())

    assert there["pid"] == pair.two
    assert (there["length"], there["sum"]) == (size, sum(body))


def test_a_chunked_body_and_a_request_behind_it(
    pair: Pair, connection: HttpConnection
) -> None:
    post = pair.raw("POST", pair.two, "Transfer-Encoding: chunked")
    connection.wire.send(post + b"5\r\nhello\r\n6;x")
    ask(pair.connect(pair.two), pair.target())
    connection.wire.send(b"=y\r\n world\r\n0\r\n\r\n" + pair.raw("GET", pair.one))
    answers = [told(connection.receive()) for _ in range(2)]

    assert [answer["pid"] for answer in answers] == [pair.two, pair.one]
    assert [answer["length"] for answer in answers] == [11, 0]


def test_permission_to_send_a_body_comes_once(
    pair: Pair, connection: HttpConnection
) -> None:
    expect = ("Expect: 100-continue", "Content-Length: 5")
    connection.wire.send(pair.raw("POST", pair.two, *expect))

    assert connection.wire.socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.wire.send(b"hello")
    there = told(connection.receive())
    assert (there["pid"], there["length"]) == (pair.two, 5)


def test_three_requests_of_which_the_third_is_half_there(
    pair: Pair, connection: HttpConnection
) -> None:
    owners = [pair.two, pair.one, pair.two]
    data = b"".join(pair.raw("GET", owner) for owner in owners)
    connection.wire.send(data[:-10])
    first = [told(connection.receive())["pid"] for _ in range(2)]
    connection.wire.send(data[-10:])

    assert [*first, told(connection.receive())["pid"]] == owners


def test_a_long_pipeline(pair: Pair, connection: HttpConnection) -> None:
    body = b"q" * 60_000
    first, last = (pair.raw("GET", pair.two) for _ in range(2))
    post = pair.raw("POST", pair.one, f"Content-Length: {len(body)}")
    connection.wire.send(first + post + body + last)
    answers = [told(connection.receive()) for _ in range(3)]

    assert [answer["pid"] for answer in answers] == [pair.two, pair.one, pair.two]
    assert [answer["length"] for answer in answers] == [0, 60_000, 0]


@pytest.mark.parametrize("size", [5, 50_000])
def test_a_websocket_with_early_bytes(
    pair: Pair, connection: HttpConnection, size: int
) -> None:
    connection.wire.send(UPGRADE % f"/?to={pair.two}".encode() + b"e" * size)
    answer = connection.receive()
    received = b""
    while received.count(b"e") < size:
        received += connection.wire.buffer or connection.wire.socket.recv(65536)
        connection.wire.buffer.clear()
    connection.wire.send(b"later")

    assert answer.status == 101
    assert received.startswith(b"%d:e" % pair.two)
    assert received.endswith(b"e;")
    assert connection.wire.socket.recv(100) == b"%d:later;" % pair.two


def test_what_cannot_be_given_away(pair: Pair, connection: HttpConnection) -> None:
    read = ask(connection, pair.target(pair.two, "read=3"), "POST", body=b"12345678")
    generator = ask(connection, pair.target(pair.two, path="/generator"))

    assert read["pid"] == generator["pid"] == pair.one
    assert not read["given"]
    assert not generator["given"]


def test_no_descriptor_is_lost(pair: Pair, connection: HttpConnection) -> None:
    ask(connection, pair.target(pair.two))
    before = ask(connection, pair.target(pair.one))
    for _ in range(10):
        ask(connection, pair.target(pair.two))
        after = ask(connection, pair.target(pair.one))

    assert after["went"] == before["went"] + 10
    assert after["came"] == before["came"] + 10
    # Some other connection may be about to end, or have ended.
    assert after["descriptors"] <= before["descriptors"] + 1


def test_the_owner_ends_an_idle_connection(
    pair: Pair, connection: HttpConnection
) -> None:
    if pair.kind not in IMPATIENT:
        pytest.skip("this server waits for ever")
    ask(connection, pair.target(pair.two))

    assert connection.wire.socket.recv(1) == b""


def test_the_owner_counts_a_request(pair: Pair, connection: HttpConnection) -> None:
    if pair.kind != "gevent":
        pytest.skip("this server does not count")
    before = ask(connection, pair.target())["requests"]
    there = [ask(connection, pair.target(pair.two))["requests"] for _ in range(3)]
    after = ask(connection, pair.target(pair.one))["requests"]

    assert there[1:] == [there[0] + 1, there[0] + 2]
    assert after == before + 1


def test_a_request_that_is_another_processs_own(
    pair: Pair, connection: HttpConnection
) -> None:
    other = pair.connect(pair.one)
    before = ask(other, pair.target(pair.two))
    head = pair.raw("GET", pair.two, "Connection: close").replace(b"?", b"?quiet&")
    connection.wire.send(head)
    there = told(connection.receive())
    after = ask(other, pair.target())

    # Neither of them has logged it, nor has the owner counted it.
    pair.asked.remove(re.findall(rb"/t([0-9]+)", head)[0].decode())
    assert there["pid"] == pair.two
    if pair.kind == "gevent":
        assert after["requests"] == before["requests"] + 1


@pytest.fixture
def small(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Provide workers that serve two connections each, of which one may be ended."""
    yield from started("gevent", "--worker-connections", "2", "--keep-alive", "30")


def test_a_full_worker_takes_as_much_again(small: Pair) -> None:
    pair = small
    # The one that is full accepts nothing, so its connections are made first.
    first, second = pair.connect(pair.one), pair.connect(pair.one)
    while ask(first, pair.target(pair.two))["pooled"] > 1:
        pass
    held: list[HttpConnection] = []
    for connection in (second, None, None):
        held.append(connection or pair.connect(pair.one))
        before = ask(first, pair.target())["came"]
        held[-1].wire.send(pair.raw("POST", pair.two, "Content-Length: 1"))
        while ask(first, pair.target())["came"] == before:
            pass
    # There is one more in the pool than in the list.
    last = pair.connect(pair.one)
    answer = last.request("GET", pair.target(pair.two))
    pair.asked.pop()

    assert answer.status == 503
    for connection in held:
        connection.wire.send(b"x")
        assert told(connection.receive())["pid"] == pair.two


def test_a_worker_that_ends_answers_what_it_is_given(small: Pair) -> None:
    pair = small
    slow = pair.connect(pair.one)
    slow.wire.send(pair.raw("POST", pair.two, "Content-Length: 1"))
    os.kill(pair.two, signal.SIGTERM)
    answers: list[Answer] = []

    def closed() -> bool:
        other = pair.connect(pair.one)
        answers.append(other.request("GET", pair.target(pair.two)))
        other.close()
        there = told(answers[-1])
        assert there["pid"] == pair.two
        return bool(there["closed"])

    # The access log is read at the end only, and its pipe must not be full before.
    wait_until(closed, pause=0.05)
    slow.wire.send(b"x")

    assert answers[-1].headers["connection"] == "close"
    assert told(slow.receive())["pid"] == pair.two
