"""Official clients that break off come back to any worker, and miss nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.crowd import Crowd
from tests.support.deployed import Deployed, gunicorn, page
from tests.support.raw_websocket import RawWebSocket
from tests.support.waiting import wait_until

#: A client that breaks off while it changes its transport may show events twice.
PLAIN = [["websocket"], ["polling"]]
COMMAND = gunicorn(
    "gevent",
    "tests.deployment.apps.crowd:app",
    *("-w", "3", "--preload", "--graceful-timeout", "20"),
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """Give three workers with recovery."""
    monkeypatch.setenv("RECOVERY", "1")
    with Deployed(*COMMAND) as server:
        yield server


@pytest.mark.patience(60)
def test_whoever_breaks_off_is_recovered_by_any_worker(server: Deployed) -> None:
    with Crowd(server.url, transports=PLAIN, words=40, breaks=2) as crowd:
        heard = crowd.speak()

        assert heard.disconnects == 40 * 2
        assert heard.recovered == heard.disconnects
        assert heard.faults == (0, 0, 0)


@pytest.mark.patience(60)
def test_clients_are_recovered_after_a_reload(server: Deployed) -> None:
    with Crowd(server.url, transports=PLAIN, speakers=1, words=20) as crowd:
        crowd.speak()
        before = crowd.processes()
        server.send(signal.SIGHUP)
        wait_until(lambda: crowd.has_left(before))

        heard = crowd.speak()

        # One that came back to a worker which ends a moment later comes back again.
        assert heard.recovered >= crowd.clients
        assert heard.faults == (0, 0, 0)
    assert page(server, "/")[0] == 200


# ------------------------------------------------------------------ killed workers


@pytest.fixture
def mirrored(monkeypatch: pytest.MonkeyPatch, server: Deployed) -> Iterator[Deployed]:
    """Give three workers that tell each other what they keep."""
    monkeypatch.setenv("MIRROR", "1")
    with Deployed(*COMMAND) as server:
        yield server


def ask(websocket: RawWebSocket, event: str, *args: Any) -> Any:
    """Return what a handler answers."""
    websocket.send("420" + json.dumps([event, *args]))
    while not str(message := websocket.receive_message()).startswith("430"):
        pass
    return json.loads(str(message)[3:])


def kill(websocket: RawWebSocket) -> None:
    """Kill the worker of a client."""
    (process,) = ask(websocket, "process")
    os.kill(process, signal.SIGKILL)
    websocket.wait_closed()


def wait_until_all_are_there(server: Deployed) -> None:
    """Wait until each of three workers has answered, and knows the others."""
    processes: set[int] = set()
    while len(processes) < 3:
        websocket = server.client().open_socket()
        processes.add(ask(websocket, "process")[0])
        ask(websocket, "crowd")


@pytest.mark.patience(60)
def test_clients_of_a_worker_that_was_killed_are_recovered(mirrored: Deployed) -> None:
    with Crowd(mirrored.url, transports=PLAIN, words=20) as crowd:
        crowd.speak()
        clients = crowd.processes()
        os.kill(max(clients, key=clients.__getitem__), signal.SIGKILL)
        wait_until(lambda: crowd.answered)

        heard = crowd.speak()

        assert heard.recovered == heard.disconnects
        assert heard.faults == (0, 0, 0)


def test_rooms_and_data_come_back_too(mirrored: Deployed) -> None:
    client = mirrored.client()
    wait_until_all_are_there(mirrored)
    websocket, _ = client.open_websocket_session()
    websocket.send("40")
    joined = json.loads(str(websocket.receive_message())[2:])
    ask(websocket, "enter", "a room")
    kill(websocket)

    again, _ = client.open_websocket_session()
    again.send("40" + json.dumps({"pid": joined["pid"]}))
    answer = json.loads(str(again.receive_message())[2:])

    assert answer == joined
    assert ask(again, "where") == [sorted(["a room", joined["sid"]]), "a room", True]
