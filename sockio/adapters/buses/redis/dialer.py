"""Dialer: sockets that are connected to a broker, gevent's or the library's own."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from .url import Address, Tls

__all__ = ["Dialer", "Left"]

#: Returns the seconds that are left; None: nobody counts them. It raises TimeoutError
#: if none are left.
Left = Callable[[], "float | None"]


class Dialer:
    """Makes sockets of one kind."""

    def __init__(self, sockets: Any, tls: Any) -> None:
        """Make a dialer.

        Args:
            sockets: ``gevent.socket`` or ``socket``.
            tls: ``gevent.ssl`` or ``ssl``.
        """
        self._sockets = sockets
        self._tls = tls

    def dial(self, address: Address, left: Left) -> Any:
        """Return a connected socket.

        Args:
            address: Of the broker.
            left: The time for that, except for the look-up of a name.

        Raises:
            OSError: It was not possible.

        Blocks:
            Until it is connected.
        """
        if address.path is not None:
            sock = self._connected(socket.AF_UNIX, address.path, left)
        else:
            sock = self._connected_by_name(address.host, address.port, left)
        with contextlib.ExitStack() as undo:
            undo.callback(sock.close)
            if address.path is None:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if address.tls is not None:
                sock = self._context(address.tls).wrap_socket(
                    sock, server_hostname=address.host, do_handshake_on_connect=False
                )
                # The descriptor is this one's now.
                undo.callback(sock.close)
                sock.settimeout(left())
                sock.do_handshake()
            undo.pop_all()
        return sock

    def hang_up(self, sock: Any) -> None:
        """End a connection for both sides; who reads or writes it gets an error."""
        with contextlib.suppress(OSError):
            # Below TLS, whose farewell would be waited for.
            self._sockets.socket.shutdown(sock, socket.SHUT_RDWR)

    def _connected_by_name(self, host: str, port: int, left: Left) -> Any:
        """Return a socket that is connected to the first address that answers."""
        error = OSError(f"{host} has no address")
        for found in self._sockets.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
            try:
                return self._connected(found[0], found[4], left)
            except OSError as exc:
                error = exc
        raise error

    def _connected(self, family: int, where: Any, left: Left) -> Any:
        """Return a connected socket; whatever ends the attempt, it is closed."""
        sock = self._sockets.socket(family, socket.SOCK_STREAM)
        with contextlib.ExitStack() as undo:
            undo.callback(sock.close)
            sock.settimeout(left())
            sock.connect(where)
            undo.pop_all()
        return sock

    def _context(self, tls: Tls) -> Any:
        """Return the context in which TLS is spoken; see ``Tls``."""
        context = self._tls.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = tls.required and tls.check_hostname
        context.verify_mode = ssl.CERT_REQUIRED if tls.required else ssl.CERT_NONE
        if tls.ca_certs is not None:
            context.load_verify_locations(tls.ca_certs)
        elif tls.required:
            context.load_default_certs()
        if tls.certfile is not None:
            context.load_cert_chain(tls.certfile, tls.keyfile)
        return context
