"""Deployed: a server in a process of its own, as people run it."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import gevent.subprocess

from .http_wire import TIMEOUT, Answer, HttpConnection, Wire
from .raw_client import RawClient

ROOT = Path(__file__).parent.parent.parent
#: Certificate and key of localhost and 127.0.0.1, in one file.
CERTIFICATE = ROOT / "tests" / "support" / "localhost.pem"
#: Our worker class for gunicorn.
OUR_WORKER = "sockio.integrations.gunicorn.Worker"
#: Seconds that a process gets to start, and to end.
PATIENCE = 60.0
#: What servers say when they accept connections: gunicorn and our programs, Werkzeug,
#: ``Server.run``.
_READY = re.compile(
    r"Listening at: https?://127\.0\.0\.1:(\d+)"
    r"|Running on https?://127\.0\.0\.1:(\d+)"
    r"|serving on \('127\.0\.0\.1', (\d+)\)"
    r"|serves on http://127\.0\.0\.1:(\d+)"
    r"|serving on unix:"
)
#: Words that a healthy server never writes.
_COMPLAINTS = ("Traceback", "Exception", "ERROR", "CRITICAL", "Error:")


class Connection(HttpConnection):
    """A connection that is opened again if the server closes it after each answer."""

    def __init__(self, address: tuple[str, int] | str, host: str, tls: bool) -> None:
        self._address = address
        self._tls = tls
        self._ended = False
        super().__init__(address, host)
        self._secure()

    def _secure(self) -> None:
        if self._tls:
            context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(CERTIFICATE)
            sock = self.wire.socket
            self.wire.socket = context.wrap_socket(sock, server_hostname="localhost")

    def send(self, *request: Any, **more: Any) -> None:
        if self._ended:
            self.wire.close()
            self.wire = Wire(self._address)
            self._secure()
        super().send(*request, **more)

    def receive(self, timeout: float = TIMEOUT) -> Answer:
        answer = super().receive(timeout)
        self._ended = answer.headers.get("connection", "").lower() == "close"
        return answer


class DeployedClient(RawClient):
    """A raw client of a server that may speak TLS, or close connections early."""

    def __init__(self, server: Deployed, path: str) -> None:
        super().__init__(server.url, path)
        self._server = server

    def http(self) -> HttpConnection:
        address = ("127.0.0.1", self._server.port)
        connection = Connection(address, "localhost", self._server.tls)
        self._opened.append(connection)
        return connection


class Deployed:
    """A server that has started and accepts connections."""

    def __init__(self, *command: str, pass_fds: Sequence[int] = ()) -> None:
        self._process = gevent.subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
        )
        # Nobody may be reading what it logs, for thousands of requests.
        fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, 1 << 20)
        self._clients: list[RawClient] = []
        #: What it has written: what was read so far, and at its end the rest.
        self.log = ""
        self.port = self._wait_for_port(command)
        self.url = f"http://127.0.0.1:{self.port}"
        #: Whether it was given a certificate.
        self.tls = str(CERTIFICATE) in command

    def _wait_for_port(self, command: Sequence[str]) -> int:
        with gevent.Timeout(PATIENCE, False):
            for line in self._process.stdout:
                self.log += line.decode()
                if found := _READY.search(self.log):
                    port = int(next(filter(None, found.groups()), 0))
                    if "gunicorn" in command and str(CERTIFICATE) not in command:
                        _wait_for_answer(port)
                    return port
        self.kill()
        raise AssertionError(f"the server did not start:\n{self.log}")

    def __enter__(self) -> Deployed:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def client(self, path: str = "/socket.io/") -> RawClient:
        """Return a raw client of this server; it is closed with the server."""
        client = DeployedClient(self, path)
        self._clients.append(client)
        return client

    @property
    def pid(self) -> int:
        """Its process id."""
        pid: int = self._process.pid
        return pid

    def send(self, signum: int) -> None:
        """Send it a signal."""
        self._process.send_signal(signum)

    def read_log_until(self, text: str) -> None:
        """Read what it writes until ``text`` is in ``log``.

        Blocks:
            Until then; the test's time limit ends it.
        """
        while text not in self.log:
            self.read_log_line()

    def read_log_line(self) -> None:
        """Add the next line that it writes to ``log``.

        Blocks:
            Until there is one; the test's time limit ends it.
        """
        line = self._process.stdout.readline()
        assert line, f"it has ended:\n{self.log}"
        self.log += line.decode()

    def wait_until_it_kills(self, *signums: int) -> None:
        """Wait until the signals have their default action.

        Blocks:
            Until then; the test's time limit ends it.
        """
        handled = sum(1 << (signum - 1) for signum in signums)
        while int(self._status("status", "SigCgt")[0], 16) & handled:
            gevent.idle()

    def wait_until_it_computes(self) -> None:
        """Wait until it has used the processor for half a second more.

        Blocks:
            Until then; the test's time limit ends it.
        """
        clock = Path(f"/proc/{self._process.pid}/stat")

        def used() -> int:
            return int(clock.read_text().rpartition(")")[2].split()[11])

        enough = used() + os.sysconf("SC_CLK_TCK") // 2
        while used() < enough:
            gevent.idle()

    def wait_until_it_sleeps(self, for_seconds: float = 0.1) -> None:
        """Wait until none of its threads has woken up for ``for_seconds``.

        Blocks:
            Until then; the test's time limit ends it.
        """
        switches, before = self._switches(), None
        while switches != before:
            gevent.sleep(for_seconds)
            switches, before = self._switches(), switches

    def _switches(self) -> list[str]:
        return self._status("task/*/status", "voluntary_ctxt_switches")

    def _status(self, files: str, field: str) -> list[str]:
        """Return a field of what the kernel says about the process, or its threads."""
        found = Path(f"/proc/{self._process.pid}").glob(files)
        lines = [
            line for file in sorted(found) for line in file.read_text().split("\n")
        ]
        return [line.split()[1] for line in lines if line.startswith(f"{field}:")]

    def wait(self) -> int:
        """Wait for its end; return its exit code.

        Blocks:
            Until then; ``TimeoutExpired`` after ``PATIENCE``.
        """
        rest, _ = self._process.communicate(timeout=PATIENCE)
        self.log += rest.decode()
        code: int = self._process.returncode
        return code

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """End it in an orderly way; return its exit code."""
        self.send(signum)
        return self.wait()

    def kill(self) -> None:
        """Kill it, if it still runs, and close its clients."""
        clients, self._clients = self._clients, []
        for client in clients:
            client.close()
        if self._process.poll() is None:
            self._process.kill()
            self.wait()
        self._process.stdout.close()

    def assert_quiet(self) -> None:
        """Fail if there is a complaint in its log."""
        found = [word for word in _COMPLAINTS if word in self.log]
        assert not found, self.log

    def end_quietly(self) -> None:
        """End it; fail unless its exit code is 0 and its log without complaints."""
        code = self.stop()
        self.kill()
        assert code == 0, self.log
        self.assert_quiet()


def _wait_for_answer(port: int) -> None:
    """Wait for an answer: gunicorn listens before it has a worker that answers."""
    with gevent.socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"GET /socket.io/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        sock.recv(1)


def gunicorn(worker: str, app: str, *options: str) -> list[str]:
    """Return the command that serves ``app`` with one gunicorn worker."""
    command = ["-m", "gunicorn", "--no-control-socket", "-k", worker, "-w", "1"]
    return [*command, "-b", "127.0.0.1:0", *options, app]


def page(server: Deployed, target: str, **request: Any) -> tuple[int, str]:
    """Request a page of the application; return its status and body."""
    connection = server.client().http()
    answer = connection.request(request.pop("method", "GET"), target, **request)
    connection.close()
    return answer.status, answer.text
