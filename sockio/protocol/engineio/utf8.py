"""v3's text: lengths in UTF-16 code units, and UTF-8 inside of binary payloads.

JavaScript counts code units, so an emoji counts twice. Text may also hold lone
surrogates, which UTF-8 cannot carry: U+FFFD replaces them, as in JavaScript. How text
is written as UTF-8 does not depend on the version, see ``websocket/payload``.
"""

from __future__ import annotations

import re

from sockio.errors import ProtocolError

__all__ = ["decode", "take", "units"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def units(text: str) -> int:
    """Return the length of ``text`` in UTF-16 code units."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def take(text: str, at: int, count: int) -> str:
    """Return the part of ``text`` that starts at ``at`` and has ``count`` code units.

    Raises:
        ProtocolError: The text is too short, or the part would end inside a character.
    """
    part = text[at : at + count]
    if part.isascii() and len(part) == count:
        return part
    encoded = part.encode("utf-16-le", "surrogatepass")
    if len(encoded) < 2 * count:
        raise ProtocolError("the payload ends inside a packet")
    if len(encoded) == 2 * len(part):
        return part
    part = encoded[: 2 * count].decode("utf-16-le", "surrogatepass")
    if not text.startswith(part, at):
        raise ProtocolError("a packet ends inside a character")
    return part


def decode(data: bytes) -> str:
    """Return the text that UTF-8 ``data`` holds; surrogates in it become U+FFFD.

    Raises:
        ProtocolError: It is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as exc:
        raise ProtocolError("the packet is not UTF-8") from exc
    return _SURROGATE.sub("\ufffd", text)
