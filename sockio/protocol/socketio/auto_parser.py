"""JSON or MessagePack, whichever a client speaks: its first message shows it.

A client's first message joins a namespace. If it is text, the client speaks JSON; if it
is bytes, MessagePack. Nothing is sent to a client before that message.
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
    """Two parsers for the clients of one server; ``encode`` writes JSON."""

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
        # It needs no JSON library: what it translates is already converted.
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
    """Makes packets out of the frames of one client; the first selects the parser."""

    __slots__ = ("_chosen", "_parsers")

    def __init__(self, parsers: AutoParser) -> None:
        self._parsers = parsers
        self._chosen: tuple[Parser, Decoder] | None = None

    def feed(self, data: str | bytes) -> Packet | None:
        """Take one frame; return the packet it completes, if it completes one.

        Raises:
            ProtocolError: The client may not send this frame now.
        """
        if self._chosen is None:
            parsers = self._parsers
            self._choose(parsers.json if isinstance(data, str) else parsers.msgpack)
        _, decoder = self.settle()
        return decoder.feed(data)

    def settle(self) -> tuple[Parser, Decoder]:
        """Return the client's parser and decoder; JSON's if it has sent nothing."""
        if self._chosen is None:
            return self._choose(self._parsers.json)
        return self._chosen

    def _choose(self, parser: Parser) -> tuple[Parser, Decoder]:
        self._chosen = parser, parser.decoder()
        return self._chosen
