"""Engine.IO: the codec of each protocol version, by its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from . import v3, v4
from .packet import Packet, PacketType

__all__ = ["Codec", "Packet", "PacketType", "codec_for"]


class Codec(Protocol):
    """What a protocol version offers; a module fits."""

    @property
    def PROTOCOL(self) -> int: ...

    def encode_packet(self, packet: Packet, *, binary: bool) -> str | bytes: ...
    def decode_packet(self, frame: str | bytes) -> Packet: ...
    def encode_payload(
        self, packets: Iterable[Packet], *, binary: bool = False
    ) -> str | bytes: ...
    def decode_payload(self, body: str | bytes) -> Iterator[Packet]: ...


_CODECS: dict[int, Codec] = {3: v3, 4: v4}


def codec_for(protocol: int) -> Codec:
    """Return the codec of Engine.IO protocol ``protocol``.

    Raises:
        KeyError: We do not speak that version.
    """
    return _CODECS[protocol]
