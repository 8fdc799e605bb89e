"""``io.run(address)`` in a script: how it serves, and how signals end it."""

from __future__ import annotations

import signal
from pathlib import Path

import gevent
import pytest

from tests.deployment.contract import DeploymentContract, assert_echoes
from tests.support.deployed import CERTIFICATE, Deployed
from tests.support.http_wire import HttpConnection
from tests.support.raw_websocket import RawWebSocket

RUN = ("-W", "error", "-m", "tests.deployment.apps.run")


@pytest.mark.parametrize(
    "server", [(), (str(CERTIFICATE),)], ids=["plain", "TLS"], indirect=True
)
class TestRun(DeploymentContract):
    """``io.run("127.0.0.1:0")``."""

    command = (*RUN, "127.0.0.1:0")


def test_a_second_signal_ends_the_draining() -> None:
    with Deployed(*RUN, "127.0.0.1:0") as server:
        websockets = [server.client().open_socket() for _ in range(3)]
        ends = [gevent.spawn(websocket.wait_closed, 5) for websocket in websockets]

        server.send(signal.SIGTERM)
        assert len(gevent.wait(ends, timeout=2, count=1)) == 1
        answer = server.client().request(transport="polling")
        code = server.stop(signal.SIGTERM)

        assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        gevent.joinall(ends, raise_error=True)
        assert code == 0, server.log
        server.assert_quiet()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "io.sock"
    with Deployed(*RUN, f"unix:{path}") as server:
        connection = HttpConnection(str(path), "localhost")
        websocket = RawWebSocket(connection, "/socket.io/?EIO=4&transport=websocket")
        websocket.receive()
        websocket.send("40")
        websocket.receive()

        assert_echoes(websocket)

        websocket.close()
        server.end_quietly()
        assert not path.exists()
