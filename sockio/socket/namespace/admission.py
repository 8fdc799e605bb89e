"""Admission: how sockets are let into a namespace, and forgotten when they have gone.

There are two ways: here the plain one, in ``recovery.py`` the one that lets a client
come back for what it had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.socket.one_socket.socket import Socket


class Admission(Protocol):
    """What a namespace asks about its sockets, from their coming to their end."""

    #: What the sockets of the namespace are.
    socket_class: type[Socket[Any]]

    def admit(self, socket: Any, passes: Callable[[Any], bool]) -> bool:
        """Tell whether the socket may enter, or may have entered before it left.

        Args:
            socket: One whose client wants to join.
            passes: Asks the middlewares, and refuses the socket where one says so.

        Blocks:
            As long as the middlewares do, and whoever keeps sessions.
        """

    def welcome(self, socket: Any) -> None:
        """Write to the client that it was let in."""

    def wait_for_former(self, socket: Any) -> None:
        """Let the last events of the socket that this one was be handled first.

        Blocks:
            As long as handlers of the former connection run.
        """

    def forget(self, socket: Any) -> None:
        """A socket has gone, or was not let in."""

    def on_left(self, socket: Any) -> None:
        """The last handler of a socket that has gone has returned."""


class PlainAdmission:
    """Lets everybody in as somebody new."""

    socket_class: type[Socket[Any]] = Socket

    def admit(self, socket: Any, passes: Callable[[Any], bool]) -> bool:
        """Tell whether the socket may enter: only the middlewares are asked."""
        return passes(socket)

    def welcome(self, socket: Any) -> None:
        """Write to the client that it was let in."""
        fields = {"sid": socket.id}
        socket.outgoing.send_packet(Packet(PacketType.CONNECT, socket.nsp.name, fields))

    def wait_for_former(self, socket: Any) -> None:
        """Nobody has been here before."""

    def forget(self, socket: Any) -> None:
        """Nobody comes back."""

    def on_left(self, socket: Any) -> None:
        """Nobody waits for it."""
