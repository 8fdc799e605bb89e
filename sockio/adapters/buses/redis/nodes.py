"""Nodes: what a program without gevent has open to a broker, or to a cluster."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from typing import Any

from .connection import Connection
from .dialer import Dialer
from .finding import Finder, Map
from .url import Address, Site

__all__ = ["Nodes"]

Command = tuple[Any, ...]

_DIALER = Dialer(socket, ssl)


class Nodes:
    """A connection to each node that was needed; one thread at a time uses it."""

    def __init__(self, site: Site) -> None:
        self._finder = Finder(site, _DIALER)
        #: By ``time.monotonic``, when all that is under way must have ended.
        self.until = 0.0
        #: Whether ``send`` has sent something since somebody has set this to False.
        self.sent = False
        self._map: Map | None = None
        self._connections: dict[Address, Connection] = {}

    def connect(self, address: Address) -> Connection:
        """Return a connection that is not open; it has time until ``until``."""
        connection = Connection(address, _DIALER)
        connection.until = self.until
        return connection

    def owner(self, name: bytes) -> Address:
        """Return the node that is responsible for a channel or a key.

        Raises:
            FAILURES: Nobody tells.

        Blocks:
            Until that is known.
        """
        return self._found().owner(name)

    def send(self, command: Command) -> Any:
        """Return the answer to a command about the channel or the key that it names.

        Raises:
            Refused: The answer is an error.
            FAILURES: There is none.

        Blocks:
            Until it has come.
        """
        connection = self._opened(self.owner(command[1]))
        self.sent = True
        return _exchange(connection, command)

    def add_up(self, command: Command) -> int:
        """Return how many subscribers all nodes together count; see ``send``."""
        nodes = self._found().nodes
        found = [_exchange(self._opened(node), command) for node in nodes]
        return sum(int(number) for _, number in found)

    def close(self) -> None:
        """End all connections, and forget where the nodes are."""
        self._map = None
        while self._connections:
            self._connections.popitem()[1].close()

    def abandon(self) -> None:
        """Release the sockets of another process, from which this one was forked."""
        for connection in self._connections.values():
            connection.abandon()

    def _found(self) -> Map:
        if self._map is None:
            self._map = self._finder.find(self.until)
            self._finder.keep()
        return self._map

    def _opened(self, node: Address) -> Connection:
        """Return a connection that works; one that has ended meanwhile is replaced."""
        connection = self._connections.get(node)
        if connection is not None and connection.idle:
            connection.until = self.until
            return connection
        if connection is not None:
            # Another broker may have taken its place.
            del self._connections[node]
            connection.close()
        connection = self.connect(node)
        with ExitStack() as undo:
            undo.callback(connection.close)
            connection.open()
            self._finder.check(connection)
            undo.pop_all()
        self._connections[node] = connection
        return connection


def _exchange(connection: Connection, command: Command) -> Any:
    connection.send([command])
    return connection.read()
