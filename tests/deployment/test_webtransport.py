"""WebTransport with several workers: one has the UDP port, all are reached there."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from sockio.protocol.engineio.packet import Packet, PacketType
from tests.support.deployed import Deployed, gunicorn
from tests.support.http_wire import TIMEOUT
from tests.support.ports import free_port
from tests.support.quic_client import QuicClient, RawSession
from tests.support.raw_client import PollingSession
from tests.support.waiting import wait_until

from .test_workers import workers_of

#: Seconds in which a worker answers that does not end just now.
AT_ONCE = 2.0
APP = "tests.deployment.apps.webtransport"
COMMANDS = {
    "gevent": gunicorn("gevent", f"{APP}:io", "-w", "3"),
    "preload": gunicorn("gevent", f"{APP}:io", "-w", "3", "--preload"),
    "program": ["-m", APP],
    "command": ["-m", "sockio", "run", f"{APP}:io", "-w", "3", "-b", "127.0.0.1:0"],
}


class Workers:
    """Three workers, and clients that reach them over WebTransport."""

    def __init__(self, server: Deployed, port: int) -> None:
        self.server = server
        self._port = port
        self._clients: list[QuicClient] = []

    def session(self, timeout: float = TIMEOUT) -> RawSession:
        """Return a WebTransport session, in which nothing is."""
        client = QuicClient(("127.0.0.1", self._port))
        self._clients.append(client)
        return client.open_session(timeout=timeout)

    def holder(self) -> int:
        """Return the worker that has the UDP port; 0: it changes just now."""
        try:
            session = self.session(AT_ONCE).open_stream()
            session.send("0")
            assert session.receive(AT_ONCE).type is PacketType.OPEN
            session.send("40")
            assert str(session.receive(AT_ONCE).data).startswith("0{")
            return who_is(session)
        except (AssertionError, ValueError):
            return 0

    def settled(self, *but: int) -> int:
        """Wait until a worker, and none of these, has the UDP port; return it."""
        holder = 0
        while holder in (0, *but):
            holder = self.holder()
        return holder

    def sessions(self) -> list[PollingSession]:
        """Return a polling session of each worker."""
        found: dict[str, PollingSession] = {}
        while len(found) < 3:
            session = self.server.client().open_session()
            found[session.sid[:4]] = session
        for session in found.values():
            session.post("40")
            session.poll()
        return list(found.values())

    def upgrade(self, polling: PollingSession) -> RawSession:
        """Move a session to WebTransport."""
        session = self.session().open_stream()
        session.send(json.dumps({"sid": polling.sid}).join(("0", "")), "2probe")
        assert session.receive() == Packet(PacketType.PONG, "probe")
        session.send("5")
        return session

    def close(self) -> None:
        for client in self._clients:
            client.close()


def who_is(session: RawSession) -> int:
    """Return the worker that has the session of a client."""
    session.send('420["process"]')
    return int(str(session.receive().data).removeprefix("30[").removesuffix("]"))


@pytest.fixture
def workers(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workers]:
    port = free_port()
    monkeypatch.setenv("UDP_PORT", str(port))
    with Deployed(*COMMANDS[request.param]) as server:
        workers = Workers(server, port)
        yield workers
        workers.close()


def assert_all_are_reached(workers: Workers) -> None:
    streams = [workers.upgrade(polling) for polling in workers.sessions()]
    assert len({who_is(stream) for stream in streams}) == 3


@pytest.mark.patience(60)
@pytest.mark.parametrize("workers", ["preload", "program", "command"], indirect=True)
def test_another_worker_takes_the_port_of_one_that_is_killed(workers: Workers) -> None:
    holder = workers.settled()
    assert_all_are_reached(workers)

    os.kill(holder, signal.SIGKILL)

    workers.settled(holder)
    assert_all_are_reached(workers)


@pytest.mark.patience(60)
@pytest.mark.parametrize("workers", ["gevent"], indirect=True)
def test_the_port_passes_to_the_next_generation(workers: Workers) -> None:
    holder = workers.settled()
    assert_all_are_reached(workers)

    before = workers_of(workers.server.pid)
    workers.server.send(signal.SIGHUP)

    workers.settled(holder)
    wait_until(lambda: not set(before) & set(workers_of(workers.server.pid)))
    assert_all_are_reached(workers)
    workers.server.end_quietly()
