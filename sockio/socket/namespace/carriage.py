"""Carriage: encoded packets on their way to another server of the same application."""

from __future__ import annotations

from typing import Any

from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio import AutoParser, Parser

from .twin_wire import TwinWire

__all__ = ["Carriage"]


class Carriage:
    """Loads and unloads what one parser has encoded."""

    __slots__ = ("_format", "_parser")

    def __init__(self, parser: Parser) -> None:
        kind = type(parser)
        self._parser = parser
        #: Names the format; that of another parser cannot be unloaded.
        self._format = f"{kind.__module__}.{kind.__qualname__}"

    def load(self, wire: Wire) -> list[Any]:
        """Return a wire in a form that can travel."""
        frames = [packet.data for packet in wire.packets]
        return [self._format, wire.compress, *frames]

    def unload(self, load: Any) -> Wire | None:
        """Return the wire that was loaded; None: it is not in our format."""
        match load:
            case [self._format, bool(compress), *frames] if frames:
                pass
            case _:
                return None
        if not all(type(frame) in (str, bytes) for frame in frames):
            return None
        if isinstance(self._parser, AutoParser):
            return TwinWire.of(self._parser, frames, compress=compress)
        return Wire(frames, compress=compress)
