"""Tails: a page follows one socket, on whichever server it is, in any mode."""

from __future__ import annotations

from functools import partial
from typing import Any

from sockio.engine.session import EngineSession
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.observers import Observer
from sockio.socket.namespace.namespace import Namespace
from sockio.socket.one_socket.socket import Socket
from sockio.socket.server.server import Server
from sockio.types import SocketId

from .feed import socket_of
from .hiding import shown
from .peers import Peers
from .portrait import date
from .voice import emit_safely

__all__ = ["Tails"]

log = logs.get("admin")

#: How many pages may follow the sockets of one server.
MOST = 100
_TOLD = {PacketType.EVENT: "event", PacketType.ACK: "ack"}


class Tails(Observer):
    """The sockets of one server that are followed, and by which pages.

    It observes the server only while there are any.
    """

    def __init__(self, io: Server[Any], namespace: Namespace, peers: Peers) -> None:
        """Follow nobody yet.

        Args:
            io: The server.
            namespace: That of the pages.
            peers: The other servers.
        """
        self._io = io
        self._namespace = namespace
        self._peers = peers
        #: The socket that each page follows, by the page's id.
        self._followed: dict[SocketId, Socket[Any]] = {}
        peers.hear("tail", self._begin)
        peers.hear("untail", self._end)

    def attach(self, page: Socket[Any]) -> None:
        """Listen to a page."""
        page.on("tail", partial(self._on_tail, page.id))
        page.on("untail", lambda *_: self._end_everywhere(page.id))
        page.on("disconnect", lambda: self._end_everywhere(page.id))

    def _on_tail(self, page: SocketId, *args: Any) -> bool:
        """Let a page follow one socket; return whether there is one."""
        self._end_everywhere(page)
        match args:
            case (str(namespace), str(sid)):
                about = page, namespace, sid
                return self._begin(*about) or True in self._peers.ask("tail", *about)
        log.debug("%r has wrong arguments", "tail")
        return False

    def _begin(self, page: object, namespace: object, sid: object) -> bool:
        """Let a page follow a socket of this server; return whether there is one."""
        if not isinstance(page, str) or namespace == self._namespace.name:
            return False
        found = self._io.namespaces.get(str(namespace))
        socket = None if found is None else found.sockets.get(str(sid))
        if socket is None or len(self._followed) >= MOST:
            return False
        if not self._followed:
            self._io.observe(self)
        self._followed[page] = socket
        return True

    def _end_everywhere(self, page: SocketId) -> None:
        self._end(page)
        self._peers.tell("untail", page)

    def _end(self, page: object) -> None:
        """A page follows no socket of this server any more."""
        if isinstance(page, str) and self._followed.pop(page, None) is not None:
            self._rest()

    def close(self) -> None:
        """Nobody watches any more."""
        if self._followed:
            self._followed.clear()
            self._rest()

    def _rest(self) -> None:
        if not self._followed:
            self._io._lifecycle.unobserve(self)

    # ---- what happens

    def packet_in(self, session: EngineSession, packet: Packet, size: int) -> None:
        """A packet has arrived; for the others see ``Observer``."""
        self._tell("in", session, packet, size)

    def packet_out(self, session: EngineSession, packet: Packet, size: int) -> None:
        self._tell("out", session, packet, size)

    def socket_disconnected(self, socket: Socket[Any], reason: str) -> None:
        for page, followed in list(self._followed.items()):
            if followed is socket:
                self._say(page, socket, {"way": "gone", "reason": reason})
                self._end(page)

    def _tell(
        self, way: str, session: EngineSession, packet: Packet, size: int
    ) -> None:
        kind = _TOLD.get(packet.type)
        if kind is None:
            return
        socket = socket_of(session, packet)
        pages = [page for page, each in self._followed.items() if each is socket]
        if socket is None or not pages:
            return
        about = {
            "way": way,
            "type": kind,
            "data": shown(packet.data),
            "ack": packet.id,
            "size": size,
        }
        for page in pages:
            self._say(page, socket, about)

    def _say(self, page: SocketId, socket: Socket[Any], about: dict[str, Any]) -> None:
        now = date(self._io.reactor.clock.time())
        to = self._namespace.to(page)
        emit_safely(to, "tailed", socket.nsp.name, socket.id, about, now)
