"""TwinWire: a broadcast for clients of JSON, with a twin for those of MessagePack.

The JSON is encoded immediately, so that the caller gets any error, files are read now,
and what the caller changes later does not matter. The twin is translated from the JSON
when the first client needs it.
"""

from __future__ import annotations

from collections.abc import Sequence

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
        self._wrap(parsers, parsers.encode(packet), compress)

    @classmethod
    def of(
        cls, parsers: AutoParser, frames: Sequence[str | bytes], *, compress: bool
    ) -> TwinWire:
        """Return a wire of frames that ``parsers`` have encoded."""
        wire = cls.__new__(cls)
        wire._wrap(parsers, frames, compress)
        return wire

    def _wrap(
        self, parsers: AutoParser, frames: Sequence[str | bytes], compress: bool
    ) -> None:
        super().__init__(frames, compress=compress)
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
