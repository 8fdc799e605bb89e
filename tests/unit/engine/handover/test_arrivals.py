from __future__ import annotations

import os
from _socket import socket as PlainSocket
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sockio.engine.handover.arrivals import Arrivals
from sockio.engine.handover.packets import Passed, pack
from sockio.engine.handover.refusals import UNAVAILABLE
from sockio.engine.handover.way import KIND
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import Link
from sockio.siblings.siblings import Siblings
from sockio.testing import FakeClock

from .conftest import Connection

CLIENT, LISTENER = ("192.0.2.7", 5000), ("0.0.0.0", 80)


class Server:
    """A server that answers what it takes with what it was given."""

    def __init__(self) -> None:
        self.taken: list[tuple[Any, ...]] = []
        self.ended = False

    def take(
        self,
        sock: PlainSocket,
        address: Any,
        early: bytes,
        *,
        listener: Any = None,
        skip: int = 0,
        own_line: bool = True,
    ) -> bool:
        if not self.ended:
            self.taken.append((address, early, listener, skip, own_line))
            sock.send(b"answer")
            sock.close()
        return not self.ended


class Sender:
    """The end of the link at which requests are given away."""

    def __init__(
        self, owner: Siblings, giver: Siblings, reactor: Reactor, server: Server
    ) -> None:
        def welcome(link: Link, tag: str) -> None:
            Arrivals(link, tag, reactor, lambda: server)

        owner.welcome(KIND, welcome)
        owner.open()
        giver.open()
        self.confirmed: list[bytes] = []
        self.ends: list[str] = []
        self.link: Link = giver.connect(
            owner.tag,
            KIND,
            most=1 << 20,
            on_packet=self._on_packet,
            on_end=self.ends.append,
        )

    def _on_packet(self, data: bytes, descriptors: Sequence[int]) -> None:
        self.confirmed.append(data)

    def send(self, connection: Connection, passed: Passed) -> None:
        """Give a connection away, and close it here."""
        packet, file = pack(passed)
        descriptors = [connection.sock.fileno()]
        if file is not None:
            descriptors.append(file)
        assert self.link.send(packet, descriptors)
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        connection.sock.close()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def sender(join: Callable[[], Siblings], reactor: Reactor, server: Server) -> Sender:
    return Sender(join(), join(), reactor, server)


def test_the_server_gets_the_connection_and_the_facts(
    sender: Sender, server: Server, connection: Connection, clock: FakeClock
) -> None:
    sender.send(connection, Passed(CLIENT, LISTENER, b"GET /", 0))
    clock.settle()

    assert server.taken == [(CLIENT, b"GET /", LISTENER, 0, True)]
    assert connection.rest() == b"answer"
    assert sender.confirmed == [b"1"]


def test_of_a_proxied_request_it_writes_no_line(
    sender: Sender, server: Server, connection: Connection, clock: FakeClock
) -> None:
    sender.send(connection, Passed(CLIENT, None, b"GET /", 129, proxied=True))
    clock.settle()

    assert server.taken == [(CLIENT, b"GET /", None, 129, False)]


def test_a_large_request_comes_in_a_file(
    sender: Sender,
    server: Server,
    connection: Connection,
    clock: FakeClock,
    descriptors: Callable[[], int],
) -> None:
    clock.settle()
    early = os.urandom(1 << 20)
    before = descriptors()

    sender.send(connection, Passed(CLIENT, LISTENER, early))
    clock.settle()

    assert server.taken[0][1] == early
    assert descriptors() == before - 1


def test_requests_of_one_pass_are_confirmed_together(
    sender: Sender, server: Server, clock: FakeClock
) -> None:
    connections = [Connection() for _ in range(5)]
    for number, connection in enumerate(connections):
        sender.send(connection, Passed(CLIENT, LISTENER, b"%d" % number))

    clock.settle()

    assert [taken[1] for taken in server.taken] == [b"0", b"1", b"2", b"3", b"4"]
    assert sum(map(int, sender.confirmed)) == 5
    assert len(sender.confirmed) < 5
    for connection in connections:
        assert connection.rest() == b"answer"
        connection.close()


@pytest.mark.parametrize(("answered", "answer"), [(0, UNAVAILABLE), (129, b"")])
def test_a_server_that_has_ended_refuses(
    sender: Sender,
    server: Server,
    connection: Connection,
    clock: FakeClock,
    answered: int,
    answer: bytes,
) -> None:
    server.ended = True

    sender.send(connection, Passed(CLIENT, LISTENER, b"GET /", answered))
    clock.settle()

    assert connection.rest() == answer
    assert sender.confirmed == [b"1"]


def test_what_cannot_be_read_stays_with_the_sibling(
    sender: Sender,
    server: Server,
    connection: Connection,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = Connection()
    sender.send(first, Passed(CLIENT, LISTENER, b"first"))
    sender.link.send(b"garbage", [connection.sock.fileno()])
    clock.settle()

    # What was read before is confirmed: two must not answer it.
    assert sender.confirmed == [b"1"]
    assert sender.ends == ["it has closed"]
    assert "another release" in caplog.text
    assert connection.quiet()
    connection.sock.send(b"our answer")
    connection.sock.close()
    assert connection.rest() == b"our answer"
    assert first.rest() == b"answer"
    first.close()


def test_a_request_without_a_connection(
    sender: Sender, server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    packet, _ = pack(Passed(CLIENT, LISTENER, b""))

    sender.link.send(packet)
    clock.settle()

    assert server.taken == []
    assert sender.confirmed == []
    assert sender.ends == ["it has closed"]
    assert "without a connection" in caplog.text
