"""Way: the link on which connections go to one sibling, and what it has not confirmed.

Until the sibling confirms a request, the connection stays open here, too: if the
sibling dies meanwhile, the client gets an answer from us.
"""

from __future__ import annotations

import errno
import os
from _socket import socket as PlainSocket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from logging import WARNING
from typing import NamedTuple

from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import PROCESS_GONE, PROCESS_UNREACHABLE
from sockio.siblings.link import PATIENCE, Link
from sockio.siblings.siblings import Siblings

from .packets import Passed, pack
from .refusals import UNAVAILABLE, UNKNOWN, refuse, tell
from .resting import Resting

__all__ = ["KIND", "STREAMS", "Way", "Ways"]

log = logs.get("engine.handover")

#: The kinds of the links: for requests, and for the streams of WebTransport sessions.
KIND, STREAMS = "requests", "webtransport"
#: Most bytes that may wait until the kernel takes them.
_MOST = 8 << 20


class _Given(NamedTuple):
    """A request that the sibling has not confirmed."""

    #: When it was given, on the clock.
    since: float
    arrived: Callable[[], object]
    lost: Callable[[], object]


class Way:
    """The way to one sibling; it exists until its link ends."""

    def __init__(
        self,
        siblings: Siblings,
        tag: str,
        reactor: Reactor,
        on_end: Callable[[Way], object],
        kind: str = KIND,
    ) -> None:
        """Connect to the sibling ``tag``.

        Args:
            on_end: Called once, in the hub, when nothing more can go there.
            kind: Of the link.

        Raises:
            OSError: See ``Siblings.connect``.
        """
        self.tag = tag
        self._reactor = reactor
        self._on_end = on_end
        #: Whether the sibling has not confirmed a request in time.
        self.hangs = False
        #: Whether it has ended the link: it has gone, with its sessions.
        self.gone = False
        self._given: deque[_Given] = deque()
        self._deadline: Timer | None = None
        self._link: Link = siblings.connect(
            tag,
            kind,
            most=_MOST,
            on_packet=self._on_packet,
            on_end=self._on_link_end,
            # That no request is confirmed is noticed before.
            patience=2 * PATIENCE,
        )

    def pass_on(
        self,
        passed: Passed,
        sock: PlainSocket,
        on_lost: Callable[[], object],
    ) -> None:
        """Give a connection away; our copy of it ends without a shutdown.

        If the sibling does not get it, the client is refused.

        Args:
            sock: Does not block, and is this call's to close.
            on_lost: Called then.
        """
        file = None

        def arrived() -> None:
            sock.close()
            if file is not None:
                os.close(file)

        def lost() -> None:
            on_lost()
            cause = PROCESS_GONE if self.gone else PROCESS_UNREACHABLE
            tell(self._reactor.repeats, cause, self.tag)
            answer = UNKNOWN if self.gone else UNAVAILABLE
            refuse(sock, answer, begun=passed.answered > 0)
            if file is not None:
                os.close(file)

        try:
            packet, file = pack(passed)
        except OSError as exc:
            level = self._reactor.repeats.level(log, WARNING, "handover-failed")
            log.log(level, "a request cannot be handed over: %s", exc.strerror)
            lost()
            return
        descriptors = [sock.fileno()] if file is None else [sock.fileno(), file]
        self.give(packet, descriptors, arrived, lost)

    def give(
        self,
        packet: bytes,
        descriptors: Sequence[int],
        arrived: Callable[[], object],
        lost: Callable[[], object],
    ) -> None:
        """Send a request; never blocks.

        Args:
            packet: Made by ``pack``.
            descriptors: The connection's, and perhaps the file's. They stay open until
                one of the calls is made.
            arrived: Called in the hub when the sibling has the request.
            lost: Called instead if it never will.
        """
        if not self._link.send(packet, descriptors):
            lost()
            return
        self._given.append(_Given(self._reactor.clock.now(), arrived, lost))
        if self._deadline is None:
            self._wait(PATIENCE)

    @property
    def owed(self) -> bool:
        """Whether something was not confirmed yet."""
        return bool(self._given)

    def close(self) -> None:
        """Give up what was not confirmed, and end."""
        self._link.close()
        self._end()

    def _on_packet(self, data: bytes, descriptors: Sequence[int]) -> None:
        """Take the confirmation of some requests."""
        for _ in range(min(int(data), len(self._given))):
            self._given.popleft().arrived()
        if not self._given and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _wait(self, seconds: float) -> None:
        self._deadline = self._reactor.clock.call_later(seconds, self._on_deadline)

    def _on_deadline(self) -> None:
        self._deadline = None
        if not self._given:
            return
        left = self._given[0].since + PATIENCE - self._reactor.clock.now()
        if left > 0.001:
            self._wait(left)
        else:
            self.hangs = True
            self.close()

    def _on_link_end(self, why: str) -> None:
        self.gone = True
        self._end()

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        given, self._given = self._given, deque()
        self._on_end(self)
        for one in given:
            with suppress(OSError):
                one.lost()


class Ways:
    """The ways of one kind, by the tags of the siblings to which they lead."""

    def __init__(self, siblings: Siblings, reactor: Reactor, kind: str = KIND) -> None:
        self._siblings = siblings
        self._reactor = reactor
        self._kind = kind
        self._ways: dict[str, Way] = {}
        #: Siblings that hang.
        self._resting = Resting(reactor.clock)

    def to(self, tag: str) -> Way:
        """Return the way to a sibling.

        Raises:
            OSError: See ``Siblings.connect``; BlockingIOError if it hangs.
        """
        if tag in self._resting:
            raise BlockingIOError(errno.EAGAIN, "it hangs")
        way = self._ways.get(tag)
        if way is None:
            try:
                way = Way(self._siblings, tag, self._reactor, self._on_end, self._kind)
            except BlockingIOError:
                log.warning("the sibling %s accepts nobody", tag)
                self._resting.add(tag)
                raise
            self._ways[tag] = way
        return way

    def _on_end(self, way: Way) -> None:
        if self._ways.get(way.tag) is way:
            del self._ways[way.tag]
        if way.hangs:
            log.warning("the sibling %s does not answer", way.tag)
            self._resting.add(way.tag)

    @property
    def owed(self) -> bool:
        """Whether a sibling has not confirmed something yet."""
        return any(way.owed for way in self._ways.values())

    def close(self) -> None:
        """Give up what was not confirmed."""
        for way in list(self._ways.values()):
            way.close()
