"""Observer: what can be watched of a server, for metrics and the admin UI.

Derive from ``Observer``, override what you want to hear, and hand an instance to
``server.observe(observer)``. The hooks are called where things happen, often in the
hub: they must not block, and must not change what they are shown.
"""

from __future__ import annotations

from typing import Any, Protocol

from sockio.protocol.socketio.packet import Packet
from sockio.types import Room, SocketId

from .handshake import Handshake


class ObservedSession(Protocol):
    """A connection of one client, whatever its transport."""

    @property
    def id(self) -> str: ...
    @property
    def remote_address(self) -> str: ...


class ObservedNamespace(Protocol):
    """A namespace, as far as observers need it."""

    @property
    def name(self) -> str: ...


class ObservedSocket(Protocol):
    """A connection in one namespace."""

    @property
    def id(self) -> SocketId: ...
    @property
    def nsp(self) -> ObservedNamespace: ...
    @property
    def conn(self) -> ObservedSession: ...
    @property
    def handshake(self) -> Handshake: ...
    @property
    def data(self) -> Any: ...


class Observer:
    """Hooks that do nothing; one that raises is a bug of the observer."""

    def session_opened(self, session: ObservedSession) -> None:
        """Call when a client has opened a session, before any namespace."""

    def session_closed(self, session: ObservedSession, reason: str) -> None:
        """Call when a session has ended, after its sockets were disconnected."""

    def packet_in(self, session: ObservedSession, packet: Packet, size: int) -> None:
        """Call when a packet has come, attachments included, before it is handled.

        Args:
            session: Where from; with ``packet.nsp`` it names one socket.
            packet: Of any type, CONNECT and ACK too.
            size: Bytes or characters of its frames.
        """

    def packet_out(self, session: ObservedSession, packet: Packet, size: int) -> None:
        """Call when a packet is handed to the transport; once per receiver."""

    def connected(self, socket: ObservedSocket) -> None:
        """Call when a socket has passed the middlewares and joined its namespace."""

    def disconnected(
        self, socket: ObservedSocket, reason: str, description: object = None
    ) -> None:
        """Call when a connected socket is gone from its namespace and rooms."""

    def joined(self, namespace: str, sid: SocketId, room: Room) -> None:
        """Call when a socket has joined a room; its own id is one too."""

    def left(self, namespace: str, sid: SocketId, room: Room) -> None:
        """Call when a socket has left a room, or all of them by disconnecting."""
