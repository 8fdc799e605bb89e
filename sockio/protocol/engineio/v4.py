"""Packet and payload codec of Engine.IO protocol 4.

A WebSocket or WebTransport carries one packet at a time, and bytes as they are. A
polling payload is text: packets joined by a record separator, bytes as base64.

Spec: Engine.IO protocol v4, "Packet encoding".
"""

from __future__ import annotations

import string
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Iterable, Iterator

from sockio.errors import ProtocolError

from .packet import Packet, PacketType

__all__ = [
    "PROTOCOL",
    "decode_base64",
    "decode_packet",
    "decode_payload",
    "encode_packet",
    "encode_payload",
]

#: The number of this protocol in the ``EIO`` query parameter.
PROTOCOL = 4
#: Between two packets of a payload.
SEPARATOR = "\x1e"

_MESSAGE = PacketType.MESSAGE
_TYPES = {str(kind.value): kind for kind in PacketType}
_DIGITS = tuple(_TYPES)
#: Packets without data, made once.
_EMPTY = {digit: Packet(kind) for digit, kind in _TYPES.items()}

#: The alphabet for URLs has other characters for two of the 64.
_STANDARD = bytes.maketrans(b"-_", b"+/")
_BASE64 = (string.ascii_letters + string.digits + "+/-_").encode()
_NO_BASE64 = bytes(set(range(256)).difference(_BASE64))


def encode_packet(packet: Packet, *, binary: bool) -> str | bytes:
    """Return the packet as one frame.

    Args:
        packet: The packet; bytes travel in messages only.
        binary: Whether the transport carries bytes; else they become base64 text.
    """
    data = packet.data
    if data is None:
        return _DIGITS[packet.type]
    if isinstance(data, str):
        return _DIGITS[packet.type] + data
    return bytes(data) if binary else "b" + b64encode(data).decode("ascii")


def decode_packet(frame: str | bytes) -> Packet:
    """Return the packet that a frame holds.

    Raises:
        ProtocolError: The frame is empty, or its type is unknown.
    """
    if not isinstance(frame, str):
        return Packet(_MESSAGE, frame)
    digit = frame[:1]
    if digit == "4":
        return Packet(_MESSAGE, frame[1:])
    kind = _TYPES.get(digit)
    if kind is not None:
        return Packet(kind, frame[1:]) if len(frame) > 1 else _EMPTY[digit]
    if digit == "b":
        return Packet(_MESSAGE, decode_base64(frame[1:]))
    raise ProtocolError(
        f"unknown packet type {digit!r}" if digit else "the packet is empty"
    )


def decode_base64(text: str) -> bytes:
    """Return the bytes that base64 ``text`` stands for, as Node's ``Buffer`` does.

    Some clients break lines (Java's), leave out the padding or use the alphabet for
    URLs. Node reads both alphabets up to the first ``=``, skips other characters, and
    ignores six bits that are left over. So any text is base64.
    """
    # Node looks at the lower byte of each UTF-16 unit only.
    data = (
        text.encode()
        if text.isascii()
        else text.encode("utf-16-le", "surrogatepass")[::2]
    )
    data = data.partition(b"=")[0].translate(_STANDARD, _NO_BASE64)
    over = len(data) % 4
    return a2b_base64(data[:-1] if over == 1 else data + b"=" * (-over % 4))


def encode_payload(packets: Iterable[Packet], *, binary: bool = False) -> str:
    """Return packets as the body of one polling request or response.

    It is always text; ``binary`` matters to other protocols only.
    """
    encoded = (encode_packet(packet, binary=False) for packet in packets)
    return SEPARATOR.join(encoded)  # type: ignore[arg-type]


def decode_payload(body: str | bytes) -> Iterator[Packet]:
    """Yield the packets of a polling body, in order.

    Raises:
        ProtocolError: At the first bad packet, after the good ones before it; or the
            body is not text.
    """
    if not isinstance(body, str):
        raise ProtocolError("a payload of protocol 4 is text")
    return map(decode_packet, body.split(SEPARATOR))
