"""Checked: check the packets of a decoder before anything relies on them.

The rules are those of the protocol, in whatever format the packets travel; your own
parsers need not know them.
Spec: Socket.IO protocol v5, "Packet types" and "Exchange protocol".
"""

from __future__ import annotations

from typing import Any, NoReturn

from sockio.errors import ProtocolError

from .json_parser import MAX_ID, MAX_NAMESPACE
from .packet import Packet, PacketType, carries
from .parser import Decoder

__all__ = ["CheckedDecoder", "check"]

_TYPES = {kind.value: kind for kind in PacketType}
_TYPES[PacketType.BINARY_EVENT] = PacketType.EVENT
_TYPES[PacketType.BINARY_ACK] = PacketType.ACK


def check(kind: Any, nsp: Any, data: Any, id: Any) -> Packet:
    """Return the packet with these fields, if a client may send it.

    Raises:
        ProtocolError: A client may not send it.
    """
    if not isinstance(kind, int) or isinstance(kind, bool) or kind not in _TYPES:
        _refuse("packet type")
    kind = _TYPES[kind]
    if type(nsp) is not str or nsp[:1] != "/" or len(nsp) > MAX_NAMESPACE:
        _refuse("namespace")
    # Some clients send a null where they have no payload.
    absent = data is None and kind <= PacketType.DISCONNECT
    if not absent and not carries(kind, data):
        _refuse("payload")
    if id is not None and (type(id) is not int or not 0 <= id <= MAX_ID):
        _refuse("packet id")
    return Packet(kind, nsp, data, id)


def _refuse(what: str) -> NoReturn:
    raise ProtocolError(f"invalid {what}")


class CheckedDecoder:
    """Passes on the packets of another decoder that a client may send."""

    __slots__ = ("_decoder",)

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def feed(self, data: str | bytes) -> Packet | None:
        """Take one frame; return the packet it completes, if it completes one.

        Raises:
            ProtocolError: The decoder raises it, or a client may not send the packet.
        """
        packet = self._decoder.feed(data)
        return None if packet is None else check(*packet)
