"""All descriptors are held by clients that wait: these take turns with newcomers."""

from __future__ import annotations

import re
import socket as stdlib
from collections.abc import Callable, Iterator
from logging import INFO
from typing import Any, TypeAlias

import pytest

import sockio
from sockio.httpd.connections import IDLE
from sockio.httpd.socket import LINGERING
from sockio.testing import FakeClock
from sockio.types import WSGIApp
from tests.support.http_wire import HttpConnection
from tests.support.no_descriptors import PAUSE, has, knock, no_descriptors
from tests.support.raw_client import RawClient
from tests.support.raw_websocket import RawWebSocket
from tests.support.timed_server import GET
from tests.support.waiting import wait_until

from .conftest import StartHttp

#: What the queries of a client have besides, and what a poll is told that gives way.
CLIENTS = {
    "v4": ({}, "6"),
    "v3": ({"EIO": 3}, "1:6"),
    "jsonp": ({"j": 0}, '___eio[0]("6");'),
}
#: More than any kernel takes for a client that reads nothing.
LARGE = 16 << 20
#: How a poll gets to the engine.
WAYS: dict[str, Callable[[sockio.EngineServer], WSGIApp]] = {
    "directly": lambda engine: engine,
    "through WSGI": lambda engine: lambda environ, start: engine(environ, start),
}


class Side:
    """An engine behind our HTTP server, and its clients."""

    def __init__(
        self, clock: FakeClock, start_http: StartHttp, way: str, **options: Any
    ) -> None:
        self.clock = clock
        self.engine = sockio.EngineServer(clock=clock, allow_eio3=True)
        self.messages: list[tuple[str, object]] = []
        self.engine.on("connection", self._on_connection)
        self.http = start_http(WAYS[way](self.engine), **options).http
        scheme = "https" if options else "http"
        self.client = RawClient("{}://{}:{}".format(scheme, *self.address))
        self.newcomers: list[Any] = []

    @property
    def address(self) -> Any:
        return self.http.address

    def _on_connection(self, session: sockio.EngineSession) -> None:
        session.on("message", lambda data: self.messages.append((session.id, data)))

    def open(self, **query: object) -> str:
        """Return the id of a new session, which holds no connection."""
        connection = self.client.http()
        target = self.client.target(transport="polling", **query)
        answer = connection.request("GET", target)
        connection.close()
        found = re.search(r'sid\\?":\\?"([^"\\]+)', answer.text)
        assert found, answer
        return found[1]

    def poll(self, sid: str, **query: object) -> HttpConnection:
        """Begin to poll on a connection of its own."""
        connection = self.client.http()
        target = self.client.target(transport="polling", sid=sid, **query)
        connection.send("GET", target)
        self.clock.settle()
        return connection

    def crowd(self, **query: object) -> tuple[str, HttpConnection, Any]:
        """Return a session, its poll, old enough to give way, and a newcomer."""
        sid = self.open(**query)
        poll = self.poll(sid, **query)
        self.clock.advance(IDLE)
        return sid, poll, self.knock()

    def knock(self, request: bytes = GET) -> Any:
        """Return a newcomer that nobody has accepted yet."""
        self.newcomers.append(knock(self.address, request))
        return self.newcomers[-1]

    def message(self, sid: str) -> bytes:
        """Return the request that sends a message, on a connection for it alone."""
        target = self.client.target(transport="polling", sid=sid)
        fields = "Host: test\r\nConnection: close\r\nContent-Length: 6"
        return f"POST {target} HTTP/1.1\r\n{fields}\r\n\r\n4hello".encode()

    def try_websocket(self, sid: str) -> RawWebSocket:
        """Begin with an upgrade."""
        websocket = self.client.websocket(sid=sid)
        websocket.send("2probe")
        assert websocket.receive() == "3probe"
        return websocket

    def close(self) -> None:
        for newcomer in self.newcomers:
            newcomer.close()
        self.client.close()
        self.engine.close()


StartSide: TypeAlias = Callable[..., Side]


@pytest.fixture
def start_side(clock: FakeClock, start_http: StartHttp) -> Iterator[StartSide]:
    sides: list[Side] = []

    def start(way: str = "directly", **options: Any) -> Side:
        sides.append(Side(clock, start_http, way, **options))
        return sides[-1]

    yield start
    for side in sides:
        side.close()


def see(connection: HttpConnection) -> str:
    return has(connection.wire.socket)


def leave(connection: HttpConnection) -> None:
    """Say that nothing follows; the client's own descriptor stays in use."""
    connection.wire.socket.shutdown(stdlib.SHUT_WR)


# ------------------------------------------------------------------------------ polls


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", CLIENTS)
def test_the_poll_that_has_waited_for_longest_gives_way(
    start_side: StartSide, clock: FakeClock, way: str, kind: str
) -> None:
    query, noop = CLIENTS[kind]
    side = start_side(way)
    first_sid, second_sid = side.open(**query), side.open(**query)
    first = side.poll(first_sid, **query)
    clock.advance(1)
    second = side.poll(second_sid, **query)
    clock.advance(IDLE - 1)
    newcomer = side.knock()

    with no_descriptors():
        clock.settle()
        answer = first.receive()
        assert (answer.status, answer.text) == (200, noop)
        assert answer.headers["connection"] == "close"
        assert see(first) == "the end"
        assert see(second) == "nothing"
        assert has(newcomer) == "nothing"
        leave(first)
        clock.settle()

        wait_until(lambda: has(newcomer) == "an answer")

    assert see(second) == "nothing"
    assert set(side.engine.sessions) == {first_sid, second_sid}


def test_a_poll_under_tls_gives_way(start_side: StartSide, clock: FakeClock) -> None:
    side = start_side(tls=True)
    _, poll, newcomer = side.crowd()

    with no_descriptors():
        clock.settle()
        assert poll.receive().text == "6"
        poll.wire.socket._sock.shutdown(stdlib.SHUT_WR)
        clock.settle()

        wait_until(lambda: has(newcomer) == "the end")  # it is told that this is no TLS


@pytest.mark.parametrize("way", WAYS)
def test_what_is_said_meanwhile_comes_with_the_next_poll(
    start_side: StartSide, clock: FakeClock, way: str
) -> None:
    side = start_side(way)
    sid, poll, _ = side.crowd()
    session = side.engine.sessions[sid]

    with no_descriptors():
        clock.settle()
        session.send("one")
        session.send("two")
        clock.settle()
        assert poll.receive().text == "6"
    poll.close()

    assert side.poll(sid).receive().packets == ["4one", "4two"]


def test_what_waits_for_a_poll_goes_with_it(
    start_side: StartSide, clock: FakeClock
) -> None:
    side = start_side()
    sid, poll, _ = side.crowd()

    with no_descriptors():
        side.engine.sessions[sid].send("news")
        clock.settle()

        assert poll.receive().packets == ["4news"]


def test_a_poll_that_has_just_come_stays(
    start_side: StartSide, clock: FakeClock
) -> None:
    side = start_side()
    poll = side.poll(side.open())
    clock.advance(IDLE - PAUSE)
    side.knock()

    with no_descriptors():
        clock.settle()
        assert see(poll) == "nothing"

        clock.advance(PAUSE)

        wait_until(lambda: see(poll) == "an answer")


@pytest.mark.parametrize("distance", [0, LINGERING - PAUSE])
def test_one_newcomer_costs_one_poll(
    start_side: StartSide, clock: FakeClock, distance: float
) -> None:
    side = start_side()
    polls = []
    for _ in range(8):
        polls.append(side.poll(side.open()))
        clock.advance(0.1)
    clock.advance(IDLE)
    newcomer = side.knock()

    with no_descriptors():
        clock.settle()
        first = polls[0]
        assert first.receive().text == "6"
        clock.advance(distance)
        leave(first)
        clock.settle()
        wait_until(lambda: has(newcomer) == "an answer")
        clock.advance(1)

    assert [see(poll) for poll in polls] == ["the end"] + ["nothing"] * 7


def test_a_poll_whose_answer_is_being_sent_keeps_its_connection(
    start_side: StartSide, clock: FakeClock
) -> None:
    side = start_side()
    sid = side.open()
    poll = side.poll(sid)
    clock.advance(IDLE)
    side.engine.sessions[sid].send("x" * LARGE)
    clock.settle()
    side.knock()

    with no_descriptors():
        clock.settle()

        assert len(poll.receive().text) == 1 + LARGE

    side.engine.sessions[sid].send("more")
    target = side.client.target(transport="polling", sid=sid)
    assert poll.request("GET", target).text == "4more"


@pytest.mark.parametrize("way", WAYS)
def test_a_request_behind_a_poll_is_answered(
    start_side: StartSide, clock: FakeClock, way: str
) -> None:
    side = start_side(way)
    sid = side.open()
    poll = side.poll(sid)
    poll.wire.send(GET)
    clock.advance(IDLE)
    side.knock()

    with no_descriptors():
        clock.settle()
        assert see(poll) == "nothing"
        side.engine.sessions[sid].send("news")
        clock.settle()
        assert poll.receive().text == "4news"
        assert poll.receive().status == 404


def test_those_that_are_idle_go_first(start_side: StartSide, clock: FakeClock) -> None:
    side = start_side()
    poll = side.poll(side.open())
    idle = side.client.http()
    assert idle.request("GET", "/").status == 404
    clock.advance(IDLE)
    newcomer = side.knock()

    with no_descriptors():
        clock.settle()
        wait_until(lambda: has(newcomer) == "an answer")

    assert see(idle) == "the end"
    assert see(poll) == "nothing"


@pytest.mark.parametrize("way", WAYS)
def test_clients_that_hold_all_descriptors_can_still_send(
    start_side: StartSide, clock: FakeClock, way: str
) -> None:
    side = start_side(way)
    sids = [side.open() for _ in range(10)]
    waiting = [side.poll(sid) for sid in sids]
    clock.advance(IDLE)
    posts = [side.knock(side.message(sid)) for sid in sids]

    with no_descriptors():

        def all_have_sent() -> bool:
            clock.advance(PAUSE)
            for poll in [one for one in waiting if see(one) == "an answer"]:
                assert poll.receive().text == "6"
                leave(poll)
                waiting.remove(poll)
            return len(side.messages) == len(sids)

        wait_until(all_have_sent)
        wait_until(lambda: all(has(post) == "an answer" for post in posts))

    assert sorted(side.messages) == sorted((sid, "hello") for sid in sids)
    assert set(side.engine.sessions) == set(sids)


# --------------------------------------------------------------------------- upgrades


@pytest.mark.parametrize("tls", [False, True])
def test_an_upgrade_on_trial_gives_way(
    start_side: StartSide,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    tls: bool,
) -> None:
    side = start_side(**({"tls": True} if tls else {}))
    caplog.set_level(INFO, "sockio.engine.upgrade")
    sid = side.open()
    websocket = side.try_websocket(sid)
    clock.advance(IDLE)
    newcomer = side.knock()

    with no_descriptors():
        clock.settle()
        websocket.wait_closed()
        clock.advance(PAUSE)

        wait_until(lambda: has(newcomer) == ("the end" if tls else "an answer"))

    (line,) = [r.getMessage() for r in caplog.records if r.name.endswith("upgrade")]
    assert line.startswith("upgrade to websocket failed: no descriptor is left; ")
    side.engine.sessions[sid].send("still here")
    assert side.poll(sid).receive().text == "4still here"


def test_an_upgrade_that_has_just_begun_stays(
    start_side: StartSide, clock: FakeClock
) -> None:
    side = start_side()
    sid = side.open()
    websocket = side.try_websocket(sid)
    clock.advance(IDLE - PAUSE)
    newcomer = side.knock()

    with no_descriptors():
        clock.settle()
        websocket.send("5")
        clock.settle()
        side.engine.sessions[sid].send("hello")

        assert websocket.receive() == "4hello"
        clock.advance(20)
        assert has(newcomer) == "nothing"
    assert side.engine.sessions[sid].transport.name == "websocket"


def test_one_newcomer_costs_one_upgrade(
    start_side: StartSide, clock: FakeClock
) -> None:
    side = start_side()
    trials = []
    for _ in range(4):
        trials.append(side.try_websocket(side.open()))
        clock.advance(PAUSE)
    clock.advance(IDLE)
    newcomer = side.knock()

    with no_descriptors():
        clock.advance(LINGERING - 2 * PAUSE)
        assert has(newcomer) == "nothing"
        trials[0].wait_closed()
        clock.advance(PAUSE)
        wait_until(lambda: has(newcomer) == "an answer")
        clock.advance(1)

    assert [has(trial.wire.socket) for trial in trials[1:]] == ["nothing"] * 3
    for trial in trials:
        trial.close()


def test_clients_whose_trials_hold_all_descriptors_can_still_send(
    start_side: StartSide, clock: FakeClock
) -> None:
    side = start_side()
    sids = [side.open() for _ in range(10)]
    trials = [side.try_websocket(sid) for sid in sids]
    clock.advance(IDLE)
    posts = [side.knock(side.message(sid)) for sid in sids]

    with no_descriptors():

        def all_have_sent() -> bool:
            clock.advance(PAUSE)
            return len(side.messages) == len(sids)

        wait_until(all_have_sent)
        wait_until(lambda: all(has(post) == "an answer" for post in posts))

    assert sorted(side.messages) == sorted((sid, "hello") for sid in sids)
    for trial in trials:
        trial.close()
