"""``io.run(address)`` in a script: how it serves, and how signals end it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import gevent
import pytest

import sockio
from sockio.protocol.websocket.frames import CLOSE
from tests.deployment.contract import (
    DeploymentContract,
    assert_echoes,
    wait_until_parked,
)
from tests.support.deployed import CERTIFICATE, Deployed
from tests.support.http_wire import HttpConnection
from tests.support.node import Driver
from tests.support.raw_websocket import RawWebSocket

RUN = ("-W", "error", "-m", "tests.deployment.apps.run")
#: In front of a program's arguments: what a terminal and nohup have SIGHUP do,
#: whatever the tests themselves were started by.
AT_TERMINAL, NOHUP = (
    (
        "-c",
        f"import os, signal, sys; signal.signal(signal.SIGHUP, signal.{action});"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
    )
    for action in ("SIG_DFL", "SIG_IGN")
)
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]

by_any_signal = pytest.mark.parametrize("signum", ENDING, ids=lambda s: s.name)


@pytest.mark.parametrize(
    "server", [(), (str(CERTIFICATE),)], ids=["plain", "TLS"], indirect=True
)
class TestRun(DeploymentContract):
    """``io.run("127.0.0.1:0")``."""

    command = (*RUN, "127.0.0.1:0")


@by_any_signal
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_client_sees_a_transport_close(
    node: Driver, signum: signal.Signals, transport: str
) -> None:
    with Deployed(*AT_TERMINAL, *RUN, "127.0.0.1:0") as server:
        client = node.connect(server.url, transports=[transport], reconnection=False)
        client.next("connect")
        observer = server.client().open_socket()
        wait_until_parked(observer)
        observer.send_frame(b"", CLOSE)
        observer.wait_closed()

        code = server.stop(signum)

        assert client.next("disconnect").args[0] == "transport close"
        assert code == 0, server.log
        assert "gone: server shutting down" in server.log
        # Ctrl-C does not wait for handlers that block.
        waited = signum != signal.SIGINT
        assert not waited or "gone for a while: server shutting down" in server.log
        server.assert_quiet()


@by_any_signal
def test_a_signal_ends_it_when_nobody_is_there(signum: signal.Signals) -> None:
    with Deployed(*AT_TERMINAL, *RUN, "127.0.0.1:0") as server:
        code = server.stop(signum)

        assert code == 0, server.log
        server.assert_quiet()


def test_under_nohup_it_outlives_its_terminal() -> None:
    with Deployed(*NOHUP, *RUN, "127.0.0.1:0") as server:
        websocket = server.client().open_socket()

        server.send(signal.SIGHUP)

        for _ in range(3):  # one may be answered before the loop knows of a signal
            assert_echoes(websocket)
        websocket.close()
        server.end_quietly()


def test_the_wire_at_the_end() -> None:
    with Deployed(*RUN, "127.0.0.1:0") as server:
        client = server.client()
        websocket = client.open_socket()
        session = client.open_session()
        session.post("40")
        session.poll()
        parked = session.start_poll()
        wait_until_parked(websocket)

        code = server.stop(signal.SIGINT)

        assert parked.receive().text == "1"
        websocket.wait_closed()
        assert websocket.waiting == []
        assert code == 0, server.log
        server.assert_quiet()


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


def test_it_says_where_it_serves() -> None:
    with Deployed(*RUN, "127.0.0.1:0") as server:
        server.end_quietly()
        lines = [line for line in server.log.splitlines() if " serves on " in line]
        build = "compiled" if sockio.compiled else "plain Python"

        assert lines == [f"sockio ({build}) serves on http://127.0.0.1:{server.port}"]


def test_with_a_certificate_it_serves_https() -> None:
    with Deployed(*RUN, "127.0.0.1:0", str(CERTIFICATE)) as server:
        server.end_quietly()

        assert f" serves on https://127.0.0.1:{server.port}\n" in server.log


def test_an_address_in_use_is_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"

        ended = subprocess.run(
            [sys.executable, *RUN, address],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode == 1
    assert ended.stderr == (
        f"sockio: cannot listen: {address} is in use: another program listens there; "
        "end it, or take another address\n"
    )
