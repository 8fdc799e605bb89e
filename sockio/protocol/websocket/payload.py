"""Payloads of frames: text as UTF-8, the masks of clients, what inflates them.

Spec: RFC 6455, sections 5.3 and 5.6.
"""

from __future__ import annotations

from typing import Protocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform for which that package has no compiled part

    def apply_mask(
        data: bytes | bytearray | memoryview, mask: bytes | bytearray
    ) -> bytes:
        """Return ``data`` with the four bytes of ``mask`` over it."""
        size = len(data)
        long_mask = (mask * (size // 4 + 1))[:size]
        mixed = int.from_bytes(data, "little") ^ int.from_bytes(long_mask, "little")
        return mixed.to_bytes(size, "little")


__all__ = ["Inflate", "apply_mask", "encode_text"]


def encode_text(text: str) -> bytes:
    """Return text as UTF-8."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form: JavaScript sends U+FFFD in its place.
        utf16 = text.encode("utf-16-le", "surrogatepass")
        return utf16.decode("utf-16-le", "replace").encode()


class Inflate(Protocol):
    """What a reader needs for compressed messages (permessage-deflate)."""

    def message(self, data: bytes, limit: int) -> bytes:
        """Return ``data`` inflated, at most ``limit`` bytes, or raise ProtocolError."""
