"""Dialect: how a client writes packets: its protocol, and whether it takes bytes.

Clients of Engine.IO 3 belong to Socket.IO 2. A client that cannot take bytes says
``b64=1`` in its query, and gets bytes as base64 text on every transport.
Spec: Engine.IO protocol v3, "Encoding", "Transports"; v4, "Packet encoding".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from . import codec_for
from .packet import Packet

__all__ = ["V3", "V3_BASE64", "V4", "V4_BASE64", "Dialect", "dialect_of"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a client reads and writes; there are four, made once."""

    #: The number of the Engine.IO protocol.
    protocol: Literal[3, 4]
    #: Whether the client takes bytes.
    binary: bool

    def encode(self, packet: Packet) -> str | bytes:
        """Return ``packet`` as one WebSocket message."""
        return codec_for(self.protocol).encode_packet(packet, binary=self.binary)

    def decode(self, message: str | bytes) -> Packet:
        """Return the packet that a WebSocket message holds.

        Raises:
            ProtocolError: It holds no packet.
        """
        return codec_for(self.protocol).decode_packet(message)


V4 = Dialect(4, True)
V4_BASE64 = Dialect(4, False)
V3 = Dialect(3, True)
V3_BASE64 = Dialect(3, False)


def dialect_of(query: Mapping[str, str]) -> Dialect:
    """Return the dialect that a request asks for: protocol 3 unless it says 4."""
    if query.get("EIO") == "4":
        return V4_BASE64 if query.get("b64") else V4
    return V3_BASE64 if query.get("b64") else V3
