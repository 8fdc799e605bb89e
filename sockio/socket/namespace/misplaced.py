"""Misplaced listeners: for events of clients, but registered on a namespace.

Events of a client go to its socket. Users of Flask-SocketIO are used to registering
listeners on the server, where nothing ever calls them; a warning says so when such an
event comes.
"""

from __future__ import annotations

from collections.abc import Callable

from sockio.runtime import logs
from sockio.runtime.listeners import Listeners
from sockio.socket.emit_arguments import SERVER_EVENTS

log = logs.get("socket.dispatch")


class Misplaced:
    """Warns of the listeners of one server, once for each name."""

    def __init__(self, on_server: Callable[[str], int]) -> None:
        """Make one; ``on_server`` counts the server's listeners for an event."""
        self._on_server = on_server
        #: The events already warned of; never more than have listeners.
        self._told: set[str] = set()

    def check(self, event: str, listeners: Listeners, namespace: str) -> None:
        """Warn if an event without a listener on its socket has one elsewhere.

        Args:
            event: Its name.
            listeners: Those of the socket's namespace.
            namespace: The name of the namespace.
        """
        if listeners.get(event):
            where = "the server" if namespace == "/" else f"the namespace {namespace!r}"
        elif self._on_server(event):
            where = "the server"
        else:
            return
        if event in self._told or event in SERVER_EVENTS:
            return
        self._told.add(event)
        log.warning(
            "event %r: its listener is registered on %s, where nothing calls it; "
            "register it on the socket, in the connection handler: @socket.on(%r)",
            event,
            where,
            event,
        )
