"""Ports of 127.0.0.1 that a test must know before a server listens there."""

from __future__ import annotations

import os
import random
import socket
from itertools import count
from pathlib import Path

#: The system never gives these to the client's side of a connection, which would keep
#: a server from starting, or from starting again, at a port that was free before.
FIRST, LAST = 10_000, 32_767
#: How many a process of a test run tries before it comes to those of the next.
SHARE = 1_000


def _first() -> int:
    """Return where this process begins: runs differ, and so do a run's processes."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return random.Random(run).randrange(LAST) + int(worker) * SHARE


def _system_begins_at() -> int:
    """Return the first port that the system gives away."""
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


_tried = count(_first())


def free_port() -> int:
    """Return a port that nobody uses, for TCP and for UDP; never the same twice."""
    last = min(LAST, _system_begins_at() - 1)
    while True:
        port = FIRST + next(_tried) % (last - FIRST + 1)
        if _is_free(port):
            return port


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
