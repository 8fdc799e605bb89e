"""Home: what a socket asks of its namespace and of the connection that carries it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sockio.engine.session import EngineSession
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio.packet import Packet
from sockio.protocol.socketio.parser import Parser
from sockio.types import SocketId

from .broadcast import Broadcaster
from .handshake import Handshake
from .options import ServerOptions


class Home(Broadcaster, Protocol):
    """What a socket asks of its namespace."""

    @property
    def options(self) -> ServerOptions: ...
    def unheard(self, event: str) -> None:
        """An event of a client found no listener on its socket."""

    def remove(self, socket: Any) -> None:
        """The socket has gone: it receives no broadcast any more."""

    def on_left(self, socket: Any) -> None:
        """The last handler of a socket that has gone has returned."""


class Link(Protocol):
    """What a socket asks of the connection that carries it."""

    #: The Engine.IO session.
    conn: EngineSession
    #: Hands a wire to the session; never blocks.
    write: Callable[[Wire], None]

    #: Writes packets down as this client reads them.
    parser: Parser
    #: A wire as this client reads it.
    form_of: Callable[[Wire], Wire]

    def socket_id(self, namespace: str) -> SocketId:
        """Name the socket of this client in ``namespace``."""

    def handshake(self, auth: Any) -> Handshake:
        """What the server was told when the client connected, ``auth`` with it."""

    def encode(self, packet: Packet, compress: bool = True) -> Wire: ...
    def forget(self, socket: Any) -> None:
        """The socket is no longer part of the connection."""

    def joined(self, socket: Any) -> None:
        """The socket was let into its namespace."""

    def lose(self) -> None:
        """The connection is dead: its sockets end with "transport close"."""

    def disconnect(self) -> None:
        """Disconnect all sockets of the client, then close the connection."""
