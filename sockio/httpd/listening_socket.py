"""A listening socket, from an address: 3000, "host:port", "unix:/path", "systemd"."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sockio.errors import ConfigError

from .passed_sockets import PASSED, name_in

__all__ = [
    "Address",
    "ListeningSocket",
    "host_and_port",
    "listen",
    "shown",
    "telling_address",
]

#: A port (of all interfaces), (host, port), "host:port", "[ipv6]:port", "unix:/path",
#: or "systemd" and "systemd:NAME" for a socket that systemd has opened.
Address: TypeAlias = "int | str | tuple[str, int]"


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A bound socket, and its file, which has to be removed when it is closed.

    ``processes``: how many accept from it.
    """

    sock: socket.socket
    path: str | None = None
    file: os.stat_result | None = None
    processes: int = 1

    def shared(self, processes: int = 1) -> ListeningSocket:
        """Return the same for one of ``processes``, which must not remove the file."""
        return ListeningSocket(self.sock, self.path, processes=processes)

    @property
    def address(self) -> tuple[str, int] | str:
        """Host and actual port, or ``"unix:PATH"``."""
        if self.path is not None:
            return f"unix:{self.path}"
        host, port = self.sock.getsockname()[:2]
        return host, port

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
        ConfigError: It is not an address.
        OSError: It cannot be bound; the text names it and says why.
    """
    with telling_address(address):
        return _listen(address, backlog)


def shown(address: Address) -> str:
    """Write an address as people do: ``127.0.0.1:3000``, ``port 3000``."""
    if isinstance(address, str) and address.startswith("unix:"):
        return address
    if name_in(address) is not None:
        return str(address)
    host, port = host_and_port(address)
    if not host:
        return f"port {port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def telling_address(address: Address) -> Iterator[None]:
    """Name the address, and what is wrong with it, in an OSError of the block."""
    try:
        yield
    except socket.gaierror as exc:
        text = f"{shown(address)}: there is no host of that name"
        raise socket.gaierror(exc.errno, text) from None
    except OSError as exc:
        why = _REASONS.get(exc.errno or 0, exc.strerror or str(exc))
        raise OSError(exc.errno, f"{shown(address)} {why}") from None


#: What is wrong with an address; the text begins with the address.
_REASONS = {
    errno.EADDRINUSE: "is in use: another program listens there; end it, or take "
    "another address",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EACCES: "is not permitted: ports below 1024, and folders, may need rights",
    errno.EPERM: "is not permitted",
    errno.ENOENT: "is in a folder that does not exist",
}


def _listen(address: Address, backlog: int) -> ListeningSocket:
    passed = name_in(address)
    if passed is not None:
        return _passed(passed)
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


def _passed(name: str) -> ListeningSocket:
    """Return a socket of systemd's, which keeps its file and its backlog."""
    sock = PASSED.take(name)
    where = sock.getsockname()
    if isinstance(where, tuple):
        return ListeningSocket(sock)
    # Abstract names are bytes, and begin with a zero.
    path = where if isinstance(where, str) else "@" + where[1:].decode(errors="replace")
    return ListeningSocket(sock, path)


def host_and_port(address: Address) -> tuple[str, int]:
    """Return host and port of an address that is not a path; an empty host means all.

    Raises:
        ConfigError: It is not an address.
    """
    host: object = ""
    port: object = address
    if isinstance(address, str):
        host, _, text = address.rpartition(":")
        port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
    elif isinstance(address, (tuple, list)):
        host, port = address[:2] if len(address) >= 2 else ("", -1)
    if not isinstance(host, str) or type(port) is not int or not 0 <= port <= 65535:
        raise _no_address(address)
    if re.search(r"[\s/?#@]", host):
        raise _no_address(address)
    return ("" if host == "*" else host.strip("[]")), port


def _no_address(address: object) -> ConfigError:
    advice = ""
    if isinstance(address, str) and "://" in address:
        scheme, _, rest = address.partition("://")
        advice = f'; leave out {scheme}://, and write "{rest.partition("/")[0]}"'
    elif isinstance(address, str) and ":" not in address:
        advice = "; it has no port"
    elif callable(address):
        advice = "; to serve in front of an application call attach(app) first"
    elif isinstance(address, (tuple, list)) and len(address) == 2:
        advice = "; the host is text, the port a number from 0 to 65535"
    return ConfigError(
        f'address {address!r} is no port, (host, port), "host:port", "unix:/path" or '
        f'"systemd"'
        f"{advice}"
    )


def _bound(family: int, address: str | tuple[str, int], backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted sockets inherit it, which saves a system call for each.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            # "::" includes IPv4, whatever the system's default.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(backlog)
        sock.setblocking(False)
        undo.pop_all()
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
