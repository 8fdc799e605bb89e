"""Port: a UDP port, which one process has and others may wait for.

The kernel lets one socket have an address, so it decides which of several processes
serves WebTransport. The others ask again and again, and one of them has the port soon
after that process has ended, in whatever way.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import ExitStack

from sockio.errors import ConfigError
from sockio.httpd.listening_socket import (
    Address,
    host_and_port,
    shown,
    telling_address,
)
from sockio.runtime import logs
from sockio.runtime.clock import Clock, Timer

__all__ = ["RETRY", "Port"]

log = logs.get("engine.quic")

#: Seconds until a process that waits for a port asks again.
RETRY = 0.5
#: Asked of the kernel, which may give less.
_SOCKET_BUFFER = 4 << 20


class Port:
    """An address of UDP, and its socket while this process has it."""

    def __init__(self, address: Address) -> None:
        """Take note of an address.

        Raises:
            ConfigError: It is none.
        """
        if isinstance(address, str) and address.startswith("unix:"):
            raise ConfigError(
                f"{address!r}: WebTransport is UDP; give a host and a port"
            )
        host_and_port(address)
        self._wanted = address
        #: None: another process has it, or nobody.
        self.sock: socket.socket | None = None
        self._timer: Timer | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The interface and the port."""
        if self.sock is None:
            host, port = host_and_port(self._wanted)
            return host or "::", port
        host, port = self.sock.getsockname()[:2]
        return host, port

    def bind(self, *, patient: bool = False) -> None:
        """Take the port, unless this process has it.

        Args:
            patient: Whether it does no harm if another process has it.

        Raises:
            OSError: It cannot be bound.
        """
        if self.sock is not None:
            return
        try:
            with telling_address(self._wanted):
                self.sock = _bound(self._wanted)
        except OSError as exc:
            if not patient or exc.errno != errno.EADDRINUSE:
                raise

    def when_ours(self, clock: Clock, fn: Callable[[], object]) -> None:
        """Call ``fn`` once this process has the port; at once if it has it already.

        Args:
            clock: Says when to ask for it again.
        """
        if self.sock is None:
            log.info(
                "another process has the UDP port of %s; it is waited for",
                shown(self._wanted),
            )
            self._wait(clock, fn)
        else:
            fn()

    def _wait(self, clock: Clock, fn: Callable[[], object]) -> None:
        self._timer = clock.call_later(RETRY, self._ask, clock, fn)

    def _ask(self, clock: Clock, fn: Callable[[], object]) -> None:
        try:
            self.bind(patient=True)
        except OSError as exc:
            log.warning("WebTransport: %s", exc.strerror)
        if self.sock is None:
            self._wait(clock, fn)
        else:
            self._timer = None
            log.info("this process has the UDP port of %s now", shown(self._wanted))
            fn()

    def release(self) -> None:
        """Let others have the port; its number stays the same."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.sock is not None:
            host, _ = host_and_port(self._wanted)
            self._wanted = (host, self.address[1])
            self.sock.close()
            self.sock = None


def _bound(address: Address) -> socket.socket:
    host, port = host_and_port(address)
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return _socket(family, (host, port))
    try:
        return _socket(socket.AF_INET6, ("::", port))
    except OSError as exc:
        if exc.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        return _socket(socket.AF_INET, ("0.0.0.0", port))


def _socket(family: int, address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    with ExitStack() as undo:
        undo.callback(sock.close)
        if family == socket.AF_INET6:
            # "::" includes IPv4, whatever the system's default.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
        sock.bind(address)
        sock.setblocking(False)
        undo.pop_all()
    return sock
