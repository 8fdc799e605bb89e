"""Outbox: what waits for a broker: in order, bounded in bytes, and counted when lost.

Calls of a bus put parcels in and never wait. One greenlet carries the parcels to the
broker, as many at a time as have piled up. While the broker is away they wait; when
there are too many bytes, the oldest parcels are dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import gevent
from gevent.event import Event

from sockio.runtime import logs

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account

log = logs.get("adapters.outbox")

__all__ = ["Carrier", "Outbox", "Parcel"]

#: Bytes that may wait.
LIMIT = 64 << 20
#: How much is carried at once.
MOST_PARCELS, MOST_BYTES = 500, 1 << 20
#: Seconds until the next attempt, so that a lasting bug lets others run.
AFTER_A_BUG = 0.1


class Parcel(NamedTuple):
    """Something for the broker."""

    #: What the carrier understands.
    content: Any
    #: Bytes that it takes.
    size: int
    #: Takes the broker's answer, if it comes; what that is, the carrier knows.
    answer: Callable[[Any], None] | None


class Carrier(Protocol):
    """Takes parcels to the broker."""

    def ready(self) -> None:
        """Wait until the broker takes parcels.

        Blocks:
            Until then.
        """

    def carry(self, parcels: Sequence[Parcel]) -> int:
        """Return how many of the parcels the broker has taken.

        Blocks:
            Until the broker has answered, or is away.
        """


class Outbox:
    """The queue before one broker."""

    def __init__(self, carrier: Carrier, account: Account, limit: int = LIMIT) -> None:
        """Make an empty one.

        Args:
            carrier: Takes parcels to the broker.
            account: Counts what waits and what is lost.
            limit: Bytes that may wait.
        """
        self._carrier = carrier
        self._account = account
        self.limit = limit
        self._waiting: deque[Parcel] = deque()
        self._carried: Sequence[Parcel] = ()
        self._bell = Event()
        self._greenlet: gevent.Greenlet[[], None] | None = None
        self._closed = False
        #: Parcels dropped since it was said that parcels are being dropped.
        self._dropped = 0
        #: Parcels ever put in.
        self.taken = 0

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return not self._waiting and not self._carried

    def open(self) -> None:
        """Start carrying."""
        self._greenlet = gevent.spawn(self._run)

    def put(
        self, content: Any, size: int, answer: Callable[[Any], None] | None = None
    ) -> None:
        """Let a parcel wait for the broker, behind all others."""
        self.taken += 1
        account = self._account
        if self._closed:
            account.lost += 1
            return
        self._waiting.append(Parcel(content, size, answer))
        account.messages_waiting += 1
        account.bytes_waiting += size
        while account.bytes_waiting > self.limit and len(self._waiting) > 1:
            self._drop_oldest()
        self._bell.set()

    def ring(self) -> None:
        """Have the carrier look whether there is something to do."""
        self._bell.set()

    def close(self) -> list[Parcel]:
        """Stop carrying; return what still waits, which is not counted as lost yet."""
        self._closed = True
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None
        left = list(self._waiting)
        self._waiting.clear()
        self._account.messages_waiting = self._account.bytes_waiting = 0
        return left

    def _take(self) -> Parcel:
        parcel = self._waiting.popleft()
        self._account.messages_waiting -= 1
        self._account.bytes_waiting -= parcel.size
        return parcel

    def _drop_oldest(self) -> None:
        self._take()
        self._account.lost += 1
        self._dropped += 1
        if self._dropped == 1:
            log.warning(
                "%d bytes wait for the broker, as many as may: from here on the oldest "
                "messages are dropped",
                self.limit,
            )

    def _run(self) -> None:
        while not self._closed:
            try:
                self._carrier.ready()
                if parcels := self._next():
                    self._carry(parcels)
                else:
                    self._bell.wait()
                    self._bell.clear()
            except Exception:
                # A boundary: a bug in a carrier must not end the bus.
                log.exception("messages could not be carried to the broker")
                gevent.sleep(AFTER_A_BUG)

    def _next(self) -> list[Parcel]:
        parcels: list[Parcel] = []
        size = 0
        while self._waiting and len(parcels) < MOST_PARCELS and size < MOST_BYTES:
            parcels.append(self._take())
            size += parcels[-1].size
        if self._dropped and not self._waiting:
            log.warning("the broker takes all again; %d were dropped", self._dropped)
            self._dropped = 0
        return parcels

    def _carry(self, parcels: list[Parcel]) -> None:
        self._carried = parcels
        taken = 0
        try:
            taken = self._carrier.carry(parcels)
        finally:
            self._carried = ()
            self._account.uncertain += len(parcels) - taken
