"""Closing: the content of a close frame, a code and a reason.

Spec: RFC 6455, sections 5.5.1 and 7.4.
"""

from __future__ import annotations

from sockio.errors import ProtocolError

from .frames import CLOSE, frame
from .payload import encode_text

__all__ = ["close_frame", "parse_close"]

#: Most bytes of a code and a reason together.
_MOST = 125


def close_frame(code: int = 1000, reason: str = "") -> bytes:
    """Return an unmasked close frame; code 1005 makes one without a code.

    A reason that is too long is cut between two characters.
    """
    if code == 1005:
        return frame(b"", CLOSE)
    text = encode_text(reason)[: _MOST - 2].decode("utf-8", "ignore")
    return frame(code.to_bytes(2, "big") + text.encode(), CLOSE)


def parse_close(payload: bytes) -> tuple[int | None, str]:
    """Return code and reason of a close frame; None: it carries no code.

    Raises:
        ProtocolError: No peer may send this code, or the reason is not UTF-8.
    """
    if not payload:
        return None, ""
    code = int.from_bytes(payload[:2], "big")
    may_be_sent = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    if len(payload) == 1 or not may_be_sent:
        raise ProtocolError("invalid close code", 1002)
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError as exc:
        raise ProtocolError("invalid UTF-8", 1007) from exc
