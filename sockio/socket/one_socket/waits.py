"""Waits: the calls of a socket that wait for an event of its client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sockio.runtime.event_names import EventName
from sockio.runtime.reactor import Reactor

from .incoming import Incoming
from .waiting import Waiting


class Waits:
    """The part of a socket that waits for events."""

    __slots__ = ()

    reactor: Reactor
    incoming: Incoming

    def wait_for(
        self, event: EventName, timeout: float | None = None
    ) -> tuple[Any, ...]:
        """Take the next event of that name, also inside a handler.

        Ordinary listeners do not get it. If the client asked for an acknowledgement,
        the ack function is the last item.

        Raises:
            TimeoutError: None came within ``timeout`` seconds.
            Disconnected: The socket went away.

        Blocks:
            Until the event comes or one of these happens.
        """
        incoming = self.incoming
        return self._waiting().wait(event, timeout, incoming.gate().let_in)

    def stream(self, event: EventName, maxsize: int = 0) -> Iterator[tuple[Any, ...]]:
        """Take every event of that name, one after the other, from now on.

        Where several greenlets iterate over one stream, each event goes to one of them.

        Args:
            event: Its name.
            maxsize: Most events that may wait to be taken; beyond that, the oldest are
                dropped. 0: any number.

        Raises:
            Disconnected: The socket went away.

        Blocks:
            Each step, until an event comes.
        """
        incoming = self.incoming
        return self._waiting().stream(event, maxsize, incoming.gate().let_in)

    def _waiting(self) -> Waiting:
        self.reactor.may_block("wait_for() or stream()")
        return self.incoming.waiting()
