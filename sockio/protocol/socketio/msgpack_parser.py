"""One binary frame per packet: a map in MessagePack, which includes any bytes.

The map has the keys ``type`` and ``nsp``, and ``data`` and ``id`` only if the packet
has them: JavaScript clients take nil for an error. The types on the wire are CONNECT to
CONNECT_ERROR; the binary types are not needed.

Spec: socket.io-msgpack-parser 3.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import msgspec

from sockio.errors import EncodeError, ProtocolError

from . import own_frames
from .attachments import Attachments
from .blame import blame
from .checked import check
from .json_parser import JsonParser
from .msgpack_reader import read
from .msgpack_scan import is_simple
from .packet import Packet, PacketType
from .parser import JsonCodec
from .plain import number, simplify

__all__ = ["MsgpackDecoder", "MsgpackParser", "is_plain", "parse", "simple", "write"]

_LEAVES = frozenset((str, int, bool, type(None), bytes))
_BINARY = (PacketType.BINARY_EVENT, PacketType.BINARY_ACK)
#: The integers that MessagePack has.
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1

_encode = msgspec.msgpack.Encoder().encode


class MsgpackParser:
    """Writes packets as MessagePack; makes decoders for them."""

    def __init__(self, json: JsonCodec | None = None) -> None:
        """Make a parser.

        Args:
            json: A JSON library whose conversions apply here too: clients get what
                they would read from its text. None: orjson's conversions.
        """
        self._converter = None if json is None else JsonParser(json)

    def decoder(self) -> MsgpackDecoder:
        """Return a decoder for one more client."""
        return MsgpackDecoder()

    def encode(self, packet: Packet) -> list[str | bytes]:
        """Return the frame of a packet.

        Bytes-like values, buffers and readable binary files may be anywhere in it. NaN
        and infinities become nil, as they become null in JSON. Integers of more than 64
        bits become floats, as in JavaScript. Lone surrogates become U+FFFD.

        Raises:
            EncodeError: The data cannot travel.
        """
        if self._converter is not None and packet.data is not None:
            packet = _converted(packet, self._converter)
        kind, nsp, data, id = packet
        message: dict[str, Any] = {"type": kind.value}
        if data is not None:
            message["data"] = data
        if id is not None:
            message["id"] = id
        message["nsp"] = nsp
        try:
            return [write(message)]
        except EncodeError as error:
            # Its text has what the library said; one traceback is enough.
            raise blame(packet, error, write) from None


def write(value: Any) -> bytes:
    """Return a tree as MessagePack.

    Raises:
        EncodeError: A value in it cannot travel.
    """
    try:
        if is_plain(value):
            try:
                return _encode(value)
            except (OverflowError, UnicodeEncodeError):
                pass  # an integer or text for which MessagePack has no form
        return _encode(simple(value, _MOST))
    except EncodeError:
        raise
    except RecursionError as exc:
        raise EncodeError("the data is nested too deep to be sent") from exc
    except (TypeError, ValueError) as exc:
        raise EncodeError(f"the data cannot be sent: {exc}") from exc


def _converted(packet: Packet, converter: JsonParser) -> Packet:
    try:
        return own_frames.read(converter.encode(packet))
    except ProtocolError as exc:
        raise EncodeError(f"the data cannot be sent: {exc.reason}") from exc


def is_plain(value: Any) -> bool:
    """Tell whether the library writes a tree just as JavaScript reads it.

    It has its own forms for moments and sets, which JavaScript does not read. The same
    holds for BSON.
    """
    kind = type(value)
    if kind is list:
        for item in value:
            if type(item) not in _LEAVES and not is_plain(item):
                return False
        return True
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                return False
            if type(item) not in _LEAVES and not is_plain(item):
                return False
        return True
    return isfinite(value) if kind is float else kind in _LEAVES


def simple(value: Any, most: int) -> Any:
    """Return a tree that is plain in place of one that is not; bytes stay bytes.

    Args:
        value: The tree; it is not changed.
        most: The largest integer that stays one.

    Raises:
        EncodeError: Nothing stands for a value. See also ``simplify``.
    """

    def leaf(value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            # Two surrogates that make a pair are one character, as in JavaScript.
            utf16 = value.encode("utf-16-le", "surrogatepass")
            return utf16.decode("utf-16-le", "replace")
        plain = number(value)
        if isinstance(plain, int) and not _LEAST <= plain <= most:
            return float(plain)
        return plain

    return simplify(value, leaf, _Inline().take)


class _Inline(Attachments):
    """Attachments that stay in the tree as bytes."""

    def place(self, data: bytes) -> bytes:
        return data


class MsgpackDecoder:
    """Makes packets out of the frames of one client; it has no state."""

    __slots__ = ()

    def feed(self, data: str | bytes) -> Packet:
        """Take one frame; return its packet.

        Raises:
            ProtocolError: A client may not send this frame.
        """
        if isinstance(data, str):
            raise ProtocolError("got plaintext data instead of MessagePack")
        if type(data) is not bytes:
            data = bytes(data)
        message = parse(data)
        if type(message) is not dict:
            raise ProtocolError("invalid packet type")
        get = message.get
        kind = get("type")
        if kind in _BINARY:  # only JSON has these types
            raise ProtocolError("invalid packet type")
        return check(kind, get("nsp"), get("data"), get("id"))


def _extension(kind: int, content: memoryview) -> Any:
    # In simple data, type 0 is always an ArrayBuffer.
    return [kind, bytes(content)] if kind else bytes(content)


_decode = msgspec.msgpack.Decoder(ext_hook=_extension).decode


def parse(data: bytes) -> Any:
    """Return the value that ``data`` holds, as ``msgpack_reader.read`` does.

    Raises:
        ProtocolError: It cannot be read.
    """
    try:
        return _decode(data) if is_simple(data) else read(data)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError("the packet is not MessagePack") from exc
