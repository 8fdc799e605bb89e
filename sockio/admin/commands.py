"""Commands: what the page asks a server to do; absent if it may only look.

None of them can reach the admin namespace, or end a connection over which somebody
watches. What does not fit is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sockio.protocol.socketio.packet import RESERVED_EVENTS
from sockio.runtime import logs
from sockio.socket.many_sockets.broadcast import BroadcastOperator
from sockio.socket.one_socket.socket import Socket
from sockio.socket.server.server import Server
from sockio.types import SocketId

from .peers import Peers
from .voice import emit_safely

__all__ = ["Commands"]

log = logs.get("admin")

#: The commands by name.
NAMES = ("emit", "join", "leave", "_disconnect")


class Commands:
    """The commands of all pages that are connected to a server."""

    def __init__(self, io: Server[Any], namespace: str, peers: Peers) -> None:
        """Obey pages.

        Args:
            io: The server.
            namespace: The pages' own, which is out of their reach.
            peers: The other servers.
        """
        self._io = io
        self._own = namespace
        self._peers = peers
        peers.hear("command", self._do_here)
        peers.hear("kick", self._kick_here)
        peers.hear("spared", self._spared_here)

    def attach(self, socket: Socket[Any]) -> None:
        """Listen to a page."""
        for name in NAMES:
            socket.on(name, partial(self._on_command, name))
        socket.on("kick", self._on_kick)

    def _on_command(self, name: str, *args: Any) -> None:
        namespace = args[0] if args else None
        if not isinstance(namespace, str) or namespace == self._own:
            log.debug("%r is not for namespace %r", name, namespace)
        elif namespace in self._io.namespaces:
            to = self._io.namespaces[namespace].except_()
            self._do(to, name, args[1:], self._spared_everywhere)
        else:  # clients of another server may have made it
            self._peers.tell("command", name, *args)

    def _do_here(self, name: object, namespace: object, *args: Any) -> None:
        """Another server lacks a namespace: carry out its command on our sockets."""
        if isinstance(namespace, str) and namespace != self._own:
            found = self._io.namespaces.get(namespace)
            if found is not None:
                self._do(found.local, name, args, self._spared_here)

    def _do(
        self,
        to: BroadcastOperator,
        name: object,
        args: tuple[Any, ...],
        spared: Callable[[], list[SocketId]],
    ) -> None:
        match name, args:
            case "emit", (None | str() as room, str(event), *rest):
                if event not in RESERVED_EVENTS:
                    emit_safely(_chosen(to, [room]), event, *rest)
            case "join", (str(joined), *rest) if joined:
                _chosen(to, rest).sockets_join(joined)
            case "leave", (str(left), *rest) if left:
                _chosen(to, rest).sockets_leave(left)
            case "_disconnect", (bool(close), *rest):
                chosen = _chosen(to, rest)
                if close:
                    chosen = chosen.except_(spared())
                chosen.disconnect_sockets(close)
            case _:
                log.debug("%r has wrong arguments", name)

    def _on_kick(self, *args: Any) -> bool:
        """End the connection of one client; return whether there was one."""
        match args:
            case (str(namespace), str(sid)):
                kicked = self._kick_here(namespace, sid)
                return kicked or True in self._peers.ask("kick", namespace, sid)
        log.debug("%r has wrong arguments", "kick")
        return False

    def _kick_here(self, namespace: object, id: object) -> bool:
        found = self._io.namespaces.get(str(namespace))
        socket = None if found is None else found.sockets.get(str(id))
        if socket is None or id in self._spared_here():
            return False
        sid = socket.outgoing.label
        log.info("sid=%s kicked by an admin page", sid)
        socket.disconnect(close=True)
        return True

    def _spared_here(self) -> list[SocketId]:
        """Return the sockets whose connections a page uses, too."""
        return [
            socket.id
            for page in list(self._io.of(self._own).sockets.values())
            for socket in page.client.sockets.values()
            if socket is not None
        ]

    def _spared_everywhere(self) -> list[SocketId]:
        there = self._peers.ask("spared")
        return [*self._spared_here(), *(sid for some in there for sid in some or ())]


def _chosen(to: BroadcastOperator, rest: list[Any]) -> BroadcastOperator:
    """Return the sockets in a room, or all; nobody, if it is no room."""
    match rest:
        case [] | [None]:
            return to
        case [str(room)] if room:
            return to.to(room)
    log.debug("%r is no room", rest)
    return to.to()
