"""How a server ends, and what it logs, while handlers wait or compute."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.support import build, services
from tests.support.deployed import Deployed, gunicorn
from tests.support.raw_websocket import RawWebSocket

PROGRAM = ("-W", "error", "-m", "tests.deployment.apps.stubborn")
RUN = (*PROGRAM, "run")
SERVE_FOREVER = (*PROGRAM, "serve_forever")
APP = "tests.deployment.apps.stubborn:io"
#: Seconds that handlers get to end, if they get any.
GRACE = 5.0
#: What the log says about a handler that computes.
HELD = "has held the loop for"

either_way = pytest.mark.parametrize(
    "command", [RUN, SERVE_FOREVER], ids=["run", "serve_forever"]
)

every_worker = pytest.mark.parametrize("worker", ["gevent", "gevent_pywsgi"])


def begin(server: Deployed, event: str) -> RawWebSocket:
    """Start a handler that does not end, and wait until it runs."""
    websocket = server.client().open_socket()
    websocket.send(f'42["{event}"]')
    assert websocket.receive_event(timeout=10) == ["begun"]
    return websocket


@either_way
@pytest.mark.parametrize("event", ["wait", None], ids=["waiting", "idle"])
def test_ctrl_c_ends_at_once_without_a_traceback(
    command: tuple[str, ...], event: str | None
) -> None:
    with Deployed(*command) as server:
        if event is not None:
            begin(server, event)
        server.wait_until_it_sleeps()
        pressed = time.monotonic()

        code = server.stop(signal.SIGINT)

        assert time.monotonic() - pressed < GRACE
        assert code == 0, server.log
        server.assert_quiet()


def test_ctrl_c_ends_serve_forever_while_a_handler_computes() -> None:
    with Deployed(*SERVE_FOREVER) as server:
        begin(server, "compute")
        server.read_log_until(HELD)

        code = server.stop(signal.SIGINT)

        assert code == 0, server.log
        assert "after serve_forever" in server.log
        server.assert_quiet()


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_process_that_computes(
    first: signal.Signals, second: signal.Signals
) -> None:
    with Deployed(*RUN) as server:
        begin(server, "compute")
        server.read_log_until(HELD)

        server.send(first)
        server.wait_until_it_kills(signal.SIGINT, signal.SIGTERM)
        code = server.stop(second)

        assert code == -second


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_process_that_computes_in_c(
    signum: signal.Signals,
) -> None:
    if not build.compiled() or build.PURE:
        services.missing("compiled", "nothing is")
    with Deployed(*RUN) as server:
        begin(server, "compute in C")
        server.wait_until_it_computes()

        server.send(signum)
        server.wait_until_it_kills(signum)
        code = server.stop(signum)

        assert code == -signum


@pytest.mark.parametrize("patched", [(), ("patched",)], ids=["plain", "patched"])
def test_a_handler_that_computes_is_named(patched: tuple[str, ...]) -> None:
    with Deployed(*RUN, *patched) as server:
        begin(server, "compute")

        server.read_log_until("in compute\n")

        assert "connected.<locals>.compute" in server.log or "compute (" in server.log
        assert HELD in server.log
        assert "sockio/runtime" not in server.log


@every_worker
def test_behind_gunicorn_it_is_named_while_it_computes(
    worker: str, tmp_path: Path
) -> None:
    with Deployed(*gunicorn(worker, APP)) as server:
        websocket = server.client().open_socket()
        file = tmp_path / "file"
        websocket.send(f'420["compute until it exists","{file}"]')

        server.read_log_until("in compute_until_it_exists\n")
        file.touch()

        assert websocket.receive_message(timeout=10) == "430[true]"
        assert HELD in server.log
        server.read_log_until("compute_until_it_exists held the loop for")
        server.end_quietly()


@every_worker
def test_behind_gunicorn_c_code_is_named_when_it_ends(worker: str) -> None:
    with Deployed(*gunicorn(worker, APP)) as server:
        websocket = server.client().open_socket()

        websocket.send('420["compute in C for a second"]')

        assert websocket.receive_message(timeout=60) == "430[]"
        server.read_log_until("in compute_in_c_for_a_second\n")
        server.read_log_until("compute_in_c_for_a_second held the loop for")
        server.end_quietly()


@pytest.mark.patience(60)
def test_an_idle_process_sleeps() -> None:
    with Deployed(*RUN) as server:
        websocket = server.client().open_socket()
        websocket.send('420["echo","hi"]')
        assert websocket.receive_message() == '430["hi"]'

        # It looks a few more times; after that, none of its threads wakes up again.
        server.wait_until_it_sleeps(for_seconds=1.0)

        websocket.send('420["echo","hi"]')
        assert websocket.receive_message() == '430["hi"]'
        websocket.close()
        server.end_quietly()
