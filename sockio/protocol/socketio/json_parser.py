"""The default parser: text + binary attachments.

A packet is one text frame, ``<type>[<attachments>-][<namespace>,][<id>][<json>]``, and
after it one binary frame for each attachment. The usual packet, an event of the main
namespace without attachments, has a short path of its own.

Spec: Socket.IO protocol v5, "Packet encoding".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from sockio.errors import EncodeError, ProtocolError

from . import json_fallback
from .attachments import Attachments, restore
from .blame import blame
from .packet import RESERVED_EVENTS, Packet, PacketType, carries
from .parser import JsonCodec

__all__ = ["JsonDecoder", "JsonParser"]

#: Characters of the longest namespace that a client may name.
MAX_NAMESPACE = 512
#: Largest id of an acknowledgement: the largest integer that JavaScript counts to.
MAX_ID = 1 << 53
#: Ids of up to this many digits are always below ``MAX_ID``.
MAX_DIGITS = 15

_EVENT = PacketType.EVENT
_ACK = PacketType.ACK
_TYPES = {str(kind.value): kind for kind in PacketType}
_DIGITS = tuple(_TYPES)
#: What the decoder returns for the types that exist on the wire only.
_BINARY = {"5": _EVENT, "6": _ACK}
#: A longer run of digits is nowhere a legal number; so this bounds the reading.
_NUMBER = re.compile(r"[0-9]{0,17}").match
#: What precedes the list of a well-formed event or acknowledgement without attachments.
_USUAL_HEAD = re.compile(
    rf"[23](?:(/[^,]{{0,{MAX_NAMESPACE - 1}}}),)?([0-9]{{0,{MAX_DIGITS}}})(?=\[)"
).match

#: What a JSON library raises when it refuses a value or a text.
_REFUSED = (ValueError, TypeError, RecursionError)
#: The same, or a list that lacks the event.
_NO_EVENT = (*_REFUSED, IndexError)

_orjson_dumps: Callable[..., str | bytes] = orjson.dumps
#: We convert subclasses of the types that JSON knows, and dataclasses, ourselves:
#: orjson crashes at a dataclass with a slot that was never filled.
_OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS

_new: Callable[[type[Packet], tuple[Any, ...]], Packet] = tuple.__new__


class JsonParser:
    """Writes packets as JSON text and attachments; makes decoders for them."""

    def __init__(
        self, json: JsonCodec | None = None, *, max_attachments: int = 10
    ) -> None:
        """Make a parser.

        Args:
            json: Another JSON library; None: orjson, and the standard library for what
                orjson refuses.
            max_attachments: Most attachments that a client may send with one packet.
        """
        self._dumps: Callable[..., str | bytes] = _orjson_dumps
        self._loads: Callable[[str], Any] = orjson.loads
        if json is not None:
            self._dumps = json.dumps
            self._loads = json.loads
        self._is_orjson = json is None
        self._max_attachments = max_attachments
        #: Empty lists for the next packets. There may be several: while one packet is
        #: written, user code or another native thread may write another.
        self._spares: list[Attachments] = []

    def decoder(self) -> JsonDecoder:
        """Return a decoder for one more client."""
        loads = self._loads
        fallback = json_fallback.loads if self._is_orjson else loads
        return JsonDecoder(loads, fallback, self._max_attachments)

    def encode(self, packet: Packet) -> list[str | bytes]:
        """Return the frames of a packet.

        Bytes-like values, buffers and readable binary files, at any depth, become
        attachments; that changes the type on the wire.

        Raises:
            EncodeError: The data cannot travel.
        """
        kind, nsp, data, id = packet
        try:
            found = self._spares.pop()
        except IndexError:
            found = Attachments()
        if data is None:
            text = ""
        else:
            try:
                if self._is_orjson:
                    json = _orjson_dumps(data, found.take, _OPTIONS)
                else:
                    json = self._dumps(data, default=found.take)
            except _REFUSED as exc:
                json = self._try_rest(packet, found, exc)
            text = json if type(json) is str else json.decode()  # type: ignore[union-attr]
        if not found:  # it is still empty
            self._spares.append(found)
            if kind is _EVENT and nsp == "/" and id is None:
                return ["2" + text]
        head = _binary_head(kind, found) if found else _DIGITS[kind]
        if nsp != "/":
            head = f"{head}{nsp},"
        if id is not None:
            head = f"{head}{id}"
        return [head + text, *found]

    def _try_rest(
        self, packet: Packet, found: Attachments, exc: Exception
    ) -> str | bytes:
        try:
            return self._encode_rest(packet[2], found, exc)
        except EncodeError as error:
            # Its text has what the libraries said; one traceback is enough.
            raise blame(packet, error, self._write) from None

    def _write(self, value: Any) -> None:
        """Write ``value`` by itself, to see whether that fails."""
        found = Attachments()
        try:
            if self._is_orjson:
                _orjson_dumps(value, found.take, _OPTIONS)
            else:
                self._dumps(value, default=found.take)
        except _REFUSED as exc:
            self._encode_rest(value, found, exc)

    def _encode_rest(self, data: Any, found: Attachments, exc: Exception) -> str:
        # orjson wraps what ``take`` raised.
        source = exc if isinstance(exc, EncodeError) else exc.__cause__
        if isinstance(source, EncodeError):
            raise source
        if source is not None and not isinstance(source, Exception):
            raise source  # the greenlet was killed or timed out while it read a file
        try:
            if self._is_orjson:
                found.clear()
                return json_fallback.dumps(data, found.take)
        except EncodeError:
            raise
        except RecursionError as cause:
            raise EncodeError("the data is nested too deep to be sent") from cause
        except (TypeError, ValueError) as cause:
            raise EncodeError(f"the data cannot be sent: {cause}") from cause
        raise EncodeError(f"the data cannot be sent: {exc}") from exc


def _binary_head(kind: PacketType, found: Attachments) -> str:
    if kind == _EVENT:
        return f"5{len(found)}-"
    if kind == _ACK:
        return f"6{len(found)}-"
    raise EncodeError("bytes can be sent in events and acknowledgements only")


class JsonDecoder:
    """Makes packets out of the frames of one client."""

    __slots__ = (
        "_attachments",
        "_fallback",
        "_loads",
        "_max_attachments",
        "_missing",
        "_packet",
    )

    def __init__(
        self,
        loads: Callable[[str], Any],
        fallback: Callable[[str], Any],
        max_attachments: int,
    ) -> None:
        """Make a decoder; ``fallback`` reads what ``loads`` refuses."""
        self._loads = loads
        self._fallback = fallback
        self._max_attachments = max_attachments
        # A packet that still lacks attachments.
        self._packet: Packet | None = None
        self._attachments: list[bytes] | None = None
        self._missing = 0

    def feed(self, data: str | bytes) -> Packet | None:
        """Take one frame; return the packet it completes, if it completes one.

        Raises:
            ProtocolError: The client may not send this frame now.
        """
        if type(data) is not str:
            return self._attach(data)  # type: ignore[arg-type]
        if self._missing:
            raise ProtocolError("got plaintext data when reconstructing a packet")
        text = data
        kind, nsp, id, at = _EVENT, "/", None, 1
        if not text.startswith("2["):
            head = _usual_head(text)
            if head is None:
                return self._decode(text)
            kind, nsp, id, at = head
        try:
            payload = self._loads(text[at:])
            event = payload[0] if kind is _EVENT else ""
        except _NO_EVENT:
            pass  # _decode asks the fallback, or raises what is wrong
        else:
            if type(event) is str and event not in RESERVED_EVENTS:
                return _new(Packet, (kind, nsp, payload, id))
        return self._decode(text)

    def _decode(self, text: str) -> Packet | None:
        digit = text[:1]
        kind = _BINARY.get(digit)
        count, at = 0, 1
        if kind is not None:
            count, at = self._read_count(text)
        else:
            kind = _TYPES.get(digit)
        if kind is None:
            raise ProtocolError(f"unknown packet type {digit}")
        nsp, id = "/", None
        if text[at : at + 1] != "[":
            nsp, id, at = _read_head(text, at)
        packet = _new(Packet, (kind, nsp, self._read_data(kind, text[at:]), id))
        if not count:
            return packet
        self._packet = packet
        self._attachments = []
        self._missing = count
        return None

    def _read_count(self, text: str) -> tuple[int, int]:
        """Return the number of attachments, and where the rest of the text starts."""
        end = text.find("-", 1, 19)
        digits = text[1:end]
        if end < 0 or not digits.isdigit() or not digits.isascii() or not int(digits):
            raise ProtocolError("Illegal attachments")
        count = int(digits)
        if count > self._max_attachments:
            raise ProtocolError("too many attachments")
        return count, end + 1

    def _read_data(self, kind: PacketType, text: str) -> Any:
        if not text:
            # Events and acknowledgements without a payload count as empty lists.
            is_list = kind not in (PacketType.CONNECT, PacketType.DISCONNECT)
            return [] if is_list and kind != PacketType.CONNECT_ERROR else None
        try:
            data = self._loads(text)
        except _REFUSED:
            data = self._read_rest(text)
        if not carries(kind, data):
            raise ProtocolError("invalid payload")
        return data

    def _read_rest(self, text: str) -> Any:
        try:
            return self._fallback(text)
        except _REFUSED as exc:
            raise ProtocolError("invalid payload") from exc

    def _attach(self, frame: bytes) -> Packet | None:
        if not self._missing:
            raise ProtocolError("got binary data when not reconstructing a packet")
        attachments = self._attachments
        assert attachments is not None  # made with the packet that lacks them
        attachments.append(bytes(frame))  # no copy where it is bytes already
        self._missing -= 1
        if self._missing:
            return None
        packet = self._packet
        assert packet is not None
        self._packet = self._attachments = None
        kind, nsp, data, id = packet
        return _new(Packet, (kind, nsp, restore(data, attachments), id))


def _read_head(text: str, at: int) -> tuple[str, int | None, int]:
    """Return namespace and id that begin at ``at``, and where the rest starts."""
    nsp, id = "/", None
    if text[at : at + 1] == "/":
        nsp, at = _read_namespace(text, at)
    digits = _NUMBER(text, at)[0]  # type: ignore[index]  # it always matches
    if digits:
        at += len(digits)
        id = int(digits)
        if id > MAX_ID:
            raise ProtocolError("the id is too large")
    return nsp, id, at


def _usual_head(text: str) -> tuple[PacketType, str, int | None, int] | None:
    """Return type, namespace and id of a usual packet, and where its list starts."""
    if text.startswith("2"):
        kind = _EVENT
    elif text.startswith("3"):
        kind = _ACK
    else:
        return None
    at, size, number = 1, min(len(text), MAX_DIGITS + 2), 0
    while at < size:
        digit = text[at]
        if not "0" <= digit <= "9":
            break
        number = 10 * number + ord(digit) - 48
        at += 1
    if 1 < at < size and digit == "[":  # the main namespace, an id
        return kind, "/", number, at
    head = _USUAL_HEAD(text)
    if head is None:
        return None
    nsp, id = head.groups()
    return kind, nsp or "/", int(id) if id else None, head.end()


def _read_namespace(text: str, at: int) -> tuple[str, int]:
    """Return the namespace that starts at ``at``, and where the rest starts."""
    end = text.find(",", at, at + MAX_NAMESPACE + 1)
    if end >= 0:
        return text[at:end], end + 1
    if len(text) - at > MAX_NAMESPACE:
        raise ProtocolError("the namespace is too long")
    return text[at:], len(text)
