"""TwinWire: a broadcast for clients of JSON, with a twin for those of MessagePack.

The JSON is encoded immediately, so that the caller gets any error, files are read now,
and what the caller changes later does not matter. The twin is translated from the JSON
when the first client needs it.
"""

from __future__ import annotations

from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio import AutoParser
from sockio.protocol.socketio.packet import Packet


class TwinWire(Wire):
    """The packets in JSON; ``twin`` has them in MessagePack."""

    __slots__ = ("_parsers", "_twin")

    def __init__(self, parsers: AutoParser, packet: Packet, *, compress: bool) -> None:
        """Encode ``packet``.

        Raises:
            EncodeError: The data cannot travel.
        """
        super().__init__(parsers.encode(packet), compress=compress)
        self._parsers = parsers
        self._twin: Wire | None = None

    @property
    def twin(self) -> Wire:
        """The same packets for clients of MessagePack."""
        twin = self._twin
        if twin is None:
            frames = self._parsers.translate(self._frames)
            twin = self._twin = Wire(frames, compress=self.compress)
        return twin


def twin_of(wire: Wire) -> Wire:
    """Return what a client of MessagePack reads of ``wire``."""
    return wire.twin if isinstance(wire, TwinWire) else wire
