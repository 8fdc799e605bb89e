"""How our server ends with gunicorn's worker, which does not notify it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.deployment.contract import wait_until_parked
from tests.support.deployed import OUR_WORKER, Deployed, gunicorn
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import RawWebSocket

APP = "tests.deployment.apps.echo:app"
STUBBORN = "tests.deployment.apps.stubborn:io"
WEBSOCKET_WORKER = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
#: What disconnect handlers print, at once and after they have waited.
LAST_WORDS = (
    "gone: server shutting down\n",
    "gone for a while: server shutting down\n",
)

#: Those whose requests gunicorn or we count, and whose files are watched.
both_servers = pytest.mark.parametrize("worker", ["gevent", OUR_WORKER])
#: gunicorn waits 30 seconds for what does not end, a test 20.
every_worker = pytest.mark.parametrize(
    "worker", ["gevent", "gevent_pywsgi", WEBSOCKET_WORKER, OUR_WORKER]
)


def poll(server: Deployed) -> PollingSession:
    """Connect a client that polls."""
    session = server.client().open_session()
    session.post("40")
    session.poll()
    return session


def read_last_words(server: Deployed, times: int = 1) -> None:
    """Read the log until a worker's clients have gone; the test's limit ends it."""
    while any(server.log.count(line) < times for line in LAST_WORDS):
        server.read_log_line()


@pytest.mark.patience(60)
@every_worker
@pytest.mark.parametrize(
    "options", [(), ("--preload", "--keep-alive", "75")], ids=["plain", "preload"]
)
def test_sigterm_ends_it_while_clients_are_connected(
    worker: str, options: tuple[str, ...]
) -> None:
    with Deployed(*gunicorn(worker, APP, *options)) as server:
        websocket = server.client().open_socket()
        parked = poll(server).start_poll()
        idle = server.client().http()
        idle.request("GET", "/socket.io/?EIO=4&transport=polling&sid=unknown")
        wait_until_parked(websocket)

        code = server.stop()

        assert code == 0, server.log
        for line in LAST_WORDS:
            assert server.log.count(line) == 2, server.log
        assert parked.receive().text == "1"
        websocket.wait_closed()
        server.assert_quiet()


@pytest.mark.patience(60)
@every_worker
def test_websockets_alone_are_waited_for(worker: str) -> None:
    with Deployed(*gunicorn(worker, APP)) as server:
        websockets = [server.client().open_socket() for _ in range(3)]

        code = server.stop()

        assert code == 0, server.log
        for line in LAST_WORDS:
            assert server.log.count(line) == 3, server.log
        for websocket in websockets:
            websocket.wait_closed()
        server.assert_quiet()


@pytest.mark.patience(60)
@every_worker
def test_a_handler_gets_the_graceful_timeout_and_no_more(worker: str) -> None:
    options = ("--graceful-timeout", "2")
    with Deployed(*gunicorn(worker, STUBBORN, *options)) as server:
        websocket = server.client().open_socket()
        websocket.send('42["wait"]')
        websocket.receive_event(timeout=10)

        assert server.stop() == 0, server.log

        server.assert_quiet()


@pytest.mark.patience(60)
@every_worker
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_shutdown_waits_for_nobody(worker: str, signum: int) -> None:
    with Deployed(*gunicorn(worker, STUBBORN)) as server:
        websocket = server.client().open_socket()
        websocket.send('42["wait"]')
        websocket.receive_event(timeout=10)

        assert server.stop(signum) == 0, server.log

        server.assert_quiet()


@pytest.mark.patience(60)
@every_worker
def test_clients_of_a_worker_that_is_replaced_leave(worker: str) -> None:
    with Deployed(*gunicorn(worker, APP)) as server:
        websocket = server.client().open_socket()

        server.send(signal.SIGHUP)

        read_last_words(server)
        websocket.wait_closed()
        server.end_quietly()


@pytest.mark.patience(60)
@both_servers
def test_clients_of_a_worker_that_has_served_enough_leave(worker: str) -> None:
    command = gunicorn(worker, APP, "--max-requests", "4")
    with Deployed(*command) as server:
        websocket: RawWebSocket = server.client().open_socket()
        for _ in range(4):
            server.client().request(transport="polling")

        read_last_words(server)
        websocket.wait_closed()
        server.end_quietly()


@pytest.mark.patience(60)
@both_servers
def test_clients_of_a_worker_that_reloads_leave(worker: str, tmp_path: Path) -> None:
    file = tmp_path / "watched.py"
    file.write_text("")
    options = ("--reload", "--reload-engine", "poll", "--reload-extra-file", str(file))
    with Deployed(*gunicorn(worker, APP, *options)) as server:
        websocket = server.client().open_socket()

        while not any(line in server.log for line in LAST_WORDS):
            os.utime(file, (0, os.stat(file).st_mtime + 10))
            server.read_log_line()
        read_last_words(server)

        websocket.wait_closed()
        server.stop()
