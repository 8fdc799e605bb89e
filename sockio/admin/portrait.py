"""Portrait: a socket as the admin page sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any

from sockio.socket.handshake import Handshake
from sockio.socket.many_sockets.remote_socket import RemoteSocket
from sockio.socket.one_socket.socket import Socket

from .hiding import headers_shown, query_shown, shown, url_shown

__all__ = ["client_id", "date", "portrait", "remote_portrait"]

#: Characters of what ties sockets together.
LENGTH = 12


def date(seconds: float) -> str:
    """Return a time as JavaScript writes it in JSON."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def client_id(sid: str) -> str:
    """Return what ties the sockets of a session together, and is no secret.

    Node takes the first characters of the session's id. That leaves few to be guessed,
    since an id ends with a count; and who knows an id can poll in its client's place.
    """
    return sha256(sid.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def portrait(socket: Socket[Any]) -> dict[str, Any]:
    """Return what the page shows of a socket of this server."""
    # The socket keeps its own handshake once somebody has asked for it.
    handshake = socket.client.handshake(None)
    return {
        "id": socket.id,
        "clientId": client_id(socket.conn.id),
        "transport": socket.conn.transport_name,
        "nsp": socket.nsp.name,
        "data": shown(socket.data),
        "handshake": _handshake(handshake),
        "rooms": sorted(socket.rooms),
    }


def remote_portrait(socket: RemoteSocket, namespace: str) -> dict[str, Any]:
    """Return what the page shows of a socket whose server is not instrumented."""
    data = shown(socket.data)
    told: Any = {}
    if isinstance(data, dict):
        told = data.pop("_admin", None)  # Node's page keeps it there
    if not isinstance(told, Mapping):
        told = {}
    return {
        "id": socket.id,
        "clientId": told.get("clientId"),
        "transport": told.get("transport"),
        "nsp": namespace,
        "data": data,
        "handshake": _handshake(socket.handshake),
        "rooms": sorted(socket.rooms),
    }


def _handshake(handshake: Handshake) -> dict[str, Any]:
    return {
        "address": handshake.address,
        "headers": headers_shown(handshake.headers),
        "query": query_shown(handshake.query),
        "issued": handshake.issued,
        "secure": handshake.secure,
        "time": handshake.time,
        "url": url_shown(handshake.url),
        "xdomain": handshake.xdomain,
    }
