"""MessagePack reader: for data with integer keys or with JavaScript's extensions.

JavaScript's encoder writes undefined, dates and ArrayBuffers as extensions of type 0.
Undefined and an ArrayBuffer of 1 byte differ only in the marker; so do a date and an
ArrayBuffer of 8 bytes. Libraries report only type and content, and leave integer keys
as they are. Such data is read here, with as much care but ten times slower.

Spec: MessagePack specification, "Formats"; notepack.io 2.2.0.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn

from sockio.errors import ProtocolError

from .msgpack_scan import MAX_DEPTH

__all__ = ["read"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: Types of extensions.
_JAVASCRIPT, _TIMESTAMP = 0, -1
#: Markers of extensions.
_UNDEFINED, _DATE = 0xD4, 0xD7

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
#: Nanoseconds and seconds of the longest timestamps.
_BOTH = struct.Struct(">Iq")


def read(data: bytes) -> Any:
    """Return the value that ``data`` holds.

    Keys are text; an integer key becomes its decimal text. Undefined becomes None, a
    date a ``datetime`` in UTC, an ArrayBuffer bytes; other extensions become ``[type,
    bytes]``.

    Raises:
        ProtocolError: It is not MessagePack, a key is neither text nor an integer, a
            date is out of range, or it is nested too deep.
    """
    reader = _Reader(data)
    try:
        value = reader.read()
    except (IndexError, struct.error):
        _cut_off()
    except UnicodeDecodeError as exc:
        raise ProtocolError("text that is not UTF-8") from exc
    if reader.at != len(data):
        raise ProtocolError("bytes behind the packet")
    return value


class _Reader:
    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def read(self) -> Any:
        """Read a value and all inside it; without recursion, as it may be deep."""
        root: list[Any] = []
        array: list[Any] | None = root
        mapping: dict[str, Any] = {}
        key = ""
        left = 1
        # The containers around the current one, and how many items each still lacks.
        around: list[tuple[list[Any] | None, dict[str, Any], int]] = []
        while left or around:
            if not left:
                array, mapping, left = around.pop()
                continue
            left -= 1
            if array is None:
                key = self.key()
            value, count = self.value()
            if array is None:
                mapping[key] = value
            else:
                array.append(value)
            if count:
                around.append((array, mapping, left))
                if len(around) > MAX_DEPTH:
                    raise ProtocolError("the packet is nested too deep")
                left = count
                if type(value) is dict:
                    array, mapping = None, value
                else:
                    array = value
        return root[0]

    def key(self) -> str:
        key, _ = self.value()
        if type(key) is str:
            return key
        if type(key) is int:
            return str(key)
        raise ProtocolError("a key that is no text")

    def value(self) -> tuple[Any, int]:
        """Return a value and, if it is a container, how many items it gets."""
        marker = self.data[self.at]
        self.at += 1
        if marker < 0x80:
            return marker, 0
        if marker < 0xA0:
            return self.container(marker < 0x90, marker & 0x0F)
        if marker < 0xC0:
            return self.take(marker & 0x1F).decode(), 0
        if marker >= 0xE0:
            return marker - 0x100, 0
        if marker >= 0xDC:
            return self.container(marker >= 0xDE, self.number(2 << (marker & 1)))
        return self.scalar(marker), 0

    def container(self, is_map: bool, count: int) -> tuple[Any, int]:
        # Refuse at once a count of items that the bytes left cannot hold.
        if count << is_map > len(self.data) - self.at:
            _cut_off()
        return {} if is_map else [], count

    def scalar(self, marker: int) -> Any:
        form = _NUMBERS.get(marker)
        if form is not None:
            at = self.at
            self.at = at + form.size
            return form.unpack_from(self.data, at)[0]
        if marker == 0xC1:
            raise ProtocolError("unknown marker 0xc1")
        if marker < 0xC4:
            return None if marker == 0xC0 else marker == 0xC3
        if marker < 0xC7:
            return self.take(self.number(1 << (marker - 0xC4)))
        if marker < 0xCA:
            return self.extension(marker, self.number(1 << (marker - 0xC7)))
        if marker < 0xD9:
            return self.extension(marker, 1 << (marker - 0xD4))
        return self.take(self.number(1 << (marker - 0xD9))).decode()

    def extension(self, marker: int, size: int) -> Any:
        kind = int.from_bytes(self.take(1), "big", signed=True)
        content = self.take(size)
        if kind == _TIMESTAMP:
            return _timestamp(content)
        if kind != _JAVASCRIPT:
            return [kind, content]
        if marker == _UNDEFINED:
            return None
        return _date(content) if marker == _DATE else content

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            _cut_off()
        return self.data[start : self.at]


def _cut_off() -> NoReturn:
    raise ProtocolError("the packet is cut off")


def _date(content: bytes) -> datetime:
    milliseconds = int.from_bytes(content, "big", signed=True)
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as exc:
        raise ProtocolError("a date out of range") from exc


def _timestamp(content: bytes) -> datetime:
    number, nanoseconds = int.from_bytes(content, "big"), 0
    if len(content) == 8:
        number, nanoseconds = number & ((1 << 34) - 1), number >> 34
    elif len(content) == 12:
        nanoseconds, number = _BOTH.unpack(content)
    elif len(content) != 4:
        raise ProtocolError("a timestamp out of range")
    try:
        if nanoseconds >= 10**9:
            raise OverflowError
        return _EPOCH + timedelta(seconds=number, microseconds=nanoseconds // 1000)
    except OverflowError as exc:
        raise ProtocolError("a timestamp out of range") from exc
