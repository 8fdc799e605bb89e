"""Own frames: read what our JSON parser wrote, to write it in another format.

Thus MessagePack gets the conversions of a JSON library, and a broadcast to clients of
both parsers brings all of them the same values.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import orjson

from .json_parser import JsonDecoder
from .packet import Packet

__all__ = ["read"]


def read(frames: Sequence[str | bytes]) -> Packet:
    """Return the packet of ``frames``, with as many attachments as it has.

    Raises:
        ProtocolError: They are not what a JavaScript client could read.
    """
    decoder = JsonDecoder(orjson.loads, _loads, sys.maxsize)
    packet = None
    for frame in frames:
        packet = decoder.feed(frame)
    assert packet is not None  # all frames of a packet were given
    return packet


def _nothing(constant: str) -> Any:
    """Return None for NaN and infinities: some libraries write them, JSON has none."""
    return None


def _integer(digits: str) -> int | float:
    # Integers of 64 bits stay exact; reading longer ones would take quadratic time.
    return int(digits) if len(digits) < 22 else float(digits)


_loads = json.JSONDecoder(parse_constant=_nothing, parse_int=_integer).decode
