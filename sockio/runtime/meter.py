"""Meter: counts packets, bytes, events, and the time that handlers take.

It is on the path of each packet, so it adds numbers and does nothing else. A server
has one if its metrics are on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

__all__ = ["OTHER", "EventMeter", "Meter"]

#: The name for all events that have no name of their own here.
OTHER = "_other"


class EventMeter:
    """What is counted of the events of one name."""

    __slots__ = (
        "_bounds",
        "_least",
        "_quick",
        "_slow",
        "count",
        "failed",
        "now",
        "seconds",
    )

    def __init__(self, now: Callable[[], float], bounds: Sequence[float]) -> None:
        """Count from 0.

        Args:
            now: Tells the time.
            bounds: Ascending, in seconds: how the times of handlers are grouped.
        """
        self.now = now
        self._bounds = bounds
        self._least = bounds[0]
        #: Calls up to the least bound, where most are; those above, in groups.
        self._quick = 0
        self._slow = [0] * len(bounds)
        #: Events.
        self.count = 0
        #: Calls of handlers that raised.
        self.failed = 0
        #: What all calls together took.
        self.seconds = 0.0

    def took(self, seconds: float) -> None:
        """Count a call of a handler."""
        self.seconds += seconds
        if seconds <= self._least:
            self._quick += 1
        else:
            self._slow[bisect_left(self._bounds, seconds) - 1] += 1

    @property
    def groups(self) -> list[int]:
        """How many calls took up to each bound and longer than the one before it.

        The last number is that of calls which took longer than all bounds.
        """
        return [self._quick, *self._slow]


class Meter:
    """What is counted of all clients of one server."""

    __slots__ = (
        "_bounds",
        "_most",
        "_now",
        "events",
        "other",
        "packets_in",
        "packets_out",
        "size_in",
        "size_out",
    )

    def __init__(
        self, now: Callable[[], float], names: int, bounds: Sequence[float]
    ) -> None:
        """Count from 0.

        Args:
            now: Tells the time.
            names: How many names of events are counted; all others are one.
            bounds: Ascending, in seconds: how the times of handlers are grouped.
        """
        self._now = now
        self._most = names
        self._bounds = bounds
        #: Socket.IO packets, and their size in bytes (of text: characters).
        self.packets_in = 0
        self.size_in = 0
        self.packets_out = 0
        self.size_out = 0
        #: Of names that are not counted.
        self.other = EventMeter(now, bounds)
        #: By name.
        self.events: dict[str, EventMeter] = {OTHER: self.other}

    def came(self, size: int) -> None:
        """Count a packet from a client."""
        self.packets_in += 1
        self.size_in += size

    def sent(self, frames: Sequence[str | bytes]) -> None:
        """Count a packet to a client; without frames it is none of Socket.IO."""
        if frames:
            self.packets_out += 1
            for frame in frames:
                self.size_out += len(frame)

    def resent(self, packets: int, size: int) -> None:
        """Count packets that were made before."""
        self.packets_out += packets
        self.size_out += size

    def heard(self, name: str, known: object) -> EventMeter:
        """Count an event; without listeners that are ``known`` it is one of others."""
        found = self.events.get(name)
        if found is None:
            found = self._found(name) if known else self.other
        found.count += 1
        return found

    def _found(self, name: str) -> EventMeter:
        if len(self.events) > self._most:
            return self.other
        made = self.events[name] = EventMeter(self._now, self._bounds)
        return made
