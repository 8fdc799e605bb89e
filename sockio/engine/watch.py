"""Watch: shows the packets of a session to those who want to see them.

These are the listeners of the session and of its server, the debug log, and observers.
As long as there are none, the session has no watch, and a packet costs nothing more.
"""

from __future__ import annotations

from typing import Any, Protocol

from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.observers import Observers

from .told import Opened, tell


class Watched(Opened, Protocol):
    """What a watch asks of its session."""

    def fire(self, event: str, *args: Any) -> None:
        """Call the listeners of the session, in its mailbox."""


class Watch:
    """Shows the packets of one session to whoever watches."""

    __slots__ = ("_observers",)

    def __init__(self, observers: Observers) -> None:
        self._observers = observers

    def on_sending(self, session: Watched, wire: Wire, about: Any) -> None:
        """A wire leaves; ``about`` is the Socket.IO packet in it, if there is one."""
        for packet in wire.packets:
            tell(session, "out", packet)
            session.fire("packet_create", packet)
            if packet.type is PacketType.MESSAGE:
                self._observers.tell("message_out", session, packet.data)
        if about is not None:
            self._observers.tell("packet_out", session, about, wire.size)

    def on_message(self, session: Watched, data: str | bytes) -> None:
        """A message has arrived."""
        packet = Packet(PacketType.MESSAGE, data)
        tell(session, "in", packet)
        session.fire("packet", packet)
        session.fire("data", data)
        session.fire("message", data)
        self._observers.tell("message_in", session, data)

    def on_decoded(self, session: Watched, packet: Any, size: int) -> None:
        """A Socket.IO packet has arrived, in messages of that size."""
        self._observers.tell("packet_in", session, packet, size)
