"""Reasons: why a socket was disconnected, and after which ones it may be recovered.

They are what Node's servers say, letter by letter; applications compare them as text.
"""

from __future__ import annotations

from enum import Enum

from sockio.engine import reasons


class Reason(str, Enum):
    """Equal to its text, and ``str()`` gives it."""

    # Why the session below has ended: the engine gives and describes these reasons.
    TRANSPORT_ERROR = reasons.TRANSPORT_ERROR
    TRANSPORT_CLOSE = reasons.TRANSPORT_CLOSE
    FORCED_CLOSE = reasons.FORCED_CLOSE
    PING_TIMEOUT = reasons.PING_TIMEOUT
    PARSE_ERROR = reasons.PARSE_ERROR
    #: ``server.close()``.
    SERVER_SHUTTING_DOWN = "server shutting down"
    #: As FORCED_CLOSE, for a polling client without a waiting request.
    FORCED_SERVER_CLOSE = "forced server close"
    #: The client disconnected from the namespace.
    CLIENT_NAMESPACE_DISCONNECT = "client namespace disconnect"
    #: ``socket.disconnect()``.
    SERVER_NAMESPACE_DISCONNECT = "server namespace disconnect"

    def __str__(self) -> str:
        return self.value


#: A middleware refused the socket; no listener is called.
REFUSED = "refused"

#: After these the client reconnects by itself and its session is worth keeping.
RECOVERABLE: frozenset[str] = frozenset(Reason) - {
    Reason.PARSE_ERROR,
    Reason.CLIENT_NAMESPACE_DISCONNECT,
    Reason.SERVER_NAMESPACE_DISCONNECT,
}
