"""Home: what a socket asks of its namespace and of the connection that carries it.

Also what its two halves, the way in and the way out, ask of the socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sockio.engine.session import EngineSession
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio.packet import Packet
from sockio.protocol.socketio.parser import Parser
from sockio.socket.error_handlers import ErrorHandlers
from sockio.socket.handshake import Handshake
from sockio.socket.many_sockets.broadcast import Broadcaster
from sockio.socket.options import ServerOptions
from sockio.types import SocketId


class Home(Broadcaster, Protocol):
    """What a socket asks of its namespace."""

    @property
    def options(self) -> ServerOptions: ...
    @property
    def errors(self) -> ErrorHandlers:
        """The error handlers of the namespace, and of the server."""

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
    #: Hands a wire and the packet in it to the session; never blocks.
    write: Callable[[Wire, Packet | None], None]

    #: Encodes packets in the format that this client reads.
    parser: Parser
    #: Returns a wire in the format that this client reads.
    form_of: Callable[[Wire], Wire]

    def socket_id(self, namespace: str) -> SocketId:
        """Return the id for this client's socket in ``namespace``."""

    def label(self, sid: SocketId) -> str:
        """Return the id of a socket for logs above DEBUG, without a secret in it."""

    def handshake(self, auth: Any) -> Handshake:
        """Return what the server learned when the client connected, and ``auth``."""

    def encode(self, packet: Packet, compress: bool = True) -> Wire: ...
    def forget(self, socket: Any) -> None:
        """The socket is no longer part of the connection."""

    def joined(self, socket: Any) -> None:
        """The socket was let into its namespace."""

    def lose(self) -> None:
        """The connection is dead: its sockets end with "transport close"."""

    def disconnect(self) -> None:
        """Disconnect all sockets of the client, then close the connection."""


class Owner(Protocol):
    """What the way in and the way out ask of their socket."""

    @property
    def incoming(self) -> Runner: ...
    @property
    def errors(self) -> ErrorHandlers:
        """The error handlers of the socket, and of those above it."""

    def close(self, reason: str, description: object = None) -> None:
        """End without notifying the client."""

    def report_error(self, error: BaseException) -> None:
        """Call the ``error`` listeners in this greenlet."""


class Runner(Protocol):
    """What the way out and the gate ask of the way in."""

    @property
    def deaf(self) -> bool:
        """Whether no event is handled any more."""

    def run(self, job: Callable[[], object]) -> None:
        """Run ``job`` after the events that came before it."""
