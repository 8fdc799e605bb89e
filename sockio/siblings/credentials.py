"""Credentials: whether the process at the other end belongs to the same user.

Anybody may take an abstract name, and connect to one, so both sides ask the kernel.
"""

from __future__ import annotations

import os
import socket
import struct
from _socket import socket as PlainSocket
from socket import SOL_SOCKET

__all__ = ["same_user"]

#: Not on every system.
_PEERCRED: int = getattr(socket, "SO_PEERCRED", -1)
_FORMAT = struct.Struct("3i")


def same_user(sock: PlainSocket) -> bool:
    """Whether the process that listened, or connected, runs as the user that we are."""
    try:
        data = sock.getsockopt(SOL_SOCKET, _PEERCRED, _FORMAT.size)
    except OSError:
        return False
    _, uid, _ = _FORMAT.unpack(data)
    return uid == os.geteuid() and not _stands_for_many(uid)


def _stands_for_many(uid: int) -> bool:
    """Whether the kernel shows this number for every user it cannot name here.

    That happens in a user namespace in which not all users of the machine have a
    number.
    """
    try:
        with open("/proc/sys/kernel/overflowuid", encoding="ascii") as file:
            if uid != int(file.read()):
                return False
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return file.read().split() != ["0", "0", "4294967295"]
    except (OSError, ValueError):
        return False
