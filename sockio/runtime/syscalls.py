"""Syscalls: receive and send on a plain socket that does not block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["READ_SIZE", "plain_receive", "plain_send", "receive", "send"]

#: Most bytes of one read.
READ_SIZE = 65536


def plain_receive(sock: Any, fd: int) -> bytes:
    """Return what has arrived, at most READ_SIZE bytes; nothing at the end.

    Args:
        sock: The socket; its owner closes it, and nobody calls with it afterwards.
        fd: Its descriptor.

    Raises:
        OSError: As the socket's own method does.
    """
    return sock.recv(READ_SIZE)  # type: ignore[no-any-return]


def plain_send(sock: Any, fd: int, data: bytes) -> int:
    """Hand ``data`` to the kernel and return how many bytes it took.

    Raises:
        OSError: As the socket's own method does.
    """
    return sock.send(data)  # type: ignore[no-any-return]


receive: Callable[[Any, int], bytes] = plain_receive
send: Callable[[Any, int, bytes], int] = plain_send
with suppress(ImportError):  # where nothing was compiled
    from . import speedups  # type: ignore[attr-defined]

    receive, send = speedups.receive, speedups.send
