"""Measure idle clients: as many as descriptors allow, then some without descriptors.

idle.py [--connections N] [--sessions N] [--seconds S]

First as many heart-beating WebSockets in one process as the hard limit of descriptors
allows; then sessions over an in-memory transport, which needs none: the same figures
without the kernel's share.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from typing import Any

import installation
import machine
from servers import KINDS, Server

#: Descriptors that are not for clients.
SPARE = 100
#: Ports for connections from one address to another.
PORTS = 28_000


def main() -> int:
    """Measure and print; return 1 if clients were lost."""
    machine.raise_file_limit()
    arguments = _arguments()
    installation.load_generator()
    installation.python()
    connected = _websockets(arguments.connections, arguments.seconds)
    _tell("idle WebSockets", connected["live"], connected["server_busy"], connected)
    alone = _in_memory(arguments.sessions, arguments.seconds)
    _tell("sessions without a kernel", alone["alive"], alone["busy"], alone)
    whole = connected["live"] == arguments.connections
    return int(not whole or alone["alive"] != arguments.sessions)


def _tell(what: str, count: int, busy: float, result: dict[str, Any]) -> None:
    print(
        f"{count:,} {what}: {result['kib_each']:.1f} KiB each, {busy:.2%} of a CPU for "
        f"{result['pings']:,} pings; opening took {result['opening_us']:.0f} us"
    )


def _websockets(count: int, seconds: float) -> dict[str, Any]:
    server = Server("sockio", KINDS["sockio"])
    try:
        server.start()
        server.load(["connect", "--connections", "20"])
        load = ["idle", "--connections", str(count), "--settle", "3"]
        return server.load([*load, "--seconds", str(seconds)])
    finally:
        server.stop()


def _in_memory(count: int, seconds: float) -> dict[str, Any]:
    done = subprocess.run(
        [
            str(installation.BIN / "python"),
            str(installation.HERE / "memory_sessions.py"),
            str(count),
            str(seconds),
        ],
        env={"PYTHONPATH": str(installation.ROOT)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _arguments() -> argparse.Namespace:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(PORTS, hard - SPARE)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--connections", type=int, default=most, help=f"WebSockets ({most} here)"
    )
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument(
        "--seconds", type=float, default=26.0, help="one interval of heartbeats (26)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
