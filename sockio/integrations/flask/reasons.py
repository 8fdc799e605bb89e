"""Reasons: why a client has disconnected, in Flask-SocketIO's words."""

from __future__ import annotations

from sockio.socket.reasons import Reason

__all__ = ["DisconnectReason", "reason_of"]


class DisconnectReason:
    """What a disconnect handler is told; ``socketio.reason`` is this class."""

    SERVER_DISCONNECT = "server disconnect"
    CLIENT_DISCONNECT = "client disconnect"
    PING_TIMEOUT = "ping timeout"
    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"


_WORDS = {
    Reason.CLIENT_NAMESPACE_DISCONNECT: DisconnectReason.CLIENT_DISCONNECT,
    Reason.SERVER_NAMESPACE_DISCONNECT: DisconnectReason.SERVER_DISCONNECT,
    Reason.SERVER_SHUTTING_DOWN: DisconnectReason.SERVER_DISCONNECT,
    Reason.FORCED_SERVER_CLOSE: DisconnectReason.SERVER_DISCONNECT,
    Reason.FORCED_CLOSE: DisconnectReason.SERVER_DISCONNECT,
    Reason.PARSE_ERROR: DisconnectReason.TRANSPORT_ERROR,
}


def reason_of(reason: str) -> str:
    """Return Flask-SocketIO's words for one of our reasons."""
    return _WORDS.get(Reason(reason), str(reason))
