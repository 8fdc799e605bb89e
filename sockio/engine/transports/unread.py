"""Unread: the answer to a poll that its client may not have taken yet.

A large answer that nobody reads fills the kernel's buffer, and the greenlet that sends
it would wait for as long as the client likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from socket import SHUT_RDWR, socket

from sockio.engine.http.client_socket import find
from sockio.engine.http.request import Request

__all__ = ["Unread"]

#: Bytes of an answer that any kernel takes at once.
SOON_SENT = 16384


class Unread:
    """The latest answer of one session, as long as it is being sent."""

    __slots__ = ("_cut",)

    def __init__(self) -> None:
        #: Ends its connection.
        self._cut: Callable[[], object] | None = None

    def sending(self, cut: Callable[[], object]) -> None:
        """Note that an answer is being sent; ``cut`` ends its connection meanwhile."""
        self._cut = cut

    def follow(self, request: Request, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return the body of an answer as the WSGI server is to get it."""
        parts = list(body)
        if sum(map(len, parts)) <= SOON_SENT:
            return parts
        sock = find(request.environ)
        if sock is not None:
            self._cut = partial(_shut, sock)
        return _Followed(parts, self)

    def arrived(self) -> None:
        """Forget the answer: it is sent, or the client has asked for the next one."""
        self._cut = None

    def give_up(self) -> None:
        """End the connection of the answer: the client will take nothing more."""
        cut, self._cut = self._cut, None
        if cut is not None:
            cut()


class _Followed(list[bytes]):
    """The body of an answer, which tells when the WSGI server is done with it."""

    def __init__(self, parts: list[bytes], unread: Unread) -> None:
        super().__init__(parts)
        self._unread = unread

    def close(self) -> None:
        self._unread.arrived()


def _shut(sock: socket) -> None:
    with suppress(OSError):
        # Beneath gevent's socket and TLS; this wakes the greenlet that writes.
        getattr(sock, "_sock", sock).shutdown(SHUT_RDWR)
