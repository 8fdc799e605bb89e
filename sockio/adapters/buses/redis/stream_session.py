"""Stream session: a session as Node's streams adapter keeps it, and back (pure).

It is a map in MessagePack, in base64, under a key that has its pid.
"""

from __future__ import annotations

import base64
from dataclasses import replace

from sockio.adapters.cluster.moves import session_data, session_in
from sockio.adapters.session import Session
from sockio.errors import ProtocolError
from sockio.protocol.socketio.msgpack_parser import parse, write

from .stream_wire import unpacked

__all__ = ["read_session", "write_session"]


def write_session(session: Session, nsp: str) -> bytes:
    """Return a session; Node reads sid, pid, rooms and data.

    Raises:
        EncodeError: Its ``data`` would not arrive as it is.
    """
    said = session_data(session)
    said["pid"] = session.pid
    if "fields" in said:
        said["data"] = said.pop("fields")
    else:
        said["plain"] = True
    said |= {"nsp": nsp, "since": session.since}
    return base64.b64encode(write(said))


def read_session(data: bytes, pid: str, nsp: str) -> Session:
    """Return a session, which may be Node's."""
    said = parse(unpacked(data))
    if type(said) is not dict or said.get("nsp", nsp) != nsp:
        raise ProtocolError("this is no session of the namespace")
    if type(said.get("data")) is dict and said.get("plain") is not True:
        said["fields"] = said.pop("data")
    rooms = said.get("rooms")
    if type(rooms) is list:  # Node's may be numbers
        said["rooms"] = [str(room) if type(room) is int else room for room in rooms]
    session = session_in(said, pid)
    since = said.get("since")
    return replace(session, since=since if type(since) is str else None)
