"""Scan: check a MessagePack message before it is read.

A library accepts any value as the key of a map. Numbers and tuples have the same hash
in every process, so a peer could choose keys that collide, and keep a dict busy for
minutes. Here only text becomes the key of a dict, for nobody can predict its hash.
Besides, a library does not tell what JavaScript's extensions stand for.

Spec: MessagePack specification, "Formats"; notepack.io 2.2.0.
"""

from __future__ import annotations

from typing import NoReturn

from sockio.errors import ProtocolError

__all__ = ["MAX_DEPTH", "is_simple"]

#: Most containers around a value: as many as Python walks through without trouble.
MAX_DEPTH = 900

#: Kinds of markers whose values have no fixed size.
_MAP, _ARRAY, _SIZED, _EXTENSION, _UNKNOWN = 0x80, 0x90, 0xC4, 0xC7, 0xC1


def _kinds() -> bytes:
    """Return for each marker the bytes that its value has, or one of those kinds."""
    kinds = bytearray(256)
    kinds[0x80:0x90] = bytes((_MAP,)) * 16
    kinds[0x90:0xA0] = bytes((_ARRAY,)) * 16
    kinds[0xA0:0xC0] = bytes(range(32))
    kinds[0xC1] = _UNKNOWN
    kinds[0xC4:0xC7] = kinds[0xD9:0xDC] = bytes((_SIZED,)) * 3
    kinds[0xC7:0xCA] = bytes((_EXTENSION,)) * 3
    kinds[0xCA:0xD4] = bytes((4, 8, 1, 2, 4, 8, 1, 2, 4, 8))
    kinds[0xD4:0xD9] = bytes((_EXTENSION,)) * 5
    kinds[0xDC:0xDE] = bytes((_ARRAY,)) * 2
    kinds[0xDE:0xE0] = bytes((_MAP,)) * 2
    return bytes(kinds)


_KINDS = _kinds()


def is_simple(data: bytes) -> bool:
    """Tell whether a library reads ``data`` as JavaScript means it.

    Raises:
        ProtocolError: It is not MessagePack, a key is neither text nor an integer, or
            it is nested too deep.
    """
    scan = _Scan(data)
    try:
        scan.run()
    except IndexError:
        _cut_off()
    return scan.simple


class _Scan:
    __slots__ = ("at", "data", "simple")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.simple = True

    def run(self) -> None:
        data, kinds = self.data, _KINDS
        # How many items each container around still lacks. The number is negative for
        # a map, where keys and values both count.
        around: list[int] = []
        at, left, is_map = 0, 1, False
        while left or around:
            if not left:
                left = around.pop()
                is_map = left < 0
                left = abs(left)
                continue
            marker = data[at]
            if is_map and not left & 1 and not 0xA0 <= marker < 0xC0:
                self.key(marker)
            at += 1
            left -= 1
            kind = kinds[marker]
            if kind < 0x20:
                at += kind
                continue
            self.at = at
            count = self.count(marker, kind)
            at = self.at
            if count:
                around.append(-left if is_map else left)
                if len(around) > MAX_DEPTH:
                    raise ProtocolError("the packet is nested too deep")
                left, is_map = count, kind == _MAP
        if at > len(data):
            _cut_off()
        if at < len(data):
            raise ProtocolError("bytes behind the packet")

    def key(self, marker: int) -> None:
        """Check a key that is not a short text."""
        if 0xD9 <= marker <= 0xDB:
            return
        if marker < 0x80 or marker >= 0xE0 or 0xCC <= marker <= 0xD3:
            self.simple = False
        else:
            raise ProtocolError("a key that is no text")

    def count(self, marker: int, kind: int) -> int:
        """Step over a value without a fixed size; return how many items it contains."""
        if kind in (_MAP, _ARRAY):
            short = marker < 0xA0
            count = marker & 0x0F if short else self.number(2 << (marker & 1))
            if kind == _MAP:
                count *= 2
            if count > len(self.data) - self.at:
                _cut_off()
            return count
        if kind == _SIZED:
            size = self.number(1 << (marker - (0xC4 if marker < 0xD9 else 0xD9)))
        elif kind == _EXTENSION:
            fixed = marker >= 0xD4
            size = 1 << (marker - 0xD4) if fixed else self.number(1 << (marker - 0xC7))
            # An ArrayBuffer of 1 byte looks like undefined, one of 8 bytes like a date.
            if self.data[self.at] == 0 and (size == 1 or size == 8):
                self.simple = False
            size += 1
        else:
            raise ProtocolError(f"unknown marker {marker:#x}")
        self.at += size
        return 0

    def number(self, size: int) -> int:
        at = self.at
        self.at = at + size
        return int.from_bytes(self.data[at : at + size], "big")


def _cut_off() -> NoReturn:
    raise ProtocolError("the packet is cut off")
