"""Acceptor: accepts the clients of a listening socket, and does TLS handshakes.

It hands on a client whose handshake is done. Until then a client costs no greenlet.
"""

from __future__ import annotations

from _socket import socket as PlainSocket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from gevent import socket
from gevent.server import StreamServer

from sockio.runtime.hangup import hang_up

from .owner import Place
from .tls_handshake import TlsHandshake

__all__ = ["Acceptor"]


class Acceptor(StreamServer):  # type: ignore[misc]
    """gevent's accepting loop, without a greenlet for each client.

    If the system has no descriptors left, gevent makes the pauses between tries longer
    and longer.
    """

    def __init__(
        self,
        listener: Any,
        take: Callable[..., object],
        place: Place,
        ssl_context: Any = None,
    ) -> None:
        """Accept from ``listener`` from ``start`` on.

        Args:
            listener: A bound socket.
            take: Called in the hub with each socket, which does not block, its client's
                address, and ``tls``.
            place: Where the clients are served; it keeps the handshakes under way.
            ssl_context: A context of gevent's; None: no TLS.
        """
        super().__init__(listener, self.do_handle)
        self._take = take
        self._place = place
        self._ssl_context = ssl_context

    def do_read(self) -> tuple[Any, Any] | None:
        try:
            descriptor, address = self.socket._accept()
        except BlockingIOError:
            return None
        sock = PlainSocket(self.family, socket.SOCK_STREAM, 0, descriptor)
        sock.setblocking(False)
        return sock, address

    def do_handle(self, sock: Any, address: Any) -> None:
        if self._ssl_context is None:
            self._take(sock, address)
        else:
            TlsHandshake(sock, address, self._place, self._secure, self._secured)

    def _secure(self, sock: Any) -> Any:
        plain = socket.socket(self.family, socket.SOCK_STREAM, 0, sock.detach())
        plain.setblocking(False)
        with ExitStack() as undo:
            undo.callback(hang_up, plain)
            secure = self._ssl_context.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False
            )
            undo.pop_all()
        return secure

    def _secured(self, secured: Any, address: Any) -> None:
        self._take(secured, address, tls=True)
