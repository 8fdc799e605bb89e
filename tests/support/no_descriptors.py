"""No descriptors: a process that has none left, and clients that come nevertheless."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET, AF_UNIX, MSG_DONTWAIT, MSG_PEEK
from typing import Any

from gevent.monkey import get_original

from .timed_server import GET, PATIENCE

#: Seconds in which nobody is accepted, unless somebody leaves.
PAUSE = 0.1

#: Its calls let nobody else run, not even in a patched process.
KernelSocket = get_original("socket", "socket")


def knock(address: Any, request: bytes = GET) -> Any:
    """Connect and ask, as far as the kernel does that alone."""
    peer = KernelSocket(AF_UNIX if isinstance(address, str) else AF_INET)
    peer.settimeout(PATIENCE)
    peer.connect(address)
    peer.sendall(request)
    peer.setblocking(False)
    return peer


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let this process have no descriptor more than it has."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    fillers: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        while True:
            try:
                fillers.append(os.dup(0))
            except OSError:
                break
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for filler in fillers:
            os.close(filler)


def has(peer: Any) -> str:
    """Return what a client has: "nothing", "an answer", or "the end"."""
    try:
        data = getattr(peer, "_sock", peer).recv(9, MSG_PEEK | MSG_DONTWAIT)
    except BlockingIOError:
        return "nothing"
    return "an answer" if data else "the end"
