"""Held: the server's connections as somebody else has them, a forked child for one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress


@contextmanager
def held(port: int) -> Iterator[None]:
    """Hold a second descriptor of each connection that was accepted at ``port``."""
    with ExitStack() as stack:
        for name in os.listdir("/dev/fd"):
            copy = _copy(int(name))
            if copy is not None:
                stack.enter_context(copy)
                if not _is_accepted(copy, port):
                    copy.close()
        yield


def _copy(descriptor: int) -> socket.socket | None:
    try:
        copy = os.dup(descriptor)
    except OSError:  # that of the listing itself
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:  # no socket
        os.close(copy)
        return None


def _is_accepted(sock: socket.socket, port: int) -> bool:
    with suppress(OSError, IndexError):  # it listens; it has no port
        return bool(sock.getpeername()) and sock.getsockname()[1] == port
    return False
