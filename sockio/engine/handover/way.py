"""Way: the link on which requests go to one sibling, and what it has not confirmed.

Until the sibling confirms a request, the connection stays open here, too: if the
sibling dies meanwhile, the client gets an answer from us.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from sockio.runtime.clock import Timer
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import PATIENCE, Link
from sockio.siblings.siblings import Siblings

__all__ = ["KIND", "Way"]

#: The kind of the links.
KIND = "requests"
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
    ) -> None:
        """Connect to the sibling ``tag``.

        Args:
            on_end: Called once, in the hub, when nothing more can go there.

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
            KIND,
            most=_MOST,
            on_packet=self._on_packet,
            on_end=self._on_link_end,
            # That no request is confirmed is noticed before.
            patience=2 * PATIENCE,
        )

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
