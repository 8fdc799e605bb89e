"""Read what a JSON parser of ours wrote, so that it can be written otherwise.

That is how MessagePack gets the conversions of a JSON library, and how a broadcast to
clients of both parsers says the same to all of them.
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
        ProtocolError: JavaScript could not read it either.
    """
    decoder = JsonDecoder(orjson.loads, _loads, sys.maxsize)
    packet = None
    for frame in frames:
        packet = decoder.feed(frame)
    assert packet is not None  # all frames of a packet were given
    return packet


def _nothing(constant: str) -> Any:
    """Some libraries write NaN and infinities, which JSON has not."""
    return None


def _integer(digits: str) -> int | float:
    # Those of 64 bits are kept; longer ones would take quadratic time.
    return int(digits) if len(digits) < 22 else float(digits)


_loads = json.JSONDecoder(parse_constant=_nothing, parse_int=_integer).decode
