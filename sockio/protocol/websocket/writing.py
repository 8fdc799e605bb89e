"""Writing RFC 6455 frames: frame(payload) -> bytes.

Spec: RFC 6455, section 5.2.
"""

from __future__ import annotations

from .payload import apply_mask, encode_text

__all__ = ["frame"]

_TEXT = 1
_BINARY = 2
_FIN = 0x80
_RSV1 = 0x40
_MASKED = 0x80
#: Bytes of the longest payload whose length fits the second byte of the header.
_SHORT = 125


def frame(
    payload: str | bytes,
    opcode: int | None = None,
    *,
    rsv1: bool = False,
    mask: bytes | None = None,
    fin: bool = True,
) -> bytes:
    """Return one frame.

    Args:
        payload: Text makes a text frame, bytes a binary one.
        opcode: Another kind of frame.
        rsv1: Whether the payload is compressed.
        mask: The four bytes to mask with; None: no mask, as servers must.
        fin: Whether this is the last fragment of its message.
    """
    if type(payload) is str:
        data = encode_text(payload)
        kind = _TEXT
    else:
        data = payload  # type: ignore[assignment]
        kind = _BINARY
    size = len(data)
    first = (kind if opcode is None else opcode) | (fin and _FIN) | (rsv1 and _RSV1)
    masked = 0 if mask is None else _MASKED
    if size <= _SHORT:
        header = bytes((first, masked | size))
    elif size < 1 << 16:
        header = bytes((first, masked | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, masked | 127)) + size.to_bytes(8, "big")
    if mask is None:
        return header + data
    return header + mask + apply_mask(data, mask)
