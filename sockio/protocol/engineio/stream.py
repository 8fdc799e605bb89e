"""Length-prefixed framing for WebTransport: feed() -> packets.

A stream has no messages, so each packet is behind its length. The first bit tells if
bytes follow, else text; the next seven are the length; 126 stands for a length in the
next two bytes, 127 for one in the next eight.

Spec: Engine.IO protocol v4, "Packet encoding", "WebTransport".
"""

from __future__ import annotations

from sockio.errors import ProtocolError, TooLarge

from . import utf8, v4
from .packet import Packet

__all__ = ["StreamDecoder", "encode_packet", "frame"]

#: Packets that are read in one step.
MOST_PACKETS = 32
#: Bytes of the longest header.
MAX_HEADER = 9

_BINARY, _LENGTH = 0x80, 0x7F
#: What the seven bits say where the length has two or eight bytes of its own.
_TWO, _EIGHT = 126, 127
_OUT_OF_RANGE = "the length of a packet is out of range"


def encode_packet(packet: Packet) -> bytes:
    """Return the packet as it goes into the stream."""
    return frame(v4.encode_packet(packet, binary=True))


def frame(encoded: str | bytes) -> bytes:
    """Return an encoded packet behind its length.

    Args:
        encoded: Text with the type of the packet in front, or the bytes of a message.
    """
    if isinstance(encoded, str):
        kind, data = 0, utf8.encode(encoded)
    elif encoded:
        kind, data = _BINARY, encoded
    else:
        # A length of 0 is an error to every peer. A message of no bytes is base64 text
        # of nothing, which they read as well.
        kind, data = 0, b"b"
    length = len(data)
    if length < _TWO:
        return b"".join((bytes((kind | length,)), data))
    if length < 1 << 16:
        return b"".join((bytes((kind | _TWO,)), length.to_bytes(2, "big"), data))
    return b"".join((bytes((kind | _EIGHT,)), length.to_bytes(8, "big"), data))


class StreamDecoder:
    """Makes packets out of the bytes of one stream, however they are divided."""

    __slots__ = ("_buffer", "_failed", "_max_payload", "_needed", "behind")

    def __init__(self, max_payload: int) -> None:
        """Make a decoder.

        Args:
            max_payload: Bytes of the longest packet; no more than that, and the header
                of a packet, are ever kept.
        """
        self._max_payload = max_payload
        self._buffer = bytearray()
        #: Bytes that must be there for anything to be read.
        self._needed = 1
        self._failed = False
        #: Packets that are there are not read yet: ``more`` reads on.
        self.behind = False

    @property
    def unfinished(self) -> int:
        """Bytes that have come of a packet that is not whole yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Packet | ProtocolError]:
        """Take bytes as they come; return the packets that they complete.

        If they are many, the first of them; then the decoder is ``behind``. A violation
        is the last item, as an error that is not raised; whatever is fed afterwards
        gives nothing.
        """
        self.keep(data)
        return self.more()

    def keep(self, data: bytes) -> None:
        """Take bytes and read nothing: the decoder is ``behind``."""
        if not self._failed:
            self._buffer += data
            self.behind = True

    def more(self) -> list[Packet | ProtocolError]:
        """Read on in what was fed."""
        self.behind = False
        buffer = self._buffer
        found: list[Packet | ProtocolError] = []
        if len(buffer) >= self._needed:
            try:
                self._read(found)
            except ProtocolError as exc:
                found.append(exc.bare())
                self._failed = True
                self.behind = False
                self._buffer = bytearray()
        return found

    def _read(self, found: list[Packet | ProtocolError]) -> None:
        buffer = self._buffer
        size = len(buffer)
        at, needed = 0, 1
        while at + needed <= size and len(found) < MOST_PACKETS:
            first = buffer[at]
            start, length = at + 1, first & _LENGTH
            if length >= _TWO:
                start += 2 if length == _TWO else 8
                if start > size:
                    needed = start - at
                    break
                length = int.from_bytes(buffer[at + 1 : start], "big")
            if length > self._max_payload:
                raise TooLarge(_OUT_OF_RANGE, size=length, limit=self._max_payload)
            if not length:
                raise ProtocolError(_OUT_OF_RANGE)
            end = start + length
            if end > size:
                needed = end - at
                break
            found.append(_decode(bytes(buffer[start:end]), first & _BINARY))
            at = end
        del buffer[:at]
        self._needed = needed
        self.behind = at + needed <= size


def _decode(data: bytes, binary: int) -> Packet:
    if binary:
        return v4.decode_packet(data)
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        raise ProtocolError("the packet is not UTF-8") from exc
    return v4.decode_packet(text)
