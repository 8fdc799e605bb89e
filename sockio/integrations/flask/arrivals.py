"""Arrivals: clients whose connect handler runs, and what is sent to them meanwhile.

The client learns that it is let in when the handler has returned, and only then may get
events. So these wait.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sockio.socket.one_socket.socket import Socket

__all__ = ["Arrivals"]


class Waiting(NamedTuple):
    """An event that waits."""

    event: str
    args: tuple[Any, ...]
    callback: Callable[..., Any] | None


class Arrivals:
    """The arriving clients of one server."""

    def __init__(self) -> None:
        # None stands for a disconnect.
        self._waiting: WeakKeyDictionary[Socket[Any], list[Waiting | None]] = (
            WeakKeyDictionary()
        )

    def begin(self, socket: Socket[Any]) -> None:
        """Let what is sent to a client wait."""
        self._waiting[socket] = []

    def refuse(self, socket: Socket[Any]) -> None:
        """Drop what has waited for a client that is not let in."""
        self._waiting.pop(socket, None)

    def welcome(self, socket: Socket[Any]) -> None:
        """Send what has waited for a client that was let in."""
        for waiting in self._waiting.pop(socket, ()):
            if waiting is None:
                socket.disconnect()
            else:
                socket.emit(waiting.event, *waiting.args, ack=waiting.callback)

    def leave_later(self, socket: Socket[Any]) -> bool:
        """Disconnect a client when it has been let in; False: it is not arriving."""
        if socket not in self._waiting:
            return False
        self._waiting[socket].append(None)
        return True

    def find(self, namespace: str, sid: str) -> Socket[Any] | None:
        """Return the arriving client with this sid."""
        for socket in self._of(namespace):
            if socket.id == sid:
                return socket
        return None

    def keep(
        self,
        namespace: str,
        rooms: Collection[str] | None,
        without: Collection[str],
        waiting: Waiting,
    ) -> None:
        """Keep an event for the arriving clients whom it addresses.

        Args:
            namespace: The name of the namespace.
            rooms: Those that are addressed; None: everybody is.
            without: The sids of the clients that are left out.
            waiting: The event.
        """
        for socket in self._of(namespace):
            own = {socket.id, *socket.rooms}
            if socket.id not in without and (rooms is None or own.intersection(rooms)):
                self._waiting[socket].append(_copied(waiting))

    def _of(self, namespace: str) -> Iterator[Socket[Any]]:
        for socket in list(self._waiting):
            if socket.nsp.name == namespace and not socket.gone:
                yield socket


def _copied(waiting: Waiting) -> Waiting:
    """Return the event as it is now: the handler may go on changing its arguments."""
    try:
        return waiting._replace(args=copy.deepcopy(waiting.args))
    except TypeError:  # an open file, say
        return waiting
