"""JSON or MessagePack, whichever a client speaks: its first message shows it.

The first message of a client joins a namespace. As text it is JSON, and MessagePack is
bytes. Nothing is sent to a client before.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import own_frames
from .json_parser import JsonParser
from .msgpack_parser import MsgpackParser
from .packet import Packet
from .parser import Decoder, JsonCodec, Parser

__all__ = ["AutoDecoder", "AutoParser"]


class AutoParser:
    """Two parsers for the clients of one server; itself it writes JSON."""

    def __init__(
        self, json: JsonCodec | None = None, *, max_attachments: int = 10
    ) -> None:
        """Make both parsers.

        Args:
            json: Another JSON library; MessagePack gets its conversions too.
            max_attachments: Most attachments of one packet in JSON.
        """
        self.json = JsonParser(json, max_attachments=max_attachments)
        self.msgpack = MsgpackParser(json)
        # What the JSON library converts, it has converted before a translation.
        self._writer = MsgpackParser()

    def encode(self, packet: Packet) -> list[str | bytes]:
        """Return the frames of a packet, in JSON.

        Raises:
            EncodeError: The data cannot travel.
        """
        return self.json.encode(packet)

    def decoder(self) -> AutoDecoder:
        """Return a decoder for one more client."""
        return AutoDecoder(self)

    def translate(self, frames: Sequence[str | bytes]) -> list[str | bytes]:
        """Return in MessagePack what ``encode`` returned."""
        return self._writer.encode(own_frames.read(frames))


class AutoDecoder:
    """Makes packets out of the frames of one client, as its first frame tells."""

    __slots__ = ("_chosen", "_parsers")

    def __init__(self, parsers: AutoParser) -> None:
        self._parsers = parsers
        self._chosen: tuple[Parser, Decoder] | None = None

    def feed(self, data: str | bytes) -> Packet | None:
        """Take one frame; return the packet it completes, if it completes one.

        Raises:
            ProtocolError: The frame is none that a client may send now.
        """
        if self._chosen is None:
            parsers = self._parsers
            self._choose(parsers.json if isinstance(data, str) else parsers.msgpack)
        _, decoder = self.settle()
        return decoder.feed(data)

    def settle(self) -> tuple[Parser, Decoder]:
        """Return the parser of the client, JSON if it said nothing, and its decoder."""
        if self._chosen is None:
            return self._choose(self._parsers.json)
        return self._chosen

    def _choose(self, parser: Parser) -> tuple[Parser, Decoder]:
        self._chosen = parser, parser.decoder()
        return self._chosen
