"""Session: what recovery keeps of a socket after its connection broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sockio.types import Json, Room, SocketId

__all__ = ["Session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What recovery keeps of a socket after its connection broke."""

    sid: SocketId
    #: The secret with which the client asks for the session.
    pid: str
    rooms: tuple[Room, ...]
    data: Json
    #: Offset of the newest event when the client was let in; it got no earlier one.
    since: str | None = None
    #: What the client missed, oldest first, as ``LocalNamespace.encode`` returns it;
    #: empty when the session is persisted.
    missed_packets: Sequence[Any] = ()
    #: If another process had the session: what belongs into a new ``SocketData``.
    fields: Mapping[str, Json] | None = None
    #: What the adapter has to know of a session that comes from elsewhere.
    inherited: Any = None
