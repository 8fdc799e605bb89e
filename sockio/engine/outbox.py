"""Outbox: wires waiting for a transport that can write.

It belongs to the session, so what waits survives a change of transport.
"""

from __future__ import annotations

from collections import deque

from sockio.protocol.engineio.packet import Packet
from sockio.protocol.engineio.wire import Pong, Wire

#: Shared by all empty outboxes; nothing is ever put in.
_NONE: deque[Wire] = deque(maxlen=0)


class Outbox:
    """Wires in the order in which they were sent, and their total size."""

    __slots__ = ("size", "wires")

    def __init__(self) -> None:
        #: Oldest first. It gets a deque of its own only when needed: that costs more
        #: than the rest of a session's parts, and most sessions never need one.
        self.wires: deque[Wire] = _NONE
        #: Units that wait (bytes, or characters of text).
        self.size = 0

    def put(self, wire: Wire) -> None:
        """Add ``wire`` behind the others."""
        if self.wires is _NONE:
            self.wires = deque()
        elif type(wire) is Pong and self.wires and type(self.wires[-1]) is Pong:
            # A client that pings and does not read gets one answer.
            self.size -= self.wires.pop().size
        self.wires.append(wire)
        self.size += wire.size

    def take(self) -> list[Wire]:
        """Remove and return all wires, oldest first."""
        wires = list(self.wires)
        self.wires = _NONE
        self.size = 0
        return wires

    def take_first(self) -> Wire:
        """Remove and return the oldest wire; there must be one."""
        wire = self.wires.popleft()
        self.size -= wire.size
        return wire

    @property
    def behind(self) -> int:
        """Units behind the oldest wire; that wire does not count for a buffer limit."""
        return self.size - self.wires[0].size if self.wires else 0

    @property
    def packets(self) -> list[Packet]:
        """The packets that wait, oldest first."""
        return [packet for wire in self.wires for packet in wire.packets]
