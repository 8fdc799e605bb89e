"""Length-prefixed framing for WebTransport: feed() -> packets.

A stream has no messages, so a header with the length precedes each packet. Its first
bit is set for bytes and clear for text. The next seven bits are the length; 126 stands
for a length in the next two bytes, 127 for one in the next eight.

Spec: Engine.IO protocol v4, "Packet encoding", "WebTransport".
"""

from __future__ import annotations

from sockio.errors import ProtocolError, TooLarge
from sockio.protocol.websocket.payload import encode_text

from . import v4
from .packet import Packet

__all__ = ["StreamDecoder", "encode_packet", "frame"]

#: Most packets that are read in one step.
MOST_PACKETS = 32
#: Bytes of the longest header.
MAX_HEADER = 9

_BINARY, _LENGTH = 0x80, 0x7F
#: What the seven bits say if the length follows in two or eight bytes.
_TWO, _EIGHT = 126, 127
_OUT_OF_RANGE = "the length of a packet is out of range"


def encode_packet(packet: Packet) -> bytes:
    """Return the packet as it goes into the stream."""
    return frame(v4.encode_packet(packet, binary=True))


def frame(encoded: str | bytes) -> bytes:
    """Return an encoded packet with its length in front.

    Args:
        encoded: Text with the type of the packet in front, or the bytes of a message.
    """
    if isinstance(encoded, str):
        kind, data = 0, encode_text(encoded)
    elif encoded:
        kind, data = _BINARY, encoded
    else:
        # Peers take a length of 0 for an error. So an empty binary message goes as
        # empty base64 text, which they read as well.
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
            max_payload: Bytes of the longest packet. Of an unfinished packet no more
                than that and the header are kept.
        """
        self._max_payload = max_payload
        self._buffer = bytearray()
        #: Bytes that the buffer must hold before the next packet can be read.
        self._needed = 1
        self._failed = False
        #: Whether the buffer may hold packets that are not read yet: call ``more``.
        self.behind = False

    @property
    def unfinished(self) -> int:
        """The number of received bytes that are not yet read as packets."""
        return len(self._buffer)

    @property
    def rest(self) -> bytes:
        """The received bytes that are not yet read as packets."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Packet | ProtocolError]:
        """Take bytes as they come; return the packets that they complete.

        If there are many, it returns the first of them and is ``behind``. A violation
        is the last item, as an error that is not raised; whatever is fed afterwards
        is ignored.
        """
        self.keep(data)
        return self.more()

    def keep(self, data: bytes) -> None:
        """Take bytes but do not read them yet: the decoder is ``behind``."""
        if not self._failed:
            self._buffer += data
            self.behind = True

    def more(self) -> list[Packet | ProtocolError]:
        """Return the next packets of what was fed."""
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
