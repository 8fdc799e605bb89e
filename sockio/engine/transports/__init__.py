"""Transports: the ways to carry packets between a session and its client.

``polling_for`` and ``websocket_for`` make the transport for the protocol, and in the
form, that the query of a request names.
"""

from __future__ import annotations

from sockio.engine.http.request import Request
from sockio.engine.options import EngineOptions
from sockio.engine.websockets.websocket import WebSocket
from sockio.protocol.engineio.dialect import V4, dialect_of
from sockio.runtime.reactor import Reactor

from .jsonp import JsonpTransport, JsonpV3Transport
from .polling import PollingTransport
from .polling_v3 import PollingV3Transport
from .websocket import TranslatedWebSocketTransport, WebSocketTransport

__all__ = ["polling_for", "websocket_for"]

#: Seconds that a client of protocol 3 gets to begin to listen. Programs written for it
#: begin when the WebSocket is open, and would lose what came with the handshake.
LISTENING_TIME = 0.01


def polling_for(
    request: Request, options: EngineOptions, reactor: Reactor
) -> PollingTransport:
    """Return the transport of a session that ``request`` opens by polling."""
    dialect = dialect_of(request.query)
    index = request.query.get("j")
    if index is not None:
        jsonp = JsonpTransport if dialect.protocol == 4 else JsonpV3Transport
        return jsonp(options, reactor, index)
    if dialect.protocol == 4:
        return PollingTransport(options, reactor)
    return PollingV3Transport(options, reactor, dialect)


def websocket_for(
    request: Request, websocket: WebSocket, reactor: Reactor
) -> WebSocketTransport:
    """Return the transport on the WebSocket that ``request`` opened."""
    dialect = dialect_of(request.query)
    if dialect is V4:
        return WebSocketTransport(websocket)
    transport = TranslatedWebSocketTransport(websocket, dialect)
    if dialect.protocol == 3 and not request.query.get("sid"):
        transport.hold_back(reactor.clock, LISTENING_TIME)
    return transport
