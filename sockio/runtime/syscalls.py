"""Syscalls: receive and send on a socket that does not block."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

__all__ = ["BENEATH_TLS", "DIRECT", "OVER_SOCKET", "READ_SIZE", "OverSocket"]

#: Most bytes of one read.
READ_SIZE = 65536

Base: Any = object
with suppress(ImportError):  # where nothing was compiled
    from .speedups import Syscalls as Base  # type: ignore[import-not-found,no-redef]


class OverSocket(Base):  # type: ignore[misc]
    """Calls the socket object, for sockets that are more than a descriptor."""

    def receive(self, sock: Any, fd: int) -> bytes:
        """Return what has arrived, at most READ_SIZE bytes; no bytes mean the end.

        Args:
            sock: The socket; its owner closes it and makes no calls afterwards.
            fd: Its descriptor.

        Raises:
            OSError: As the socket's own method does.
        """
        return sock.recv(READ_SIZE)  # type: ignore[no-any-return]

    def send(self, sock: Any, fd: int, data: bytes) -> int:
        """Hand ``data`` to the kernel and return how many bytes it took.

        Raises:
            OSError: As the socket's own method does.
        """
        return sock.send(data)  # type: ignore[no-any-return]


class _BeneathTls(OverSocket):
    """Receives the encrypted bytes of a TLS socket, for a caller that drops them."""

    def receive(self, sock: Any, fd: int) -> bytes:
        """Return what has arrived, at most READ_SIZE bytes; no bytes mean the end."""
        return os.read(fd, READ_SIZE)


OVER_SOCKET = OverSocket()
BENEATH_TLS = _BeneathTls()
#: The same for plain sockets; if it is compiled, without the detour over the object.
DIRECT: OverSocket = OVER_SOCKET if Base is object else Base()
