"""Arrivals: requests that siblings hand over, for sessions of this process.

Each is confirmed as soon as it is read, then this process's WSGI server takes its
connection, as if it had accepted it.
"""

from __future__ import annotations

import os
from _socket import socket as PlainSocket
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from sockio.runtime import logs
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import CLOSING
from sockio.siblings.link import Link

from .packets import unpack
from .receivers import Receiver
from .refusals import UNAVAILABLE, refuse, tell

__all__ = ["Arrivals"]

log = logs.get("engine.handover")


class Arrivals:
    """What comes on the link of one sibling."""

    def __init__(
        self,
        link: Link,
        tag: str,
        reactor: Reactor,
        receiver: Callable[[], Receiver],
    ) -> None:
        """Read what the sibling ``tag`` sends.

        Args:
            receiver: Returns the WSGI server of this process.
        """
        self._link = link
        self._tag = tag
        self._reactor = reactor
        self._receiver = receiver
        #: Requests that were read and not confirmed.
        self._unconfirmed = 0
        link.on_packet = self._on_packet
        link.on_end = self._on_end

    def _on_packet(self, data: bytes, descriptors: Sequence[int]) -> None:
        with ExitStack() as undo:
            # The link ends. The sibling still has the connection, and answers.
            undo.callback(_close_all, descriptors)
            undo.callback(self._confirm)
            if not descriptors:
                raise ValueError("a request without a connection")
            connection, *files = descriptors
            passed = unpack(data, files)
            undo.pop_all()
        _close_all(files)
        if not self._unconfirmed:
            self._reactor.soon(self._confirm)
        self._unconfirmed += 1
        sock = PlainSocket(fileno=connection)
        sock.setblocking(False)
        if not self._receiver().take(
            sock,
            passed.address,
            passed.early,
            listener=passed.listener,
            skip=passed.answered,
            own_line=not passed.proxied,
        ):
            log.debug("a request of the sibling %s came too late", self._tag)
            tell(self._reactor.repeats, CLOSING, "this process")
            refuse(sock, UNAVAILABLE, begun=bool(passed.answered))

    def _confirm(self) -> None:
        count, self._unconfirmed = self._unconfirmed, 0
        if count:
            self._link.send(b"%d" % count)

    def _on_end(self, why: str) -> None:
        log.debug("the link of the sibling %s has ended: %s", self._tag, why)


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
