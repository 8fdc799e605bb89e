"""Admission: how sockets are let into a namespace, and forgotten when they have gone.

There are two ways: the plain one is here; the one in ``recovery.py`` lets a client that
comes back have its former socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.socket.one_socket.socket import Socket


class Admission(Protocol):
    """What a namespace asks about its sockets, from their connect to their end."""

    #: The class of the namespace's sockets.
    socket_class: type[Socket[Any]]

    def admit(self, socket: Any, passes: Callable[[Any], bool]) -> bool:
        """Return whether the socket may enter; if it has gone, whether it might have.

        Args:
            socket: A socket whose client wants to join.
            passes: Asks the middlewares; refuses the socket if one of them does.

        Blocks:
            As long as the middlewares do, and another program that keeps the sessions.
        """

    def welcome(self, socket: Any) -> None:
        """Tell the client that it was let in."""

    def wait_for_former(self, socket: Any) -> None:
        """Wait until the last events of the client's former socket are handled.

        Blocks:
            As long as handlers of the former connection run.
        """

    def forget(self, socket: Any) -> None:
        """Forget a socket that has gone or was not let in."""

    def on_left(self, socket: Any) -> None:
        """The last handler of a socket that has gone has returned."""

    def let_go(self, pid: str) -> None:
        """End the connection of the client with this secret: it has another one."""

    def watch_all(self) -> None:
        """Let a new adapter know of the sockets that can come back."""


class PlainAdmission:
    """Lets each client in with a new socket."""

    socket_class: type[Socket[Any]] = Socket

    def admit(self, socket: Any, passes: Callable[[Any], bool]) -> bool:
        """Return whether the socket may enter: only the middlewares are asked."""
        return passes(socket)

    def welcome(self, socket: Any) -> None:
        """Tell the client that it was let in."""
        fields = {"sid": socket.id}
        socket.outgoing.send_packet(Packet(PacketType.CONNECT, socket.nsp.name, fields))

    def wait_for_former(self, socket: Any) -> None:
        """Do nothing: no socket has a former one."""

    def forget(self, socket: Any) -> None:
        """Do nothing: no client comes back for its socket."""

    def on_left(self, socket: Any) -> None:
        """Do nothing: nobody waits for it."""

    def let_go(self, pid: str) -> None:
        """Do nothing: no client has a secret."""

    def watch_all(self) -> None:
        """Do nothing: no socket can come back."""
