"""Connection of a client of Socket.IO 2: what is different in its protocol.

The client is in the main namespace without asking. It asks for another one with a query
string after the name, where newer clients send ``auth``. The answer tells it no id: it
knows the id of its session, and derives those of its sockets from that.
Spec: Socket.IO protocols 3 and 4, "CONNECT", "ERROR".
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from sockio.engine.session import EngineSession
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio import Parser
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.types import SocketId

from .connection import Connection, Directory


class ConnectionV2(Connection):
    """What all sockets of one client of Socket.IO 2 share."""

    def __init__(
        self, directory: Directory, session: EngineSession, parser: Parser
    ) -> None:
        super().__init__(directory, session, parser)
        self._connect("/", {})

    def socket_id(self, namespace: str) -> SocketId:
        """Return the id that the client derives for its socket in ``namespace``."""
        sid = self.conn.id
        return sid if namespace == "/" else f"{namespace}#{sid}"

    def label(self, sid: SocketId) -> str:
        """Return the id of a socket for logs above DEBUG: not the session's, in it."""
        secret = self.conn.id
        return sid.replace(secret, f"{secret[:4]}...")

    def encode(self, packet: Packet, compress: bool = True) -> Wire:
        """Encode a packet for this client."""
        if packet.type is PacketType.CONNECT:
            packet = packet._replace(data=None)
        elif packet.type is PacketType.CONNECT_ERROR:
            packet = packet._replace(data=_error_of(packet.data))
        return super().encode(packet, compress)

    def _on_other(self, packet: Packet, size: int) -> None:
        """Handle a CONNECT, or a packet for which there is no socket."""
        name, _, query = packet.nsp.partition("?")
        if packet.type is PacketType.CONNECT:
            auth = dict(parse_qsl(query, keep_blank_values=True))
            super()._on_other(packet._replace(nsp=name, data=auth), size)
            return
        packet = packet._replace(nsp=name)
        socket = self.sockets.get(name)
        if socket is None or packet.type is PacketType.CONNECT_ERROR:
            super()._on_other(packet, size)
        else:
            socket.incoming.on_packet(packet, size)

    def _unknown(self, name: str) -> None:
        # As Node does: this error has the same form as for newer clients.
        payload = {"message": "Invalid namespace"}
        packet = Packet(PacketType.CONNECT_ERROR, name, payload)
        self.write(super().encode(packet), packet)


def _error_of(payload: dict[str, Any]) -> Any:
    """Return what the client gets: data that is true in JavaScript, or the text."""
    data = payload.get("data")
    return data if data or isinstance(data, list | dict) else payload["message"]
