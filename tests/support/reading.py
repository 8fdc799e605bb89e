"""Reading: feed a decoder that reads in steps, and return all that it makes."""

from __future__ import annotations

from typing import Any

from sockio.protocol.engineio.stream import StreamDecoder
from sockio.protocol.websocket.frames import FrameReader


def fed(reader: FrameReader | StreamDecoder, data: bytes) -> list[Any]:
    """Feed ``data`` and return everything that it completes."""
    return [*reader.feed(data), *_rest(reader)]


def filled(reader: FrameReader, count: int) -> list[Any]:
    """Return everything that is complete now that ``count`` bytes are in its space."""
    return [*reader.filled(count), *_rest(reader)]


def _rest(reader: FrameReader | StreamDecoder) -> list[Any]:
    items: list[Any] = []
    while reader.behind:
        items += reader.more()
    return items
