"""``python -m sockio run -w 2``: SIGUSR2 has new processes take over."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crowd import Crowd
from tests.support.deployed import ROOT, Deployed, page
from tests.support.http_wire import ConnectionEnded
from tests.support.waiting import wait_until

RUN = ("-m", "sockio", "run", "-w", "2", "-b", "127.0.0.1:0")
#: A client that breaks off while it changes its transport may show events twice.
PLAIN = [["websocket"], ["polling"]]


def test_clients_are_recovered_by_the_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOVERY", "1")
    with (
        Deployed(*RUN, "tests.deployment.apps.crowd:app") as server,
        Crowd(server.url, clients=12, transports=PLAIN, speakers=1, words=5) as crowd,
    ):
        crowd.speak()
        before = crowd.processes()

        server.send(signal.SIGUSR2)

        wait_until(lambda: crowd.has_left(before), 0.05)
        heard = crowd.speak()
        assert heard.recovered == heard.disconnects
        assert heard.refusals == {}
        assert heard.faults == (0, 0, 0)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Give what writes the module that the server imports."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(ROOT))))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return (tmp_path / "changing.py").write_text


def status(server: Deployed, path: str) -> int:
    """Return the status of a page; 0: an old worker ends without an answer."""
    try:
        return page(server, path)[0]
    except ConnectionEnded:
        return 0


def test_the_new_ones_have_the_new_code(write: Callable[[str], object]) -> None:
    write('import sockio\nio = sockio.Server(health="/first")')
    with Deployed(*RUN, "changing:io") as server:
        assert page(server, "/first")[0] == 200

        write('import sockio\nio = sockio.Server(health="/second")')
        server.send(signal.SIGUSR2)

        wait_until(lambda: status(server, "/second") == 200, 0.02)
        wait_until(lambda: status(server, "/first") not in (0, 200), 0.02)
        server.end_quietly()


def test_code_that_does_not_work_replaces_nothing(
    write: Callable[[str], object],
) -> None:
    write('import sockio\nio = sockio.Server(health="/health")')
    with Deployed(*RUN, "changing:io") as server:
        assert page(server, "/health")[0] == 200

        write("import sockio\nraise SystemExit('a mistake')")
        server.send(signal.SIGUSR2)

        server.read_log_until("; the old ones go on\n")
        assert "no reload: a new worker has ended (exit code 1)" in server.log
        assert page(server, "/health")[0] == 200
        assert server.stop() == 0
