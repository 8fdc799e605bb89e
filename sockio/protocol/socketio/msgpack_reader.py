"""MessagePack where it matters which marker an extension had.

JavaScript's encoder writes undefined, dates and ArrayBuffers as extensions of type 0;
undefined and an ArrayBuffer of 1 byte, or a date and one of 8 bytes, differ in nothing
but the marker. Libraries tell only type and content, so such data is read here, with as
much care and about twenty times slower.

Spec: MessagePack specification, "Formats"; notepack.io 2.2.0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from sockio.errors import ProtocolError

__all__ = ["read"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: Types of extensions.
_JAVASCRIPT, _TIMESTAMP = 0, -1

_NUMBERS = {
    marker: struct.Struct(form)
    for marker, form in {
        0xCA: ">f",
        0xCB: ">d",
        0xCC: ">B",
        0xCD: ">H",
        0xCE: ">I",
        0xCF: ">Q",
        0xD0: ">b",
        0xD1: ">h",
        0xD2: ">i",
        0xD3: ">q",
    }.items()
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
#: Extensions of fixed length: marker -> length.
_FIXED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_UNDEFINED, _DATE = 0xD4, 0xD7


def read(data: bytes) -> Any:
    """Return the value that ``data`` holds.

    Undefined becomes None, a date a ``datetime`` in UTC, an ArrayBuffer bytes; other
    extensions become ``[type, bytes]``.

    Raises:
        ProtocolError: It is not MessagePack, or a date is out of range.
        RecursionError: It is nested too deep.
    """
    reader = _Reader(data)
    value = reader.value()
    if reader.at != len(data):
        raise ProtocolError("bytes behind the packet")
    return value


class _Reader:
    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise ProtocolError("the packet is cut off")
        return self.data[start : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def value(self) -> Any:
        marker = self.take(1)[0]
        if marker < 0x80:
            return marker
        if marker < 0x90:
            return self.mapping(marker & 0x0F)
        if marker < 0xA0:
            return self.array(marker & 0x0F)
        if marker < 0xC0:
            return self.text(marker & 0x1F)
        if marker >= 0xE0:
            return marker - 0x100
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        form = _NUMBERS.get(marker)
        if form is not None:
            return form.unpack(self.take(form.size))[0]
        if marker in _FIXED:
            return self.extension(marker, _FIXED[marker])
        sized = _SIZED.get(marker)
        if sized is None:
            raise ProtocolError(f"unknown marker {marker:#x}")
        read_it, size = sized
        return read_it(self, self.number(size))

    def mapping(self, count: int) -> dict[Any, Any]:
        self.expect(2 * count)
        result = {}
        for _ in range(count):
            key = self.value()
            try:
                result[_key(key)] = self.value()
            except TypeError as exc:
                raise ProtocolError("a map cannot be a key") from exc
        return result

    def array(self, count: int) -> list[Any]:
        self.expect(count)
        items = []
        for _ in range(count):
            items.append(self.value())
        return items

    def expect(self, count: int) -> None:
        """Refuse a count of values that the bytes left cannot hold."""
        if count > len(self.data) - self.at:
            raise ProtocolError("the packet is cut off")

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode()
        except UnicodeDecodeError as exc:
            raise ProtocolError("text that is not UTF-8") from exc

    def buffer(self, size: int) -> bytes:
        return self.take(size)

    def sized_extension(self, size: int) -> Any:
        return self.extension(None, size)

    def extension(self, marker: int | None, size: int) -> Any:
        kind = int.from_bytes(self.take(1), "big", signed=True)
        content = self.take(size)
        if kind == _TIMESTAMP:
            return _timestamp(content)
        if kind != _JAVASCRIPT:
            return [kind, content]
        if marker == _UNDEFINED:
            return None
        return _date(content) if marker == _DATE else content


#: Marker -> what reads it, and bytes of the length that follows it.
_SIZED: dict[int, tuple[Callable[[_Reader, int], Any], int]] = {
    0xC4: (_Reader.buffer, 1),
    0xC5: (_Reader.buffer, 2),
    0xC6: (_Reader.buffer, 4),
    0xC7: (_Reader.sized_extension, 1),
    0xC8: (_Reader.sized_extension, 2),
    0xC9: (_Reader.sized_extension, 4),
    0xD9: (_Reader.text, 1),
    0xDA: (_Reader.text, 2),
    0xDB: (_Reader.text, 4),
    0xDC: (_Reader.array, 2),
    0xDD: (_Reader.array, 4),
    0xDE: (_Reader.mapping, 2),
    0xDF: (_Reader.mapping, 4),
}


def _key(value: Any) -> Any:
    """Return an array as something that can be a key, as the library does."""
    return tuple(map(_key, value)) if isinstance(value, list) else value


def _date(content: bytes) -> datetime:
    milliseconds = int.from_bytes(content, "big", signed=True)
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as exc:
        raise ProtocolError("a date out of range") from exc


def _timestamp(content: bytes) -> Any:
    # The library knows these by their type alone.
    header = bytes((0xC7, len(content) & 0xFF, 0xFF))
    try:
        return msgspec.msgpack.decode(header + content)
    except msgspec.DecodeError as exc:
        raise ProtocolError("a timestamp out of range") from exc
