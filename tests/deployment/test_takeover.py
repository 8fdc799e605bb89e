"""Taking connections over under the servers that people deploy, each in a process."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent.socket
import gevent.ssl
import pytest

ROOT = Path(__file__).parent.parent.parent
CERTIFICATE = ROOT / "tests" / "support" / "localhost.pem"
APP = "tests.deployment.apps.takeover"
TLS = ("--certfile", str(CERTIFICATE), "--keyfile", str(CERTIFICATE))
WEBSOCKET_WORKER = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def gunicorn(worker: str, *options: str) -> list[str]:
    command = ["-m", "gunicorn", "-k", worker, "-w", "1", "-b", "127.0.0.1:0"]
    return [*command, "--access-logfile", "-", *options, f"{APP}:app"]


COMMANDS = {
    "gevent": gunicorn("gevent"),
    "gevent_pywsgi": gunicorn("gevent_pywsgi"),
    "GeventWebSocketWorker": gunicorn(WEBSOCKET_WORKER),
    "gevent, TLS": gunicorn("gevent", *TLS),
    "gevent_pywsgi, TLS": gunicorn("gevent_pywsgi", *TLS),
    "GeventWebSocketWorker, TLS": gunicorn(WEBSOCKET_WORKER, *TLS),
    "pywsgi, geventwebsocket": ["-m", APP],
}


class Deployed:
    """A server in a process of its own."""

    def __init__(self, command: list[str]) -> None:
        self.tls = "--certfile" in command
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self.log = ""
        for line in self._process.stdout:
            self.log += line
            if found := re.search(r"Listening at: https?://127\.0\.0\.1:(\d+)", line):
                self.address = ("127.0.0.1", int(found[1]))
                return
        raise AssertionError(f"the server did not start:\n{self.log}")

    def connect(self) -> Any:
        sock = gevent.socket.create_connection(self.address)
        if not self.tls:
            return sock
        context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(CERTIFICATE)
        return context.wrap_socket(sock, server_hostname="localhost")

    def upgrade(self, early: bytes = b"") -> Any:
        """Return an upgraded connection, after reading the head of the answer."""
        peer = self.connect()
        peer.sendall(UPGRADE + early)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += peer.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        return peer

    def held(self) -> dict[str, int]:
        """Ask the application what the server holds, apart from this request."""
        with self.connect() as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: peer.recv(65536), b""))
        held: dict[str, int] = json.loads(answer.partition(b"\r\n\r\n")[2])
        held["handlers"] -= 1
        held["pooled"] -= 1
        held["sockets"] -= 1
        return held

    def wait_until(self, **expected: int) -> dict[str, int]:
        """Ask until the counts are as expected; the test's time limit ends it."""
        while True:
            held = self.held()
            if expected.items() <= held.items():
                return held

    def stop(self) -> int:
        """Stop it; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        self.log += self._process.communicate(timeout=30)[0]
        return self._process.returncode


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    server = Deployed(COMMANDS[request.param])
    yield server
    code = server.stop()
    assert code == 0, server.log
    for word in ("Traceback", "ERROR", "CRITICAL", "Exception"):
        assert word not in server.log, server.log


def test_a_connection_is_taken_over(server: Deployed) -> None:
    before = server.held()
    with server.upgrade(early=b"early\n") as peer:
        assert peer.recv(100) == b"early\n"
        peer.sendall(b"later")
        assert peer.recv(100) == b"later"
        during = server.held()
        kept = 1 if server.tls else 0

        assert during["taken"] == before["taken"] + 1
        assert during["sockets"] == before["sockets"] + 1
        assert during["handlers"] == before["handlers"] + kept
        if before["pooled"] >= 0:
            assert during["pooled"] == before["pooled"] + kept

        peer.sendall(b".")
        # Only the end comes: no response, no close frame.
        assert peer.recv(100) == b""
    held = ("sockets", "handlers", "pooled")
    server.wait_until(over=before["over"] + 1, **{name: before[name] for name in held})


def test_many_connections_leave_nothing_behind(server: Deployed) -> None:
    before = server.held()
    peers = [server.upgrade() for _ in range(20)]
    for peer in peers:
        peer.sendall(b"x")
        assert peer.recv(10) == b"x"
    for peer in peers:
        peer.close()

    held = ("sockets", "handlers", "pooled")
    server.wait_until(over=before["over"] + 20, **{name: before[name] for name in held})


def test_a_hang_up_is_noticed(server: Deployed) -> None:
    before = server.held()
    with server.connect() as peer:
        peer.sendall(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")

    server.wait_until(hung_up=before["hung_up"] + 1, sockets=before["sockets"])
