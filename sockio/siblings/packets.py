"""Packets: messages of any length in the packets of a link, and out of them (pure).

A packet begins with a byte that says what it is. Short messages share a packet, each
with its length before it; a long one is cut into packets of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from sockio.errors import EncodeError, ProtocolError

from .link import PACKET

__all__ = ["ASKED", "HERE", "LARGEST", "Packed", "Reader", "count", "join", "pack"]

#: Most bytes of one message.
LARGEST = 64 << 20

#: Whole messages; a part of a long message; its last part; an answer.
_WHOLE, _PART, _LAST, _HERE = range(4)
#: Added to the kind: the receiver is asked to say that it is here.
_ASKS = 0x80

#: The packet that answers one which asks.
HERE = bytes([_HERE])
#: What the packets of whole messages begin with, and of those that ask for an answer.
_PLAIN = bytes([_WHOLE])
#: A packet without a message that asks for an answer.
ASKED = bytes([_WHOLE | _ASKS])

_LENGTH = struct.Struct(">I")
#: Most bytes of a message that shares a packet with others.
_SHORT = PACKET - 1 - _LENGTH.size

#: A short message with its length, or the packets of a long one. It is made once for
#: all who get the message.
Packed = bytes | tuple[bytes, ...]


def pack(message: bytes) -> Packed:
    """Return a message in the form in which it is put into packets.

    Raises:
        EncodeError: It is too long.
    """
    size = len(message)
    if size <= _SHORT:
        return _LENGTH.pack(size) + message
    if size > LARGEST:
        raise EncodeError(
            f"the message has {size} bytes; siblings take at most {LARGEST}"
        )
    step = PACKET - 1
    last = (size - 1) // step * step
    parts = [b"%c%b" % (_PART, message[at : at + step]) for at in range(0, last, step)]
    return (*parts, b"%c%b" % (_LAST, message[last:]))


def join(messages: Sequence[bytes], asks: bool) -> bytes:
    """Return the packet of short messages, which were packed."""
    return (ASKED if asks else _PLAIN) + b"".join(messages)


def count(packets: Sequence[bytes]) -> int:
    """Return how many messages end in these packets."""
    found = 0
    for packet in packets:
        kind = packet[0] & ~_ASKS
        if kind == _LAST:
            found += 1
        elif kind == _WHOLE:
            found += len(_cut(packet))
    return found


class Reader:
    """What arrives on one link, as messages."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        #: Of a long message, the parts that have come, and their bytes.
        self._parts: list[bytes] = []
        self._size = 0

    def read(self, packet: bytes) -> tuple[Sequence[bytes], bool]:
        """Return the messages that end in a packet, and whether it asks for an answer.

        Raises:
            ProtocolError: This release makes no such packet.
        """
        kind = packet[0]
        asks = kind >= _ASKS
        if asks:
            kind -= _ASKS
        if kind == _WHOLE and not self._parts:
            return _cut(packet), asks
        if kind not in (_PART, _LAST):
            raise ProtocolError(f"a packet of the kind {kind} at the wrong time")
        self._parts.append(packet[1:])
        self._size += len(packet) - 1
        if self._size > LARGEST:
            raise ProtocolError(f"a message of more than {LARGEST} bytes")
        if kind == _PART:
            return (), asks
        message = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return (message,), asks


def _cut(packet: bytes) -> list[bytes]:
    """Return the messages of a packet of whole messages."""
    found = []
    at, end = 1, len(packet)
    while at < end:
        start = at + _LENGTH.size
        if start > end:
            raise ProtocolError("a packet ends in the length of a message")
        (size,) = _LENGTH.unpack_from(packet, at)
        at = start + size
        if at > end:
            raise ProtocolError("a packet ends in a message")
        found.append(packet[start:at])
    return found
