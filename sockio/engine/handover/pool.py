"""Pool: the connections to other nodes, kept for the next request.

A connection belongs to the node, and there to the worker, that has answered on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from socket import MSG_PEEK
from typing import Any, NamedTuple

import gevent

from sockio.runtime.clock import Timer
from sockio.runtime.dialing import connect_by_name
from sockio.runtime.hangup import hang_up
from sockio.runtime.reactor import Reactor

__all__ = ["Full", "Pool"]

#: Seconds for connecting to a node.
CONNECT = 2.0
#: Seconds for which a connection is kept: fewer than any server keeps it.
KEPT = 1.0
#: Most connections that are kept, and most that are used at a time.
MOST_KEPT, MOST = 1024, 10_000


class Full(OSError):
    """There are too many connections already."""


class _Late(BaseException):
    """Connecting takes too long; below it, an OSError may be taken for another one."""


class _Kept(NamedTuple):
    sock: Any
    #: Until when, by the clock.
    until: float


class Pool:
    """The connections of one process, by the tags of the nodes."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        #: The ones used last are at the right.
        self._kept: dict[str, deque[_Kept]] = {}
        self.kept = 0
        self._used: set[Any] = set()
        self._connecting = 0
        self._timer: Timer | None = None
        self._closed = False

    @property
    def used(self) -> int:
        """Connections that requests are using, or wait for."""
        return len(self._used) + self._connecting

    def take(self, tag: str, address: tuple[str, int]) -> Any:
        """Return a connection to a node.

        Raises:
            ConnectionRefusedError: Nobody is there.
            Full: Too many are used.
            OSError: It cannot be reached.

        Blocks:
            Until it is connected.
        """
        kept = self._kept.get(tag)
        while kept:
            sock = kept.pop().sock
            self.kept -= 1
            if _is_quiet(sock):
                sock.settimeout(None)
                break
            hang_up(sock)
        else:
            if self.used >= MOST or self._closed:
                raise Full("too many requests for other nodes")
            sock = self._connect(address)
            if self._closed:
                hang_up(sock)
                raise Full("this node has ended")
        self._used.add(sock)
        return sock

    def _connect(self, address: tuple[str, int]) -> Any:
        over = False
        caller = gevent.getcurrent()

        def give_up() -> None:
            if not over:
                caller.throw(_Late)

        # A greenlet may be thrown something only in the hub.
        soon = self._reactor.soon
        deadline = self._reactor.clock.call_later(CONNECT, soon, give_up)
        self._connecting += 1
        try:
            return connect_by_name(*address)
        except _Late:
            raise TimeoutError(f"no connection in {CONNECT:g} s") from None
        finally:
            over = True
            self._connecting -= 1
            deadline.cancel()

    def put_back(self, tag: str, sock: Any, reusable: bool) -> None:
        """Keep a connection that is not used any more, or end it."""
        self._used.discard(sock)
        if not reusable or self._closed or self.kept >= MOST_KEPT:
            hang_up(sock)
            return
        clock = self._reactor.clock
        kept = self._kept.setdefault(tag, deque())
        kept.append(_Kept(sock, clock.now() + KEPT))
        self.kept += 1
        if self._timer is None:
            self._timer = clock.call_later(KEPT, self._end_old)

    def _end_old(self) -> None:
        self._timer = None
        now = self._reactor.clock.now()
        self._end(lambda one: one.until <= now)
        if self.kept:
            self._timer = self._reactor.clock.call_later(KEPT / 2, self._end_old)

    def _end(self, which: Callable[[_Kept], bool]) -> None:
        for tag, kept in list(self._kept.items()):
            while kept and which(kept[0]):
                hang_up(kept.popleft().sock)
                self.kept -= 1
            if not kept:
                del self._kept[tag]

    def close(self) -> None:
        """End all connections; whoever uses one gets an error."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._end(lambda one: True)
        for sock in list(self._used):
            hang_up(sock)


def _is_quiet(sock: Any) -> bool:
    """Whether a connection is there, and nothing has come that nobody asked for."""
    with suppress(OSError):
        try:
            sock._sock.recv(1, MSG_PEEK)
        except BlockingIOError:
            return True
    return False
