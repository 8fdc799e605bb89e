"""Passed sockets: those that systemd has opened for this process (LISTEN_FDS).

The address of one is ``"systemd"``, or ``"systemd:NAME"`` if there are several.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import ExitStack

from sockio.errors import ConfigError

__all__ = ["PASSED", "PassedSockets", "name_in"]

#: The first descriptor that is passed.
FIRST = 3
#: More of them are not believed.
MOST = 1000
#: What an address begins with.
SCHEME = "systemd"
#: Address families of sockets that a web server can use; not all systems have the last.
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_FAMILIES = (*_INTERNET, getattr(socket, "AF_UNIX", -1))


def name_in(address: object) -> str | None:
    """Return the name in ``"systemd:NAME"``, which may be empty; None: there is none.

    ``"systemd"`` has an empty one.
    """
    if not isinstance(address, str):
        return None
    scheme, _, name = address.partition(":")
    return name if scheme == SCHEME else None


class PassedSockets:
    """What a process was started with; its forked children have it, too."""

    def __init__(self, environ: MutableMapping[str, str], first: int = FIRST) -> None:
        """Look into ``environ`` when somebody asks for a socket."""
        self._environ = environ
        self._first = first
        #: The descriptors by name; None: nobody has looked yet.
        self._named: dict[str, list[int]] | None = None
        #: Why there is none.
        self._because = ""

    def take(self, name: str) -> socket.socket:
        """Return a passed socket, which listens and does not block.

        It may be taken again. The variables of the environment are removed, since they
        do not concern the programs that this one starts.

        Args:
            name: Its ``FileDescriptorName``; "" if there is only one.

        Raises:
            ConfigError: There is none, or more than one; or it is no socket that a web
                server can use.
        """
        if self._named is None:
            self._named = self._look()
        found = self._found(self._named, name)
        with ExitStack() as undo:
            sock = undo.enter_context(socket.socket(fileno=os.dup(found)))
            _check(sock, found)
            if sock.family in _INTERNET:
                # Accepted sockets inherit it, which saves a system call for each.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            undo.pop_all()
        return sock

    def _look(self) -> dict[str, list[int]]:
        pid, count, names = (
            self._environ.pop(f"LISTEN_{each}", "")
            for each in ("PID", "FDS", "FDNAMES")
        )
        if not count:
            self._because = "LISTEN_FDS is not set; start the program by a socket unit"
        elif pid != str(os.getpid()):
            self._because = (
                "LISTEN_PID is another process; let the unit start this program "
                "itself, not through a shell"
            )
        elif not (count.isascii() and count.isdigit() and 0 < int(count[:9]) <= MOST):
            self._because = f"LISTEN_FDS={count[:20]!r} is no number of sockets"
        else:
            return self._numbered(int(count), names)
        return {}

    def _numbered(self, count: int, names: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        named = names.split(":")
        if len(named) != count:
            named = ["unknown"] * count
        for descriptor, name in enumerate(named, self._first):
            os.set_inheritable(descriptor, False)
            found.setdefault(name or "unknown", []).append(descriptor)
        return found

    def _found(self, named: dict[str, list[int]], name: str) -> int:
        if name:
            descriptors = named.get(name, [])
        else:
            descriptors = [each for several in named.values() for each in several]
        if len(descriptors) == 1:
            return descriptors[0]
        what = f"{SCHEME}:{name}" if name else SCHEME
        if not named:
            raise ConfigError(f"{what}: systemd has passed no socket: {self._because}")
        there = ", ".join(f"{SCHEME}:{key}" for key in named)
        if not descriptors:
            raise ConfigError(
                f"{what}: systemd has passed no socket of that name; there is {there}"
            )
        raise ConfigError(
            f"{what}: systemd has passed {len(descriptors)} sockets; give each a "
            "socket unit of its own with FileDescriptorName=, and name one: there is "
            f"{there}"
        )


def _check(sock: socket.socket, descriptor: int) -> None:
    """Check that a web server can use a socket.

    Raises:
        ConfigError: It cannot.
    """
    if sock.type != socket.SOCK_STREAM or sock.family not in _FAMILIES:
        raise ConfigError(
            f"descriptor {descriptor} from systemd is no stream of TCP or Unix: use "
            "ListenStream="
        )
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ConfigError(
            f"descriptor {descriptor} from systemd is a connection: use Accept=no"
        )


#: Those of this process.
PASSED = PassedSockets(os.environ)
