"""Feed: all that happens to sockets, as it happens, for the development mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.engine.session import EngineSession
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime.observers import Observer
from sockio.runtime.surroundings import Call
from sockio.socket.one_socket.socket import Socket
from sockio.socket.server.metrics.sample import in_steps
from sockio.socket.server.server import Server
from sockio.types import Room, SocketId

from .hiding import shown
from .portrait import date, portrait
from .voice import Voice

__all__ = ["Feed", "socket_of"]


class Feed(Observer):
    """Tells who watches of sockets, rooms and events."""

    def __init__(self, io: Server[Any], voice: Voice, namespace: str) -> None:
        """Tell nothing yet.

        Args:
            io: The server.
            voice: Speaks to those who watch.
            namespace: Theirs, whose events are not told: they would be events, too.
        """
        self._io = io
        self._say = voice.say
        self._own = namespace
        #: What ``socket.data`` was when it was told last.
        self._data: dict[Socket[Any], Any] = {}

    def look(self, *, tell: bool = True) -> None:
        """Tell of each socket whose data has changed; or only remember the data.

        Blocks:
            While others run, if there are many sockets.
        """
        for namespace in list(self._io.namespaces.values()):
            for socket in in_steps(self._io.sleep, namespace.sockets.values(), 100):
                if socket.connected:
                    self._compare(socket, tell=tell)

    def _compare(self, socket: Socket[Any], *, tell: bool = True) -> None:
        data = shown(socket.data)
        if socket not in self._data:
            self._data[socket] = {}
        if self._data[socket] != data:
            self._data[socket] = data
            if tell:
                about = {"id": socket.id, "nsp": socket.nsp.name, "data": data}
                self._say("socket_updated", about)

    def _now(self) -> str:
        return date(self._io.reactor.clock.time())

    # ---- sockets

    def socket_connected(self, socket: Socket[Any]) -> None:
        """A client has joined a namespace; for the others see ``Observer``."""
        self._compare(socket, tell=False)
        # A page that comes in will get all sockets at once.
        but = socket.id if socket.nsp.name == self._own else None
        self._say("socket_connected", portrait(socket), self._now(), but=but)

    def socket_disconnected(self, socket: Socket[Any], reason: str) -> None:
        self._data.pop(socket, None)
        self._say(
            "socket_disconnected", socket.nsp.name, socket.id, reason, self._now()
        )

    def session_upgraded(self, session: EngineSession, before: str) -> None:
        for socket in _sockets(session).values():
            if socket is not None and socket.connected:
                about = {"id": socket.id, "nsp": socket.nsp.name}
                transport = session.transport_name
                self._say("socket_updated", {**about, "transport": transport})

    def handler_ended(self, call: Call, error: BaseException | None) -> None:
        socket = call.socket
        if isinstance(socket, Socket) and socket.connected:
            self._compare(socket)

    # ---- rooms

    def room_joined(self, namespace: str, room: Room, sid: SocketId) -> None:
        but = sid if namespace == self._own and room == sid else None
        self._say("room_joined", namespace, room, sid, self._now(), but=but)

    def room_left(self, namespace: str, room: Room, sid: SocketId) -> None:
        say: Callable[..., None] = self._say
        about = "room_left", namespace, room, sid, self._now()
        found = self._io.namespaces.get(namespace)
        if found is not None and sid in found.sockets:
            say(*about)
        else:
            # The socket is about to be told of as disconnected; only then the page
            # forgets a room that was its alone.
            self._io.reactor.soon(say, *about)

    # ---- events

    def packet_in(self, session: EngineSession, packet: Packet, size: int) -> None:
        self._tell_event("event_received", session, packet)

    def packet_out(self, session: EngineSession, packet: Packet, size: int) -> None:
        self._tell_event("event_sent", session, packet)

    def _tell_event(self, event: str, session: EngineSession, packet: Packet) -> None:
        if packet.type is PacketType.EVENT and packet.nsp != self._own:
            socket = socket_of(session, packet)
            if socket is not None:
                about = packet.nsp, socket.id
                self._say(event, *about, shown(packet.data), self._now())


def socket_of(session: EngineSession, packet: Packet) -> Socket[Any] | None:
    """Return the socket that a packet is from or for, if it is connected."""
    socket = _sockets(session).get(packet.nsp)
    return socket if socket is not None and socket.connected else None


def _sockets(session: EngineSession) -> dict[str, Socket[Any] | None]:
    return getattr(session.consumer, "sockets", {})
