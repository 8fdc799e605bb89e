"""Told: debug lines about the packets of a session."""

from __future__ import annotations

from logging import DEBUG
from typing import Protocol

from sockio.protocol.engineio.packet import Packet
from sockio.runtime import logs

__all__ = ["is_told", "tell"]

log = logs.get("engine.session")


class Opened(Protocol):
    """What is logged about a session that has opened."""

    id: str
    remote_address: str

    @property
    def transport_name(self) -> str: ...
    @property
    def protocol(self) -> int: ...


def is_told(session: Opened) -> bool:
    """Log that ``session`` is open; return whether to log its packets, too."""
    if not log.isEnabledFor(DEBUG):
        return False
    log.debug(
        "sid=%s opened by %s from %r, EIO=%d",
        session.id,
        session.transport_name,
        session.remote_address,
        session.protocol,
    )
    return True


def tell(sid: str, way: str, packet: Packet) -> None:
    """Log that ``packet`` came "in" or went "out"."""
    if log.isEnabledFor(DEBUG):
        kind = packet.type.name.lower()
        size = 0 if packet.data is None else len(packet.data)
        data = logs.payload(packet.data) if size else ""
        log.debug("sid=%s %s %s size=%d%s", sid, way, kind, size, data)
