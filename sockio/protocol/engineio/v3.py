"""Packet and payload codec of Engine.IO protocol 3 (text and binary).

A binary packet starts with its type, as one byte. Where bytes cannot travel, it becomes
base64 text. A polling payload is text, with the length before each packet:
``4:4abc1:2``. It is bytes if the client takes them and some packet holds them; then
before each packet come 0 for text or 1 for bytes, the digits of its length as one byte
each, and 255.

Spec: Engine.IO protocol v3, "Encoding"; the lengths are those of engine.io-parser 2,
which every client of Socket.IO 2 carries.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator

from sockio.errors import ProtocolError
from sockio.protocol.websocket.payload import encode_text

from . import utf8
from .packet import Packet, PacketType
from .v4 import decode_base64

__all__ = [
    "PROTOCOL",
    "decode_packet",
    "decode_payload",
    "encode_packet",
    "encode_payload",
]

#: The number of this protocol in the ``EIO`` query parameter.
PROTOCOL = 3
#: Most packets of length 0 in one payload; a client that has nothing to say sends one.
MAX_EMPTY = 1000
#: Digits of the longest length that a packet may have.
MAX_DIGITS = 10

_MESSAGE = PacketType.MESSAGE
_TYPES = {str(kind.value): kind for kind in PacketType}
_DIGITS = tuple(_TYPES)
#: Packets without data, made once.
_EMPTY = {digit: Packet(kind) for digit, kind in _TYPES.items()}
_EMPTY["4"] = Packet(_MESSAGE, "")

#: Bytes in a binary payload: the kind of a packet, and what ends its length.
_TEXT, _BYTES, _END = 0, 1, 255


def encode_packet(packet: Packet, *, binary: bool) -> str | bytes:
    """Return the packet as one frame.

    Args:
        packet: The packet; bytes travel in messages only.
        binary: Whether the client takes bytes; else they become base64 text.
    """
    data = packet.data
    digit = _DIGITS[packet.type]
    if data is None:
        return digit
    if isinstance(data, str):
        return digit + data
    if binary:
        return b"".join((bytes((packet.type,)), data))
    return f"b{digit}{b64encode(data).decode('ascii')}"


def decode_packet(frame: str | bytes) -> Packet:
    """Return the packet that a frame holds.

    Raises:
        ProtocolError: The frame is empty, its type is unknown, or it holds bytes and
            is not a message.
    """
    if not isinstance(frame, str):
        return _decode_bytes(frame)
    digit = frame[:1]
    kind = _TYPES.get(digit)
    if kind is not None:
        return Packet(kind, frame[1:]) if len(frame) > 1 else _EMPTY[digit]
    if digit == "b":
        if frame[1:2] != "4":
            raise ProtocolError("bytes in a packet that is no message")
        return Packet(_MESSAGE, decode_base64(frame[2:]))
    raise ProtocolError(
        f"unknown packet type {digit!r}" if digit else "the packet is empty"
    )


def _decode_bytes(frame: bytes) -> Packet:
    if not frame:
        raise ProtocolError("the packet is empty")
    if frame[0] != _MESSAGE:
        raise ProtocolError("bytes in a packet that is no message")
    return Packet(_MESSAGE, bytes(frame[1:]))


def encode_payload(packets: Iterable[Packet], *, binary: bool = False) -> str | bytes:
    """Return packets as the body of one polling request or response.

    Args:
        packets: The packets, in order.
        binary: Whether the client takes bytes; the body is bytes if a packet has some.
    """
    packets = list(packets)
    if binary and any(not isinstance(packet.data, str | None) for packet in packets):
        return b"".join(map(_binary_form, packets))
    if not packets:
        return "0:"
    return "".join(map(_text_form, packets))


def _text_form(packet: Packet) -> str:
    text = encode_packet(packet, binary=False)
    assert isinstance(text, str)
    return f"{utf8.units(text)}:{text}"


def _binary_form(packet: Packet) -> bytes:
    frame = encode_packet(packet, binary=True)
    kind, data = (
        (_TEXT, encode_text(frame)) if isinstance(frame, str) else (_BYTES, frame)
    )
    return b"".join((bytes((kind, *map(int, str(len(data))), _END)), data))


def decode_payload(body: str | bytes) -> Iterator[Packet]:
    """Yield the packets of a polling body, in order.

    Args:
        body: Text, or bytes if it came as ``application/octet-stream``.

    Raises:
        ProtocolError: At the first bad packet, after the good ones before it.
    """
    if isinstance(body, str):
        return _decode_text(body)
    return _decode_binary(bytes(body))


def _decode_text(body: str) -> Iterator[Packet]:
    if not body:
        raise ProtocolError("the payload is empty")
    at = empty = 0
    while at < len(body):
        colon = body.find(":", at, at + MAX_DIGITS + 1)
        digits = body[at:colon]
        if colon < 0 or not (digits.isascii() and digits.isdigit()):
            raise ProtocolError("a packet has no length")
        text = utf8.take(body, colon + 1, int(digits))
        if text:
            yield decode_packet(text)
        else:  # a length of 0 stands for no packet
            empty += 1
            if empty > MAX_EMPTY:
                raise ProtocolError("too many empty packets in a payload")
        at = colon + 1 + len(text)


def _decode_binary(body: bytes) -> Iterator[Packet]:
    at = 0
    while at < len(body):
        end = body.find(_END, at + 1, at + 2 + MAX_DIGITS)
        digits = body[at + 1 : end]
        if end < 0 or not digits or max(digits) > 9:
            raise ProtocolError("a packet has no length")
        length = int("".join(map(str, digits)))
        data = body[end + 1 : end + 1 + length]
        if len(data) < length:
            raise ProtocolError("the payload ends inside a packet")
        if body[at] == _TEXT:
            yield decode_packet(utf8.decode(data))
        elif body[at] == _BYTES:
            yield decode_packet(data)
        else:
            raise ProtocolError("a packet is neither text nor bytes")
        at = end + 1 + length
