"""Acceptor: accepts the clients of a listening socket, and does TLS handshakes.

It hands on a client whose handshake is done. Until then a client costs no greenlet.

If the system has no descriptor left for a newcomer, one of the connections on which
nothing is asked makes room, or else one whose client waits for news. Newcomers wait in
the system's queue meanwhile.
"""

from __future__ import annotations

import errno
import select
import sys
from _socket import socket as PlainSocket
from collections.abc import Callable
from contextlib import ExitStack
from logging import WARNING
from typing import Any

from gevent import socket
from gevent.monkey import get_original
from gevent.server import StreamServer

from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.hangup import hang_up

from .owner import Place
from .tls_handshake import TlsHandshake

__all__ = ["Acceptor"]

log = logs.get("engine.http")

#: What ``accept`` says if the process or the system has too little for one more client.
_NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: Where Linux tells how many wait on a listening socket, ``tcpi_unacked``.
_QUEUED = slice(24, 28)
#: Makes poll objects; None: not on this system. gevent's would let others run.
_Poll: Any = get_original("select", "poll") if hasattr(select, "poll") else None
#: Seconds until it is tried again if nobody has made room meanwhile.
_PAUSE = 0.1


class Acceptor(StreamServer):  # type: ignore[misc]
    """gevent's accepting loop, without a greenlet for each client."""

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
        #: Ends a pause in which nobody is accepted; so does a connection that leaves.
        self._pause: Timer | None = None
        #: Whether somebody has waited until a pause was over.
        self.waited = False
        place.on_room = self._go_on

    def do_read(self) -> tuple[Any, Any] | None:
        try:
            descriptor, address = self.accept()
        except BlockingIOError:
            return None
        except OSError as exc:
            if exc.errno not in _NO_ROOM:
                raise
            self.stop_accepting()
            self._pause = self._place.clock.call_later(_PAUSE, self._on_pause_over)
            return None
        sock = PlainSocket(self.family, socket.SOCK_STREAM, 0, descriptor)
        sock.setblocking(False)
        return sock, address

    def accept(self) -> tuple[int, Any]:
        """Return the descriptor and the address of the next client.

        Raises:
            BlockingIOError: Nobody waits.
            OSError: There is no room.
        """
        try:
            return self.socket._accept()  # type: ignore[no-any-return]
        except OSError as exc:
            if exc.errno not in _NO_ROOM:
                raise
            newcomers = self.newcomers(
                str(exc.strerror),
                "the limit: ulimit -n, LimitNOFILE=",
                "no-descriptors",
            )
            if not self._place.make_room(newcomers, self._place.holders):
                raise
        return self.socket._accept()  # type: ignore[no-any-return]

    def newcomers(self, why: str, advice: str, code: str) -> int:
        """Return how many clients wait, one at least; log once a minute why they do.

        Args:
            why: What is missing.
            advice: What the operator can raise, and where.

        Raises:
            BlockingIOError: Nobody waits.
        """
        count = self._queued()
        if not count:
            raise BlockingIOError  # without a descriptor, ``accept`` does not say so
        log.log(
            self._place.repeats.level(log, WARNING, code),
            "no room for another client: %s; it waits, or the connection that has been "
            "idle for longest ends. Raise %s, see docs/deployment.rst; code=%s",
            why,
            advice,
            code,
        )
        return count

    def _queued(self) -> int:
        """Return how many clients wait; 1 stands for any number if nobody tells."""
        if _Poll is not None:
            poll = _Poll()
            poll.register(self.socket.fileno(), select.POLLIN)
            if not poll.poll(0):
                return 0
        count = 1
        if sys.platform == "linux" and self.family != socket.AF_UNIX:
            level, option = socket.IPPROTO_TCP, socket.TCP_INFO
            info = self.socket.getsockopt(level, option, _QUEUED.stop)
            count = max(count, int.from_bytes(info[_QUEUED], sys.byteorder))
        return count

    def _on_pause_over(self) -> None:
        self.waited = self._queued() > 0
        self._go_on()

    def _go_on(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
            self._start_accepting_if_started()

    def stop_accepting(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        super().stop_accepting()

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
