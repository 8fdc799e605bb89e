"""Parser: what a Socket.IO parser offers, and what ours needs of a JSON library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .packet import Packet

__all__ = ["Decoder", "JsonCodec", "Parser"]


class Decoder(Protocol):
    """Makes packets out of the frames of one client."""

    def feed(self, data: str | bytes) -> Packet | None:
        """Take one frame; return the packet it completes, if it completes one.

        Raises:
            ProtocolError: The client may not send this frame now.
        """


class Parser(Protocol):
    """One way to write packets down; shared by all the clients of a server."""

    def encode(self, packet: Packet) -> list[str | bytes]:
        """Return the frames of a packet; EVENT and ACK may have bytes in their data.

        Raises:
            EncodeError: The data cannot travel.
        """

    def decoder(self) -> Decoder:
        """Return a decoder for one more client."""


class JsonCodec(Protocol):
    """A JSON library; the module ``json`` of the standard library fits."""

    def dumps(self, value: Any, /, *, default: Callable[[Any], Any]) -> str | bytes:
        """Return JSON text; ``default`` converts each value that JSON does not know."""

    def loads(self, text: str, /) -> Any:
        """Return the value of a JSON text, or raise ValueError."""
