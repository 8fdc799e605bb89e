"""Census: how many servers listen in each namespace, and whether all are back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sockio.adapters.buses.reconnecting import LONGEST_PAUSE

from .connection import Refused
from .link import Link

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

__all__ = ["Census"]

#: Seconds for which messages are held after an outage: the longest pause between two
#: attempts to connect, and a second to connect.
HOLD = LONGEST_PAUSE + 1
#: Seconds between two counts meanwhile.
BETWEEN = 0.05


class Census:
    """The numbers of servers, as counted last."""

    def __init__(self, link: Link, question: str) -> None:
        """Make one that knows nothing yet.

        Args:
            link: The way to the broker.
            question: Behind ``PUBSUB``, what asks for the number of subscribers.
        """
        self._link = link
        self._question = question
        #: By common channel; this server is one of them.
        self._servers: dict[bytes, int] = {}
        #: For which connection of the link all servers were waited for.
        self._complete = 0

    def note(self, channel: bytes, servers: int) -> None:
        """Take what the broker has answered to another's question."""
        self._servers[channel] = servers

    def keep(self, reactor: Reactor, channels: Iterable[bytes]) -> None:
        """Count the servers if that is due; after an outage, wait for them.

        Redis gives a message to those who are connected. After an outage the other
        servers come back some moments before or after this one. So this returns when
        as many listen on each channel as before the outage, and after ``HOLD`` seconds
        in any case.

        Blocks:
            Until then, or until the link is down.
        """
        link, names = self._link, list(channels)
        if link.connections != self._complete:
            self._wait_for_all(reactor, names)
        elif link.due:
            link.ping()
            now = self._count(names)
            if link.up:
                self._servers = now

    def _wait_for_all(self, reactor: Reactor, names: list[bytes]) -> None:
        number, before = self._link.connections, self._servers
        late = reactor.clock.now() + HOLD
        now = self._count(names)
        while self._link.up and reactor.clock.now() < late:
            if all(now.get(name, 0) >= before.get(name, 0) for name in names):
                break
            with contextlib.suppress(TimeoutError):
                reactor.latch().wait(BETWEEN)
            self._link.ping()
            now = self._count(names)
        if self._link.up and self._link.connections == number:
            self._servers, self._complete = now, number

    def _count(self, names: list[bytes]) -> dict[bytes, int]:
        """Ask how many servers listen; nothing is known if the broker refuses."""
        (answer,) = self._link.exchange([("PUBSUB", self._question, *names)])
        if answer is None or isinstance(answer, Refused):
            return {}
        numbers = iter(answer)
        return {name: int(n) for name, n in zip(numbers, numbers, strict=True)}
