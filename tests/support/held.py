"""Held: a second descriptor of the server's connections, as a forked child has."""

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
    except OSError:  # the descriptor of the listing itself
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:  # it is not a socket
        os.close(copy)
        return None


def _is_accepted(sock: socket.socket, port: int) -> bool:
    with suppress(OSError, IndexError):  # it has no peer, or no port
        return bool(sock.getpeername()) and sock.getsockname()[1] == port
    return False
