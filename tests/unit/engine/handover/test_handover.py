"""Two processes that hand requests over, both of them in this process.

The one is asked by a real server of gevent or of ours; the other one has a server too,
whose application says what has reached it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import gevent
import pytest
from gevent.pywsgi import WSGIServer

from sockio.engine.handover.handover import Handover
from sockio.httpd.connections import LISTENING
from sockio.httpd.server import create_server
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import PATIENCE
from sockio.siblings.place import Folder
from sockio.siblings.siblings import Siblings
from sockio.testing import FakeClock
from sockio.types import Environ, StartResponse
from tests.support.http_wire import HttpConnection

BODY = os.urandom(200_000)


class Process:
    """What one process has."""

    def __init__(self, kind: str, place: Folder, reactor: Reactor) -> None:
        self.siblings = Siblings(place, reactor)
        self.handover = Handover(self.siblings, reactor, "/socket.io/")
        self.siblings.open()
        #: The paths that its application has answered itself.
        self.served: list[str] = []
        #: Whether it opens no sessions any more.
        self.ending = False
        #: Whether the application has a generator around it.
        self.wrapped = False
        self._server: Any
        if kind == "ours":
            self._server = create_server(self.app)
            self._server.listen(("127.0.0.1", 0))
            #: The other process knows nothing of them.
            self.connections = LISTENING.pop(self._server.address)
        else:
            self._server = WSGIServer(("127.0.0.1", 0), self.app, log=None)
            self._server.start()
        self._clients: list[HttpConnection] = []

    def app(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        return self._wrap(environ, start) if self.wrapped else self._app(environ, start)

    def _wrap(self, environ: Environ, start: StartResponse) -> Iterator[bytes]:
        yield from self._app(environ, start)

    def _app(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        handed = self.handover.answer(environ, start, ending=self.ending)
        if handed is not None:
            return handed
        body = environ["wsgi.input"].read()
        self.served.append(environ["PATH_INFO"])
        told = f"{self.siblings.tag} {environ['REMOTE_PORT']} {len(body)}".encode()
        start("200 OK", [("Content-Length", str(len(told)))])
        return [told]

    @property
    def address(self) -> tuple[str, int]:
        address: tuple[str, int] = self._server.address
        return address

    def client(self) -> HttpConnection:
        client = HttpConnection(self.address, "localhost")
        self._clients.append(client)
        return client

    def sid(self, tag: str = "") -> str:
        """Return the id of a session of this process, or of ``tag``."""
        return f"{tag or self.siblings.tag}0123456789abcdef"

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.handover.close()
        self.siblings.close()
        if isinstance(self._server, WSGIServer):
            self._server.stop(timeout=1)
        else:
            self._server.close(timeout=1)


@pytest.fixture(params=["ours", "pywsgi"])
def processes(
    request: pytest.FixtureRequest, place: Folder, reactor: Reactor
) -> Iterator[list[Process]]:
    processes = [Process(request.param, place, reactor) for _ in range(2)]
    for process in processes:
        # They have been asked for something before, as whoever has sessions.
        assert get(process.client(), "/").startswith(process.siblings.tag)
    yield processes
    for process in processes:
        process.close()


def get(client: HttpConnection, target: str) -> str:
    client.send("GET", target)
    return client.receive().text


def path(sid: str) -> str:
    return f"/socket.io/?EIO=4&transport=polling&sid={sid}"


def port_of(client: HttpConnection) -> int:
    port: int = client.wire.socket.getsockname()[1]
    return port


def test_a_request_goes_to_the_owner_of_its_session(processes: list[Process]) -> None:
    one, other = processes
    client = one.client()

    told = get(client, path(other.sid()))

    assert told == f"{other.siblings.tag} {port_of(client)} 0"
    assert (one.handover.given, one.handover.proxied, one.handover.lost) == (1, 0, 0)


def test_it_goes_back_and_forth_on_one_connection(processes: list[Process]) -> None:
    one, other = processes
    client = one.client()

    for owner in (other, one, one, other, other, one):
        assert get(client, path(owner.sid())).startswith(owner.siblings.tag)

    # A page of the application is answered where the connection is.
    assert get(client, "/page").startswith(one.siblings.tag)


@pytest.mark.parametrize("size", [0, 10, len(BODY)])
def test_bodies_go_with_their_requests(processes: list[Process], size: int) -> None:
    one, other = processes
    client = one.client()

    client.send("POST", path(other.sid()), BODY[:size])

    answer = client.receive()
    assert answer.text == f"{other.siblings.tag} {port_of(client)} {size}"


def test_a_large_pipelined_request_goes_as_well(
    processes: list[Process], descriptors: Callable[[], int]
) -> None:
    one, other = processes
    client = one.client()
    fields = {"Content-Length": str(len(BODY))}
    client.send("POST", path(other.sid()), headers=fields)
    client.wire.send(BODY)
    client.send("GET", path(one.sid()))

    told = [client.receive().text for _ in range(2)]

    assert [text.split()[0] for text in told] == [
        other.siblings.tag,
        one.siblings.tag,
    ]


def test_no_descriptor_is_left(
    processes: list[Process], descriptors: Callable[[], int], clock: FakeClock
) -> None:
    one, other = processes
    client = one.client()
    get(client, path(other.sid()))
    get(client, path(one.sid()))
    clock.settle()
    before = descriptors()

    for _ in range(20):
        get(client, path(other.sid()))
        client.send("POST", path(one.sid()), BODY)
        assert client.receive().status == 200
    clock.settle()

    assert descriptors() == before
    assert one.handover.lost == other.handover.lost == 0


@pytest.mark.parametrize(
    "sid",
    [
        "AAAA0123456789abcdef",
        "short",
        "user~AAAA",
        "..%2F00123456789abcde",
        "%00%00%00%000123456789abcdef",
        "AAAA",
        "",
        "~",
    ],
)
def test_a_forged_tag_reaches_nothing(processes: list[Process], sid: str) -> None:
    one, other = processes

    told = get(one.client(), path(sid))

    assert told.startswith(one.siblings.tag)
    assert other.served == ["/"]
    assert one.handover.given == one.handover.proxied == 0


def test_the_id_of_an_application_has_the_tag_behind_it(
    processes: list[Process],
) -> None:
    one, other = processes

    for sid in (f"user-1~{other.siblings.tag}", f"user%201%7E{other.siblings.tag}"):
        assert get(one.client(), path(sid)).startswith(other.siblings.tag)


def test_a_request_of_a_sibling_that_has_gone_is_judged_here(
    processes: list[Process],
) -> None:
    one, other = processes
    get(one.client(), path(other.sid()))
    other.siblings.close()
    gevent.idle()

    assert get(one.client(), path(other.sid())).startswith(one.siblings.tag)


# ------------------------------------------------------------------ proxied


def test_where_the_connection_cannot_go_the_request_is_proxied(
    processes: list[Process],
) -> None:
    one, other = processes
    one.wrapped = True
    client = one.client()

    assert get(client, path(other.sid())).startswith(other.siblings.tag)
    client.send("POST", path(other.sid()), BODY)
    assert client.receive().text.split()[::2] == [other.siblings.tag, str(len(BODY))]
    # The connection has stayed.
    assert get(client, "/page").startswith(one.siblings.tag)
    assert (one.handover.given, one.handover.proxied) == (0, 2)


def test_a_proxied_request_leaves_no_descriptor(
    processes: list[Process], descriptors: Callable[[], int], clock: FakeClock
) -> None:
    one, other = processes
    one.wrapped = True
    client = one.client()
    get(client, path(other.sid()))
    clock.settle()
    before = descriptors()

    for _ in range(20):
        get(client, path(other.sid()))
    clock.settle()

    assert descriptors() == before


# ------------------------------------------------------------------ newcomers


def test_who_ends_hands_newcomers_over(processes: list[Process]) -> None:
    one, other = processes
    one.ending = True
    one.siblings.take_no_newcomers()

    told = get(one.client(), "/socket.io/?EIO=4&transport=polling")

    assert told.startswith(other.siblings.tag)
    # Its own sessions are served on.
    assert get(one.client(), path(one.sid())).startswith(one.siblings.tag)


def test_who_ends_soon_takes_those_whom_nobody_else_takes(
    processes: list[Process],
) -> None:
    one, other = processes
    one.ending = True
    one.siblings.take_no_newcomers()
    other.siblings.step_back()

    told = get(one.client(), "/socket.io/?EIO=4&transport=polling")

    assert told.startswith(other.siblings.tag)


def test_if_all_end_a_newcomer_is_judged_here(processes: list[Process]) -> None:
    for process in processes:
        process.ending = True
        process.siblings.take_no_newcomers()

    told = get(processes[0].client(), "/socket.io/?EIO=4&transport=polling")

    assert told.startswith(processes[0].siblings.tag)


def test_a_process_that_nobody_has_asked_yet_takes_newcomers(
    place: Folder, reactor: Reactor
) -> None:
    one, other = (Process("ours", place, reactor) for _ in range(2))
    one.ending = True
    client = one.client()

    # Both listen on the same address.
    LISTENING[one.address] = other.connections
    client.send("GET", "/socket.io/?EIO=4&transport=polling")

    assert client.receive().text.startswith(other.siblings.tag)
    one.close()
    other.close()


# ------------------------------------------------------------------ who hangs or dies


class Sleeper:
    """A sibling in a process of its own, which accepts nobody and reads nothing."""

    def __init__(self, place: Folder) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:  # pragma: no cover - another process
            try:
                listener = place.bind("idle")
                place.welcome("idle")
                os.write(writing, b".")
                while True:
                    signal.pause()
                    listener.fileno()
            finally:
                os._exit(0)
        os.close(writing)
        assert os.read(reading, 1) == b"."
        os.close(reading)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # gevent has waited for it
            os.waitpid(self.pid, 0)


@pytest.fixture
def sleeper(place: Folder, processes: list[Process]) -> Iterator[Sleeper]:
    sleeper = Sleeper(place)
    yield sleeper
    with suppress(ProcessLookupError):
        sleeper.kill()


SLEEPERS = path("idle0123456789abcdef")


def wait_for(fact: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    with gevent.Timeout(20):
        while not fact():
            gevent.idle()


def test_who_dies_before_it_has_read_a_request_is_answered_for(
    processes: list[Process], sleeper: Sleeper, clock: FakeClock
) -> None:
    one = processes[0]
    client = one.client()
    client.send("GET", SLEEPERS)
    wait_for(lambda: one.handover.given == 1)

    sleeper.kill()

    answer = client.receive()
    assert (answer.status, answer.text) == (
        400,
        '{"code":1,"message":"Session ID unknown"}',
    )
    assert one.handover.lost == 1


def test_who_hangs_is_answered_for_and_left_alone(
    processes: list[Process], sleeper: Sleeper, clock: FakeClock
) -> None:
    one = processes[0]
    client = one.client()
    client.send("POST", SLEEPERS, BODY)
    wait_for(lambda: one.handover.given == 1)

    clock.advance(PATIENCE)
    first = client.receive()

    assert (first.status, first.headers["retry-after"]) == (503, "1")
    # The next ones wait for nothing.
    another = one.client()
    another.send("GET", SLEEPERS)
    assert another.receive().status == 503
    assert one.handover.given == 1
    # It is tried again later.
    clock.advance(1.1)
    another.send("GET", SLEEPERS)
    wait_for(lambda: one.handover.given == 2)
    clock.advance(PATIENCE)
    assert another.receive().status == 503
    # Nobody else was concerned.
    assert get(one.client(), path(one.sid())).startswith(one.siblings.tag)


def test_who_hangs_with_a_proxied_request_is_answered_for(
    processes: list[Process], sleeper: Sleeper, clock: FakeClock
) -> None:
    one = processes[0]
    one.wrapped = True
    client = one.client()
    client.send("GET", SLEEPERS)
    wait_for(lambda: one.handover.proxied == 1)

    clock.advance(PATIENCE)

    assert client.receive().status == 503


def test_who_dies_with_a_proxied_request_is_answered_for(
    processes: list[Process], sleeper: Sleeper, clock: FakeClock
) -> None:
    one = processes[0]
    one.wrapped = True
    client = one.client()
    client.send("GET", SLEEPERS)
    wait_for(lambda: one.handover.proxied == 1)

    sleeper.kill()

    assert client.receive().status == 400


def test_requests_under_way_are_refused_at_the_end(
    processes: list[Process], sleeper: Sleeper, clock: FakeClock
) -> None:
    one = processes[0]
    client = one.client()
    client.send("GET", SLEEPERS)
    wait_for(lambda: one.handover.given == 1)

    one.handover.close()

    # Its session is still there.
    assert client.receive().status == 503
