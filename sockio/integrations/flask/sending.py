"""Sending: events to clients, whom rooms and sids address.

An arriving client gets what addresses it when it is let in; see ``arrivals``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.adapters.addressing import Flags
from sockio.errors import Disconnected, NotSupported
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.socket.namespace.namespace import Namespace
from sockio.socket.one_socket.socket import Socket
from sockio.socket.room_names import room_names
from sockio.socket.server.server import Server

from .arrivals import Arrivals, Waiting

__all__ = ["Sending", "arguments_of"]

#: Seconds for which a callback waits for the answers of several clients, or of one
#: that another server has.
CALLBACK_TIMEOUT = 60.0


def arguments_of(data: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of an event: a tuple is several, None is none."""
    if len(data) != 1:
        return data
    only = data[0]
    if isinstance(only, tuple):
        return only
    return () if only is None else (only,)


class Sending:
    """Sends the events of one server."""

    def __init__(self, io: Server[Any], arrivals: Arrivals) -> None:
        self._io = io
        self._arrivals = arrivals

    def emit(
        self,
        event: str,
        args: tuple[Any, ...],
        *,
        namespace: str,
        to: Any,
        without: Any,
        callback: Callable[..., Any] | None,
        local: bool,
    ) -> None:
        """Send an event.

        Args:
            event: Its name.
            args: Its arguments.
            namespace: The name of the namespace.
            to: Rooms and sids; None: everybody.
            without: Sids of clients that are left out.
            callback: Called with the answer of each client.
            local: Whether the clients of other servers are left out.
        """
        rooms = None if to is None else room_names((to,))
        skipped = () if without is None else room_names((without,))
        space = self.namespace(namespace)
        if space is None:  # it has no clients
            self._io.sockets.encode(_packet(namespace, event, args), Flags())
            return
        waiting = Waiting(event, args, callback)
        self._arrivals.keep(namespace, rooms, skipped, waiting)
        operator = space.except_(skipped)
        if rooms is not None:
            operator = operator.to(rooms)
        if local:
            operator = operator.local
        if callback is None:
            operator.emit(event, *args)
            return
        one = space.sockets.get(rooms[0]) if rooms and len(rooms) == 1 else None
        if one is not None and one.id not in skipped:
            one.emit(event, *args, ack=callback)
        else:
            each = _for_each(callback)
            operator.timeout(CALLBACK_TIMEOUT).emit(event, *args, ack=each)

    def call(
        self,
        event: str,
        args: tuple[Any, ...],
        *,
        namespace: str,
        to: Any,
        timeout: float,
    ) -> Any:
        """Send an event to one client and return its answer.

        Several values are a tuple; of a client that another server has, the first one.

        Raises:
            AckTimeout: The answer did not come in time.
            Disconnected: The client has gone, or there is none.
            NotSupported: The client is arriving.

        Blocks:
            Until the answer comes or one of these happens.
        """
        if to is None:
            raise ValueError("call() asks one client: give to=")
        if self._arrivals.find(namespace, to) is not None:
            raise NotSupported(
                "call() in a connect handler would wait for a client that does not "
                "know yet that it is let in; write emit(..., callback=...), or let the "
                "client emit an event first"
            )
        space = self.namespace(namespace)
        socket = None if space is None else space.sockets.get(to)
        if socket is not None:
            answer = socket.call(event, *args, timeout=timeout)
            return answer if len(answer) > 1 else answer[0] if answer else None
        answers = (
            []
            if space is None
            else space.to(to).timeout(timeout).emit_with_ack(event, *args)
        )
        if not answers:
            raise Disconnected(f"there is no client {to!r}")
        return answers[0]

    # ------------------------------------------------------------------ the clients

    def leave_later(self, socket: Socket[Any]) -> bool:
        """Disconnect a client when it has been let in; False: it has been."""
        return self._arrivals.leave_later(socket)

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace, unless clients could not join it."""
        return self._io.namespaces.get(name)

    def find(self, namespace: str, sid: str) -> Socket[Any] | None:
        """Return a client of this server, arriving or not."""
        space = self.namespace(namespace)
        if space is None:
            return None
        return space.sockets.get(sid) or self._arrivals.find(namespace, sid)


def _packet(namespace: str, event: str, args: tuple[Any, ...]) -> Packet:
    return Packet(PacketType.EVENT, namespace, [event, *args])


def _for_each(callback: Callable[..., Any]) -> Callable[[Any, list[Any]], None]:
    def answered(error: Any, answers: list[Any]) -> None:
        for answer in answers:
            callback(answer)

    return answered
