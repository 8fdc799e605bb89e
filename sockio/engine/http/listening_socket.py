"""A listening socket from what a person writes: 3000, "host:port", "unix:/path"."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from dataclasses import dataclass
from typing import TypeAlias

from sockio.errors import ConfigError

__all__ = ["Address", "ListeningSocket", "host_and_port", "listen"]

#: A port (of all interfaces), (host, port), "host:port", "[ipv6]:port", "unix:/path".
Address: TypeAlias = "int | str | tuple[str, int]"


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A bound socket, and the file of it that has to go when it is closed."""

    sock: socket.socket
    path: str | None = None
    file: os.stat_result | None = None

    def close(self) -> None:
        """Close the socket and remove its file, unless another server replaced it."""
        self.sock.close()
        if self.path is None or self.file is None:
            return
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self.path), self.file):
                os.unlink(self.path)


def listen(address: Address, backlog: int) -> ListeningSocket:
    """Bind to ``address``.

    Raises:
        ConfigError: It is no address.
        OSError: It is not to be had.
    """
    if isinstance(address, str) and address.startswith("unix:"):
        path = os.path.abspath(address[5:])
        _remove_stale(path)
        sock = _bound(socket.AF_UNIX, path, backlog)
        return ListeningSocket(sock, path, os.stat(path))
    host, port = host_and_port(address)
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return ListeningSocket(_bound(family, (host, port), backlog))
    try:
        return ListeningSocket(_bound(socket.AF_INET6, ("::", port), backlog))
    except OSError as exc:
        if exc.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        return ListeningSocket(_bound(socket.AF_INET, ("0.0.0.0", port), backlog))


def host_and_port(address: Address) -> tuple[str, int]:
    """Return both of an address that is not a path; an empty host is every one.

    Raises:
        ConfigError: It is no address.
    """
    if isinstance(address, str):
        host, _, text = address.rpartition(":")
        port = int(text) if text.isascii() and text.isdigit() else -1
    else:
        host, port = ("", address) if isinstance(address, int) else address[:2]
    if not 0 <= port <= 65535:
        raise ConfigError(
            f'address {address!r} is no port, (host, port), "host:port" or "unix:/path"'
        )
    return ("" if host == "*" else host.strip("[]")), port


def _bound(family: int, address: str | tuple[str, int], backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # What is accepted inherits it, which saves a system call each.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            # "::" is IPv4 too, whatever the system's default.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(backlog)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    """Remove the file of a Unix socket on which nobody listens any more."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(path)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        os.unlink(path)
