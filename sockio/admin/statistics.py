"""Statistics: what a server says about itself every two seconds."""

from __future__ import annotations

import os
import socket
import time
from itertools import islice
from typing import Any

from sockio.socket.server.metrics.sample import in_steps
from sockio.socket.server.server import Server

from .peers import Peers
from .traffic import Traffic

__all__ = ["Statistics"]

#: Namespaces that are told of; clients may make as many as a pattern accepts.
NAMESPACES = 1000


class _Process:
    """When this process began."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.since = time.monotonic()


PROCESS = _Process()
os.register_at_fork(after_in_child=PROCESS.begin)


class Statistics:
    """The figures of one server."""

    def __init__(self, io: Server[Any], peers: Peers, server_id: str | None) -> None:
        self._io = io
        self._peers = peers
        self._server_id = server_id

    def look(self, traffic: Traffic) -> dict[str, Any]:
        """Return the figures, with what was counted since the last time.

        Blocks:
            While others run, if there are many clients.
        """
        sessions = self._io.engine.clients.values()
        polling = sum(
            session.transport_name == "polling"
            for session in in_steps(self._io.sleep, sessions)
        )
        host = socket.gethostname()
        return {
            "serverId": self.server_id,
            "hostname": host,
            "pid": os.getpid(),
            "uptime": time.monotonic() - PROCESS.since,
            "clientsCount": self._io.engine.clients_count,
            "pollingClientsCount": polling,
            "namespaces": [
                {"name": name, "socketsCount": len(namespace.sockets)}
                for name, namespace in islice(
                    list(self._io.namespaces.items()), NAMESPACES
                )
            ],
            "aggregatedEvents": traffic.take(),
        }

    @property
    def server_id(self) -> str:
        """The name of this process among those of the cluster."""
        if self._server_id is not None:
            return self._server_id
        host = socket.gethostname()
        return host if self._peers.alone else f"{host}#{os.getpid()}"
