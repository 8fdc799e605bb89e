"""The servers under test: how each is started, watched and stopped, and load put on it.

All answer the same six events, see peers/; `limit` is a C program that does nothing but
that, which shows what every server has to do.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import installation
import machine
import versions

#: Seconds a server has to accept its first connection, and to die when told.
START, STOP = 30.0, 5.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A server: its command with {port}, what that needs, and its environment."""

    command: str
    needs: Callable[[], None] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    #: Scenarios that need one of these are left out, with the reason.
    lacks: Mapping[str, str] = field(default_factory=dict)
    cpus: int = 1  #: on how many it may run
    version: Callable[[], str] | None = None  #: of all that it consists of


_PYTHON = f"{installation.BIN}/python {installation.PEERS}"
_GUNICORN = (
    f"{installation.BIN}/python -m gunicorn -w 1 --worker-connections 20000 "
    f"--log-level error -b 127.0.0.1:{{port}} --pythonpath {installation.PEERS} -k"
)
_THIS_SOCKIO = {"PYTHONPATH": str(installation.ROOT)}
_NODE_PATH = {"NODE_PATH": str(installation.NODE_MODULES)}


def _go(threads: int) -> Kind:
    return Kind(
        f"{installation.GO_PEER} {{port}}",
        installation.go,
        {"GOMAXPROCS": str(threads)},
        cpus=threads,
        version=versions.go,
    )


def _rust(threads: int) -> Kind:
    lacks = {"deflate": "socketioxide has none"}
    if threads > 1:
        lacks["order"] = "each event is a task, so a client's second may be the first"
    return Kind(
        f"{installation.RUST_PEER} {{port}} {threads}",
        installation.rust,
        lacks=lacks,
        cpus=threads,
        version=versions.rust,
    )


KINDS = {
    "node": Kind(
        f"{installation.NODE} {installation.PEERS}/node.js {{port}}",
        installation.node,
        _NODE_PATH,
        version=versions.node,
    ),
    "bun": Kind(
        f"{installation.BUN} {installation.PEERS}/bun.js {{port}}",
        installation.bun,
        _NODE_PATH,
        lacks={"deflate": "its engine has no option for it"},
        version=versions.bun,
    ),
    "go": _go(threads=1),
    "go-2": _go(threads=2),
    "rust": _rust(threads=1),
    "rust-2": _rust(threads=2),
    "python-socketio": Kind(
        f"{_PYTHON}/pysocketio_pywsgi.py {{port}}",
        installation.python,
        lacks={"deflate": "gevent-websocket has none"},
        version=versions.python_socketio,
    ),
    "python-socketio-gunicorn": Kind(
        f"{_GUNICORN} gevent pysocketio_gunicorn:app",
        installation.python,
        version=versions.python_socketio,
    ),
    "sockio": Kind(
        f"{_PYTHON}/sockio_server.py {{port}}",
        installation.python,
        _THIS_SOCKIO,
        version=versions.sockio,
    ),
    "sockio-gunicorn": Kind(
        f"{_GUNICORN} gevent sockio_gunicorn:app",
        installation.python,
        _THIS_SOCKIO,
        version=versions.sockio,
    ),
    "sockio-worker": Kind(
        f"{_GUNICORN} sockio.integrations.gunicorn.Worker sockio_gunicorn:app",
        installation.python,
        _THIS_SOCKIO,
        version=versions.sockio,
    ),
    "limit": Kind(
        f"{installation.LIMIT} {{port}}",
        installation.limit,
        lacks=dict.fromkeys(("polling", "deflate"), "it does next to nothing"),
    ),
}


class LoadError(Exception):
    """The load generator could not do its work."""


def _pinned_to(*cpus: int) -> Callable[[], None]:
    return lambda: os.sched_setaffinity(0, cpus)


class Server:
    """One server process, pinned to its CPUs."""

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self.kind = kind
        self.port = 0
        #: Added to its environment by the next start.
        self.environment: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> list[int]:
        """The process and its children; [] when it does not run."""
        return machine.family(self._process.pid) if self._process else []

    @property
    def cpus(self) -> frozenset[int]:
        """The CPUs it may run on."""
        return machine.server_cpus(self.kind.cpus)

    def can(self, needs: frozenset[str]) -> bool:
        """Say whether it has all that a scenario needs."""
        return not self.kind.lacks.keys() & needs

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """What the server prints goes here."""
        return installation.LOGS / f"{self.name}.log"

    def start(self) -> None:
        """Start the server and return once it accepts connections."""
        self.port = _free_port()
        command = shlex.split(self.kind.command.format(port=self.port))
        installation.LOGS.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **self.kind.environment, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_pinned_to(*self.cpus),
            )
        deadline = time.monotonic() + START
        while not _accepts(self.port):
            if not self.alive or time.monotonic() > deadline:
                raise LoadError(f"{self.name} does not start (see {self.log})")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server and its children."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(STOP)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        process.wait(STOP)

    def settle(self, patience: float = 15.0) -> None:
        """Wait until the server is idle: it may be busy with clients that have gone."""
        deadline = time.monotonic() + patience
        pids = self.pids
        before = machine.times(pids).total
        while time.monotonic() < deadline:
            time.sleep(0.15)
            after = machine.times(pids).total
            if after - before < 0.02:
                return
            before = after

    def load(
        self, arguments: list[str], *, port: int | None = None, quiet: bool = False
    ) -> dict[str, Any]:
        """Run the load generator against the server and return what it measured.

        Args:
            port: Where to connect, if not to the server itself.
            quiet: Do not pass on its complaints.

        `foreign` is the share of a CPU that other processes took meanwhile.

        Raises:
            LoadError: It ended without a result.
        """
        pids = self.pids
        watch = machine.Watch(pids, self.cpus)
        done = self.load_process(arguments, port or self.port, pids)
        out, err = done.communicate()
        if done.returncode or not out:
            why = err.strip().rpartition("\n")[2]
            raise LoadError(f"{why} (see {self.log})")
        result: dict[str, Any] = json.loads(out)
        result["foreign"] = watch.foreign()
        if err and not quiet:
            print(f"{self.name}: {err.strip()}", file=sys.stderr)
        return result

    def load_process(
        self, arguments: list[str], port: int, pids: list[int]
    ) -> subprocess.Popen[str]:
        """Start the load generator; `pids` are the processes whose CPU it reads."""
        command = [str(installation.LOAD), *arguments, "--port", str(port)]
        for pid in pids:
            command += ["--pid", str(pid)]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Its complaints quote what it received.
            errors="replace",
            preexec_fn=_pinned_to(machine.LOAD_CPU),
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
