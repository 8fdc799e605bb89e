"""Session wire: sessions as documents, which Node's MongoDB adapter reads, and back."""

from __future__ import annotations

from datetime import datetime

from bson.objectid import ObjectId

from sockio.adapters.cluster.moves import session_data
from sockio.adapters.session import Session
from sockio.errors import ProtocolError
from sockio.types import Json

from .wire import SESSION, decoded, plain, written

__all__ = ["read_session", "write_session", "write_tombstone"]


def write_session(
    session: Session,
    nsp: str,
    id: ObjectId,
    uid: str,
    created_at: datetime | None = None,
) -> bytes:
    """Return a session as a document; ``since`` is our own.

    Its ``data`` must be what others would read.
    """
    said = session_data(session)
    data: dict[str, Json] = {
        "sid": session.sid,
        "pid": session.pid,
        "rooms": list(session.rooms),
        "data": said["fields"] if "fields" in said else said["data"],
        "since": session.since,
    }
    return written(SESSION, data, id, uid, nsp, created_at)


def write_tombstone(pid: str, nsp: str, id: ObjectId, uid: str) -> bytes:
    """Return the document that takes a session out of a capped collection."""
    return written(SESSION, {"pid": pid, "tombstone": True}, id, uid, nsp, None)


def read_session(raw: bytes) -> Session | None:
    """Return the session in a document; None: it was given away already."""
    data = plain(decoded(raw).get("data"))
    match data:
        case {"tombstone": True}:
            return None
        case {"sid": str(sid), "pid": str(pid), "rooms": list(rooms)}:
            since, content = data.get("since"), data.get("data")
            return Session(
                sid=sid,
                pid=pid,
                rooms=tuple(str(r) for r in rooms if type(r) in (str, int)),
                data=content,
                fields=content if type(content) is dict else None,
                since=since if type(since) is str else None,
            )
    raise ProtocolError("a session cannot be read")
