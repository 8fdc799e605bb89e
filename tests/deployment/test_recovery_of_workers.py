"""Official clients that break off come back to any worker, and miss nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.support.crowd import Crowd
from tests.support.deployed import Deployed, gunicorn, page
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

        assert heard.disconnects > crowd.clients
        assert heard.recovered == heard.disconnects
        assert heard.faults == (0, 0, 0)


@pytest.mark.patience(60)
def test_clients_are_recovered_after_a_reload(server: Deployed) -> None:
    with Crowd(server.url, transports=PLAIN, speakers=1, words=20) as crowd:
        crowd.speak()
        server.send(signal.SIGHUP)
        wait_until(lambda: crowd.look().disconnects >= crowd.clients)
        wait_until(lambda: crowd.look().connected == crowd.clients)

        heard = crowd.speak()

        # One that came back to a worker which ends a moment later comes back again.
        assert heard.recovered >= crowd.clients
        assert heard.faults == (0, 0, 0)
    assert page(server, "/")[0] == 200
