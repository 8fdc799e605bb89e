"""Transfer: WebTransport streams go to the siblings that have their sessions.

One process of a host has the UDP port. A client may upgrade a session of another one:
what it sends then goes there through a pair of sockets, with all that was read so far.
"""

from __future__ import annotations

from _socket import socket as PlainSocket
from _socket import socketpair
from collections.abc import Callable
from typing import Any

from sockio.runtime import logs
from sockio.runtime.ids import tag_of
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import Link
from sockio.siblings.siblings import Siblings

from .arrivals import Arrivals
from .carried import CarriedStream, Carrier, Session
from .packets import Passed
from .way import STREAMS, Ways

__all__ = ["Transfer"]

log = logs.get("engine.handover")


class Transfer:
    """The streams that one process carries for its siblings, and they for it."""

    def __init__(
        self,
        siblings: Siblings,
        reactor: Reactor,
        take: Callable[[CarriedStream], object],
    ) -> None:
        """Carry streams from now on; call it before the siblings open.

        Args:
            take: Reads a stream which a sibling carries, from its first packet on.
        """
        self._siblings = siblings
        self._reactor = reactor
        self._take = take
        self._ways = Ways(siblings, reactor, STREAMS)
        siblings.welcome(STREAMS, self._welcome)

    def _welcome(self, link: Link, tag: str) -> None:
        Arrivals(link, tag, self._reactor, lambda: self)

    def is_foreign(self, sid: str) -> bool:
        """Whether a sid names another process."""
        return tag_of(sid) not in ("", self._siblings.tag)

    def carry(self, sid: str, session: Session, early: bytes) -> None:
        """Carry the stream of a session to the process that a sid names.

        If that process has gone, or does not take it, the session ends.

        Args:
            early: What was read of the stream.
        """
        try:
            way = self._ways.to(tag_of(sid))
        except OSError as exc:
            log.debug("a stream cannot be carried: %s", exc)
            session.close(discard=True)
            return
        here, there = socketpair()
        for end in (here, there):
            end.setblocking(False)
        Carrier(session, here, self._reactor.batch)
        # It counts as answered, since no answer of HTTP belongs into a stream.
        way.pass_on(Passed(None, None, early, answered=1), there, int)

    def take(self, sock: PlainSocket, address: Any, early: bytes, **_: Any) -> bool:
        """Take a stream that a sibling carries; see ``Receiver``."""
        self._take(CarriedStream(sock, early, self._reactor.batch))
        return True

    def close(self) -> None:
        """Give up what was not confirmed."""
        self._ways.close()
