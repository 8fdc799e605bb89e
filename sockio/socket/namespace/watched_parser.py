"""Watched parser: a debug line for each packet from and to a client.

It takes the place of a client's parser while debug lines are on, so that there is
nothing on the path of a packet while they are off.
"""

from __future__ import annotations

from logging import DEBUG

from sockio.protocol.socketio import Decoder, Parser
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs

__all__ = ["WatchedDecoder", "WatchedParser", "is_on"]

log = logs.get("parser")


def is_on() -> bool:
    """Return whether packets are to be logged."""
    return log.isEnabledFor(DEBUG)


class WatchedParser:
    """A parser that logs what it encodes for one client."""

    def __init__(self, parser: Parser, sid: str) -> None:
        self._parser = parser
        self._sid = sid

    def encode(self, packet: Packet) -> list[str | bytes]:
        """Return the frames of a packet."""
        frames = self._parser.encode(packet)
        size = sum(map(len, frames))
        _tell(self._sid, "out", packet, size)
        return frames

    def decoder(self) -> Decoder:
        """Return a decoder for the client."""
        return WatchedDecoder(self._parser.decoder(), self._sid)


class WatchedDecoder:
    """A decoder that logs what it decodes."""

    def __init__(self, decoder: Decoder, sid: str) -> None:
        self._decoder = decoder
        self._sid = sid
        #: Size of the frames of the packet that is not complete yet.
        self._size = 0

    def feed(self, data: str | bytes) -> Packet | None:
        """Take one frame; return the packet it completes, if it completes one."""
        packet = self._decoder.feed(data)
        self._size += len(data)
        if packet is not None:
            _tell(self._sid, "in", packet, self._size)
            self._size = 0
        return packet


def _tell(sid: str, way: str, packet: Packet, size: int) -> None:
    kind, nsp, data, ack_id = packet
    if kind in (PacketType.EVENT, PacketType.ACK) and isinstance(data, list):
        # The first item of an event is its name.
        event = kind is PacketType.EVENT and len(data) > 0
        log.debug(
            "sid=%s %s %s%s namespace=%r args=%d ack=%r size=%d%s",
            sid,
            way,
            kind.name,
            f" {data[0]!r}" if event else "",
            nsp,
            len(data) - event,
            ack_id,
            size,
            logs.payload(data[1:] if event else data),
        )
    else:
        log.debug(
            "sid=%s %s %s namespace=%r size=%d%s",
            sid,
            way,
            kind.name,
            nsp,
            size,
            logs.payload(data),
        )
