"""Packet: what travels between the two ends of an Engine.IO session.

Spec: Engine.IO protocol v4, "Protocol".
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

__all__ = ["Packet", "PacketType"]


class PacketType(IntEnum):
    """The type of a packet; its value is the digit on the wire."""

    OPEN = 0
    CLOSE = 1
    PING = 2
    PONG = 3
    MESSAGE = 4
    UPGRADE = 5
    NOOP = 6

    @property
    def label(self) -> str:
        """The name that listeners and logs see, for instance ``"message"``."""
        return self.name.lower()


class Packet(NamedTuple):
    """One packet; never changed once made."""

    type: PacketType
    #: Text or bytes; None is a packet without data. Only a message carries bytes.
    data: str | bytes | None = None
    #: Whether a transport that can compress may compress this packet.
    compress: bool = True
