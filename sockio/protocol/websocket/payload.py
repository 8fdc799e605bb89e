"""Payloads of frames: text as UTF-8, the masks of clients, what inflates them.

Spec: RFC 6455, sections 5.3 and 5.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform for which that package has no compiled part

    def apply_mask(
        data: bytes | bytearray | memoryview, mask: bytes | bytearray
    ) -> bytes:
        """Return ``data`` XORed with the four bytes of ``mask``, over and over."""
        size = len(data)
        long_mask = (mask * (size // 4 + 1))[:size]
        mixed = int.from_bytes(data, "little") ^ int.from_bytes(long_mask, "little")
        return mixed.to_bytes(size, "little")


__all__ = [
    "Inflate",
    "apply_mask",
    "encode_text",
    "masked_bytes",
    "masked_text",
    "message_frames",
]


def encode_text(text: str) -> bytes:
    """Return text as UTF-8."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form: JavaScript sends U+FFFD in its place.
        utf16 = text.encode("utf-16-le", "surrogatepass")
        return utf16.decode("utf-16-le", "replace").encode()


def plain_masked_text(data: bytes, at: int, end: int) -> str:
    """Return the text in ``data[at:end]``, which begins with its mask.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    return apply_mask(data[at + 4 : end], data[at : at + 4]).decode()


def plain_masked_bytes(data: bytes, at: int, end: int) -> bytes:
    """Return the bytes in ``data[at:end]``, which begins with their mask."""
    return apply_mask(data[at + 4 : end], data[at : at + 4])


def plain_message_frames(lead: str, messages: Sequence[str | bytes]) -> bytes:
    """Return one unmasked frame for each message; ``lead`` precedes each text."""
    return b"".join(
        _frame(0x81, encode_text(lead + message))
        if type(message) is str
        else _frame(0x82, message)  # type: ignore[arg-type]
        for message in messages
    )


def _frame(first: int, data: bytes) -> bytes:
    size = len(data)
    if size <= 125:
        return bytes((first, size)) + data
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + data
    return bytes((first, 127)) + size.to_bytes(8, "big") + data


masked_text: Callable[[bytes, int, int], str] = plain_masked_text
masked_bytes: Callable[[bytes, int, int], bytes] = plain_masked_bytes
message_frames: Callable[[str, Sequence[str | bytes]], bytes] = plain_message_frames
with suppress(ImportError):  # where nothing was compiled
    from . import speedups  # type: ignore[attr-defined]

    masked_text, masked_bytes = speedups.masked_text, speedups.masked_bytes
    message_frames = speedups.message_frames


class Inflate(Protocol):
    """What a reader needs for compressed messages (permessage-deflate)."""

    def message(self, data: bytes, limit: int) -> bytes:
        """Return ``data`` inflated, at most ``limit`` bytes, or raise ProtocolError."""

    def begin(self, data: bytes, limit: int) -> Inflation:
        """Begin to inflate ``data`` in steps; finish it before the next message."""


class Inflation(Protocol):
    """One message that is inflated in steps."""

    def step(self, size: int) -> bytes | None:
        """Inflate ``size`` bytes more; return the message when it is whole."""
