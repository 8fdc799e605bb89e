"""Opening: the first packet of a session, which tells the client the rules.

Spec: Engine.IO protocol v4, "Handshake".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import orjson

from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire

from .options import EngineOptions


def open_packet(sid: str, reachable: Sequence[str], options: EngineOptions) -> Wire:
    """Return the open packet.

    Args:
        sid: Id of the session.
        reachable: Transports to which the session's transport can be upgraded.
        options: Of the server; times travel in milliseconds.
    """
    allowed = options.transports if options.allow_upgrades else ()
    rules = _rules(
        tuple([name for name in reachable if name in allowed]),
        options.ping_interval,
        options.ping_timeout,
        options.max_http_buffer_size,
    )
    text = f'{{"sid":{orjson.dumps(sid).decode()},{rules}'
    return Wire(packets=(Packet(PacketType.OPEN, text),))


@lru_cache(maxsize=64)
def _rules(
    upgrades: tuple[str, ...], interval: float, timeout: float, most: int
) -> str:
    """Return the text behind the sid, which is the same for many sessions."""
    rules = {
        "upgrades": upgrades,
        "pingInterval": round(interval * 1000),
        "pingTimeout": round(timeout * 1000),
        "maxPayload": most,
    }
    return orjson.dumps(rules).decode()[1:]
