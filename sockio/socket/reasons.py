"""Reasons: why a socket was disconnected, and after which ones it may be recovered.

They are what Node's servers say, letter by letter; applications compare them as text.
"""

from __future__ import annotations

from enum import Enum


class Reason(str, Enum):
    """Equal to its text, and ``str()`` gives it."""

    #: The connection broke, or the client misused its transport.
    TRANSPORT_ERROR = "transport error"
    #: The client went away.
    TRANSPORT_CLOSE = "transport close"
    #: The server closed the session: ``conn.close()``, or a packet it cannot accept.
    FORCED_CLOSE = "forced close"
    #: The client has not been heard for too long.
    PING_TIMEOUT = "ping timeout"
    #: A frame that is no Engine.IO packet.
    PARSE_ERROR = "parse error"
    #: ``server.close()``.
    SERVER_SHUTTING_DOWN = "server shutting down"
    #: As FORCED_CLOSE, for a polling client without a waiting request.
    FORCED_SERVER_CLOSE = "forced server close"
    #: The client left the namespace.
    CLIENT_NAMESPACE_DISCONNECT = "client namespace disconnect"
    #: ``socket.disconnect()``.
    SERVER_NAMESPACE_DISCONNECT = "server namespace disconnect"

    def __str__(self) -> str:
        return self.value


#: A middleware has not let the socket in; no listener is told.
REFUSED = "refused"

#: After these the client reconnects by itself and its session is worth keeping.
RECOVERABLE: frozenset[str] = frozenset(Reason) - {
    Reason.PARSE_ERROR,
    Reason.CLIENT_NAMESPACE_DISCONNECT,
    Reason.SERVER_NAMESPACE_DISCONNECT,
}
