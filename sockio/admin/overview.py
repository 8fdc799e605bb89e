"""Overview: the sockets of all servers, for a page that comes in."""

from __future__ import annotations

from typing import Any

from sockio.errors import ClusterTimeout
from sockio.socket.many_sockets.remote_socket import RemoteSocket
from sockio.socket.server.metrics.sample import in_steps
from sockio.socket.server.server import Server

from .peers import Peers
from .portrait import portrait, remote_portrait

__all__ = ["Overview"]


class Overview:
    """The sockets of a server and of all others."""

    def __init__(self, io: Server[Any], peers: Peers) -> None:
        self._io = io
        self._peers = peers
        peers.hear("sockets", self.here)

    def here(self) -> list[dict[str, Any]]:
        """Return the sockets of this server.

        Blocks:
            While others run, if there are many.
        """
        return [
            portrait(socket)
            for namespace in list(self._io.namespaces.values())
            for socket in in_steps(self._io.sleep, namespace.sockets.values(), 100)
            if socket.connected
        ]

    def everywhere(self) -> list[dict[str, Any]]:
        """Return the sockets of all servers; of those that answer in time.

        Blocks:
            Until the others have answered.
        """
        answers = self._peers.ask("sockets")
        there = [socket for answer in answers for socket in answer or ()]
        if not self._peers.alone and self._some_are_silent(len(answers)):
            there += self._of_the_silent(there)
        return [*self.here(), *there]

    def _some_are_silent(self, answers: int) -> bool:
        """Whether there are servers that are not instrumented, or do not answer."""
        try:
            return self._io.sockets.adapter.server_count() > answers + 1
        except ClusterTimeout:
            return True

    def _of_the_silent(self, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the sockets that adapters find beside those that are known."""
        ids = {(socket["nsp"], socket["id"]) for socket in known}
        found = []
        for name, namespace in list(self._io.namespaces.items()):
            for socket in self._fetch(namespace):
                if isinstance(socket, RemoteSocket) and (name, socket.id) not in ids:
                    found.append(remote_portrait(socket, name))
        return found

    def _fetch(self, namespace: Any) -> list[Any]:
        try:
            sockets: list[Any] = namespace.timeout(2).fetch_sockets(allow_partial=True)
        except ClusterTimeout:
            return []
        return sockets
