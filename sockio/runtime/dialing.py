"""Dialing: connected sockets of gevent, also in a process that it has not patched."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Any

import gevent.socket

__all__ = ["connect_by_name"]


def connect_by_name(host: str, port: int) -> Any:
    """Return a socket that is connected to the first address that answers.

    Raises:
        OSError: None of them does, or there is none.

    Blocks:
        Until it is connected.
    """
    error = OSError(f"{host} has no address")
    for family, address in _addresses(host, port):
        try:
            sock = _connect(family, address)
        except OSError as exc:
            error = exc
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise error


def _addresses(host: str, port: int) -> list[tuple[int, Any]]:
    try:
        family = _FAMILIES[ip_address(host).version]
    except ValueError:
        found = gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        return [(each[0], each[4]) for each in found]
    # A name would be asked for in another thread.
    return [(family, (host, port))]


_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def _connect(family: int, where: Any) -> Any:
    """Return a connected socket; whatever ends the attempt, it is closed."""
    sock = gevent.socket.socket(family, socket.SOCK_STREAM)
    with ExitStack() as undo:
        undo.callback(sock.close)
        sock.connect(where)
        undo.pop_all()
    return sock
