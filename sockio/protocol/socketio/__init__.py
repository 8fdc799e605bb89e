"""Socket.IO: packets, and the parsers that write and read them."""

from __future__ import annotations

from .auto_parser import AutoDecoder, AutoParser
from .checked import CheckedDecoder
from .json_parser import JsonParser
from .msgpack_parser import MsgpackParser
from .packet import RESERVED_EVENTS, Packet, PacketType
from .parser import Decoder, JsonCodec, Parser

__all__ = [
    "RESERVED_EVENTS",
    "AutoDecoder",
    "AutoParser",
    "CheckedDecoder",
    "Decoder",
    "JsonCodec",
    "JsonParser",
    "MsgpackParser",
    "Packet",
    "PacketType",
    "Parser",
]
