"""Told: debug lines about a session: its life, and its packets."""

from __future__ import annotations

from logging import DEBUG
from typing import Protocol

from sockio.protocol.engineio.packet import Packet
from sockio.runtime import logs
from sockio.runtime.log_fields import fields

__all__ = ["Opened", "is_told", "tell", "tell_closed", "tell_moved", "tell_probe"]

log = logs.get("engine.session")


class Opened(Protocol):
    """What is logged about a session."""

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
        extra=_about(session),
    )
    return True


def _about(session: Opened) -> dict[str, object]:
    """Return what debug lines about a session say beside their text."""
    return fields(
        session=session.id,
        transport=session.transport_name,
        address=session.remote_address or None,
    )


def tell(session: Opened, way: str, packet: Packet) -> None:
    """Log that ``packet`` came "in" or went "out"."""
    if log.isEnabledFor(DEBUG):
        kind = packet.type.name.lower()
        size = 0 if packet.data is None else len(packet.data)
        data = logs.payload(packet.data) if size else ""
        sid, extra = session.id, _about(session)
        log.debug("sid=%s %s %s size=%d%s", sid, way, kind, size, data, extra=extra)


def tell_probe(session: Opened, transport: str) -> None:
    """Log that the client tries another transport."""
    if log.isEnabledFor(DEBUG):
        extra = _about(session)
        log.debug("sid=%s probes %s", session.id, transport, extra=extra)


def tell_moved(session: Opened, old: str, new: str) -> None:
    """Log that the client has another transport."""
    if log.isEnabledFor(DEBUG):
        extra = _about(session)
        log.debug("sid=%s moved from %s to %s", session.id, old, new, extra=extra)


def tell_closed(session: Opened, reason: str, why: object) -> None:
    """Log that the session has ended."""
    if log.isEnabledFor(DEBUG):
        extra = _about(session)
        log.debug("sid=%s closed: %s (%s)", session.id, reason, why, extra=extra)
