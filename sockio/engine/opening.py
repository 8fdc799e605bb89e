"""Opening: the first packet of a session, which tells the client the rules.

Spec: Engine.IO protocol v4, "Handshake".
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire

from .options import EngineOptions


def open_packet(sid: str, reachable: Sequence[str], options: EngineOptions) -> Wire:
    """Return the open packet.

    Args:
        sid: Id of the session.
        reachable: Transports to which its transport can be upgraded.
        options: Of the server; times travel in milliseconds.
    """
    allowed = options.transports if options.allow_upgrades else ()
    handshake = {
        "sid": sid,
        "upgrades": [name for name in reachable if name in allowed],
        "pingInterval": round(options.ping_interval * 1000),
        "pingTimeout": round(options.ping_timeout * 1000),
        "maxPayload": options.max_http_buffer_size,
    }
    text = orjson.dumps(handshake).decode()
    return Wire(packets=(Packet(PacketType.OPEN, text),))
