"""Acceptor: accepts the clients of a listening socket, and does TLS handshakes.

It hands on a client whose handshake is done. Until then a client costs no greenlet.

If the system has no descriptor left for a newcomer, one of the connections on which
nothing is asked makes room, or else one whose client waits for news. Newcomers wait in
the system's queue meanwhile. Where several processes share that queue, the others get
some time first: one of them may have room.
"""

from __future__ import annotations

import errno
import select
import sys
from _socket import socket as PlainSocket
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from logging import WARNING
from math import ceil
from typing import Any

from gevent import socket
from gevent.monkey import get_original
from gevent.server import StreamServer

from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.hangup import hang_up

from .owner import Place, Waiting
from .tls_handshake import TlsHandshake

__all__ = ["Acceptor", "NoRoom"]

log = logs.get("engine.http")

#: What ``accept`` says if the process or the system has too little for one more client.
_NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: Where Linux tells how many wait on a listening socket, ``tcpi_unacked``.
_QUEUED = slice(24, 28)
#: Makes poll objects; None: not on this system. gevent's would let others run.
_Poll: Any = get_original("select", "poll") if hasattr(select, "poll") else None
#: A pause: how often it is looked whether somebody still waits, and after how many
#: seconds each time.
_LOOKS, _LOOK = 5, 0.02
#: Most clients that are accepted at once after a pause, as many as gevent accepts.
_MOST = 100


class NoRoom(Exception):
    """Nobody can be accepted."""

    def __init__(
        self,
        why: str,
        advice: str,
        code: str,
        *,
        over: int = 0,
        holders: Iterable[Waiting] = (),
    ) -> None:
        """Say ``why``.

        Args:
            why: What is missing.
            advice: What the operator can raise, and where.
            code: That of the log line.
            over: How many connections there are above the limit.
            holders: Who can give way, besides connections.
        """
        super().__init__(why)
        self.why = why
        self.advice = advice
        self.code = code
        self.over = over
        self.holders = holders


class Acceptor(StreamServer):  # type: ignore[misc]
    """gevent's accepting loop, without a greenlet for each client."""

    def __init__(
        self,
        listener: Any,
        take: Callable[..., object],
        place: Place,
        ssl_context: Any = None,
        *,
        processes: int = 1,
    ) -> None:
        """Accept from ``listener`` from ``start`` on.

        Args:
            listener: A bound socket.
            take: Called in the hub with each socket, which does not block, its client's
                address, and ``tls``.
            place: Where the clients are served; it keeps the handshakes under way.
            ssl_context: A context of gevent's; None: no TLS.
            processes: How many accept from ``listener``.
        """
        super().__init__(listener, self.do_handle)
        self._take = take
        self._place = place
        self._ssl_context = ssl_context
        self._processes = processes
        #: Ends a pause. If a connection leaves meanwhile, accepting is tried again; the
        #: pause goes on if somebody still waits.
        self._pause: Timer | None = None
        place.on_room(self._on_room)

    def do_read(self) -> tuple[Any, Any] | None:
        return self._next(at_once=self._processes == 1)

    def _next(self, *, at_once: bool) -> tuple[Any, Any] | None:
        """Accept a client; begin a pause if there is no room for it.

        Args:
            at_once: Whether connections are to make room for it now.
        """
        try:
            descriptor, address = self._accept_or_make_room(at_once)
        except BlockingIOError:
            return None
        except NoRoom:
            super().stop_accepting()
            if self._pause is None:
                self._wait(_LOOKS)
            return None
        if self._pause is not None and not self._somebody_waits():
            self._end_pause()
        sock = PlainSocket(self.family, socket.SOCK_STREAM, 0, descriptor)
        sock.setblocking(False)
        return sock, address

    def _accept_or_make_room(self, at_once: bool) -> tuple[int, Any]:
        try:
            return self.accept()
        except NoRoom as exc:
            if not self._somebody_waits():
                raise BlockingIOError from None  # ``accept`` could not say so
            if not at_once:
                raise
            self._make_room(exc)
        return self.accept()

    def accept(self) -> tuple[int, Any]:
        """Return the descriptor and the address of the next client.

        Raises:
            BlockingIOError: Nobody waits.
            NoRoom: Nobody can be accepted, whether somebody waits or not.
        """
        try:
            return self.socket._accept()  # type: ignore[no-any-return]
        except OSError as exc:
            if exc.errno not in _NO_ROOM:
                raise
            raise NoRoom(
                str(exc.strerror),
                "the limit: ulimit -n, LimitNOFILE=",
                "no-descriptors",
                holders=self._place.holders,
            ) from exc

    def _make_room(self, lack: NoRoom) -> None:
        """Have room made for those who wait, now or soon."""
        log.log(
            self._place.repeats.level(log, WARNING, lack.code),
            "no room for another client: %s; it waits, or the connection that has been "
            "idle for longest ends. Raise %s, see docs/deployment.rst; code=%s",
            lack.why,
            lack.advice,
            lack.code,
        )
        newcomers = self._newcomers()
        if newcomers is not None:
            newcomers = ceil(newcomers / self._processes)
        self._place.make_room(newcomers, lack.over, lack.holders)

    def _somebody_waits(self) -> bool:
        if _Poll is None:
            return True
        poll = _Poll()
        poll.register(self.socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _newcomers(self) -> int | None:
        """Return how many clients wait; None: the system does not tell."""
        if sys.platform != "linux" or self.family == socket.AF_UNIX:
            return None
        level, option = socket.IPPROTO_TCP, socket.TCP_INFO
        try:
            info = self.socket.getsockopt(level, option, _QUEUED.stop)
        except OSError:
            return None  # not all that runs Linux's programs is Linux
        return int.from_bytes(info[_QUEUED], sys.byteorder) or None

    def _wait(self, looks: int) -> None:
        self._pause = self._place.clock.call_later(_LOOK, self._look, looks - 1)

    def _look(self, looks: int) -> None:
        """Go on if nobody waits any more, or somebody has waited for the whole pause.

        Args:
            looks: How many follow.
        """
        self._pause = None
        waits = self._somebody_waits()
        if waits and looks:
            self._wait(looks)
            return
        self._start_accepting_if_started()
        if waits:
            self._accept_those_left()

    def _accept_those_left(self) -> None:
        """Accept those whom no other process has taken."""
        for _ in range(_MOST):
            client = self._next(at_once=True)
            if client is None:
                break
            self.do_handle(*client)

    def _on_room(self) -> None:
        if self._pause is not None:
            self._start_accepting_if_started()

    def stop_accepting(self) -> None:
        self._end_pause()
        super().stop_accepting()

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

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
