"""Accounting: what was lost between the servers of a cluster, counted and announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

__all__ = ["Account", "AdapterStats", "Gap", "total"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Messages between this server and the others are missing, or may be."""

    #: Seconds for which this server heard nothing of the others, until just now. None:
    #: it heard them all the time, and only messages of its own are missing.
    seconds: float | None
    #: Messages of this server that reached no other server.
    lost: int
    #: Messages of this server that reached the others or not: nobody knows.
    uncertain: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterStats:
    """How a server is connected to the others; counts are since its start."""

    #: Whether the bus is connected at present.
    connected: bool
    #: Messages to the other servers that wait for the bus, and their size in bytes.
    messages_waiting: int
    bytes_waiting: int
    #: Messages of this server that reached no other server.
    lost: int
    #: Messages of this server that reached the others or not: nobody knows.
    uncertain: int
    #: How often this server heard nothing of the others for a time.
    gaps: int
    #: Messages from the bus that could not be read.
    unreadable: int


def total(
    present: AdapterStats | None, former: Iterable[AdapterStats | None]
) -> AdapterStats | None:
    """Return how a server is connected, with what its former buses have counted."""
    if present is None:
        return None
    counted = [present, *(each for each in former if each is not None)]
    return replace(
        present,
        messages_waiting=sum(each.messages_waiting for each in counted),
        bytes_waiting=sum(each.bytes_waiting for each in counted),
        lost=sum(each.lost for each in counted),
        uncertain=sum(each.uncertain for each in counted),
        gaps=sum(each.gaps for each in counted),
        unreadable=sum(each.unreadable for each in counted),
    )


class Account:
    """What one bus counts; the fields are those of ``AdapterStats``.

    The bus sets ``connected`` to True when it hears all that the others say from then
    on, and to False when it knows that it does not.
    """

    def __init__(self, *, connected: bool = False) -> None:
        self._connected = connected
        #: Called when the bus has set ``connected``.
        self.on_told: Callable[[], object] = int
        self.messages_waiting = 0
        self.bytes_waiting = 0
        self.lost = 0
        self.uncertain = 0
        self.gaps = 0
        self.unreadable = 0
        #: The counts when a gap was announced last.
        self._announced = (0, 0)

    @property
    def connected(self) -> bool:
        """Whether the bus is connected at present."""
        return self._connected

    @connected.setter
    def connected(self, connected: bool) -> None:
        self._connected = connected
        self.on_told()

    def announce(self, reactor: Reactor, seconds: float | None = None) -> None:
        """Tell observers what was lost since the last call; if nothing was, do nothing.

        Args:
            reactor: Of the server.
            seconds: For how long the others were not heard; None: they were.
        """
        lost, uncertain = self._announced
        gap = Gap(
            seconds=seconds,
            lost=self.lost - lost,
            uncertain=self.uncertain - uncertain,
        )
        if seconds is not None:
            self.gaps += 1
        elif not gap.lost and not gap.uncertain:
            return
        self._announced = self.lost, self.uncertain
        reactor.to_hub(reactor.observers.tell, "adapter_gap", gap)

    def stats(self) -> AdapterStats:
        """Return what is counted now."""
        return AdapterStats(
            connected=self.connected,
            messages_waiting=self.messages_waiting,
            bytes_waiting=self.bytes_waiting,
            lost=self.lost,
            uncertain=self.uncertain,
            gaps=self.gaps,
            unreadable=self.unreadable,
        )
