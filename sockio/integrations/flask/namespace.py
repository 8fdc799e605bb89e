"""Namespace: the handlers of a namespace as the methods of a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sockio.runtime.listeners import Listener

from .arguments import call_fitting

if TYPE_CHECKING:
    from .server import Server
    from .socketio import SocketIO

__all__ = ["Namespace"]

_PREFIX = "on_"


class Namespace:
    """Derive from it, write ``on_<event>`` methods, give it to ``on_namespace``.

    ``on_connect`` may take the client's auth, ``on_disconnect`` the reason. If there is
    a method ``error(exception)``, it is called with what the others raise and no other
    error handler has taken; what it returns is the answer to the event.
    """

    def __init__(self, namespace: str | None = None) -> None:
        self.namespace = namespace or "/"
        self.socketio: SocketIO = None  # type: ignore[assignment]

    #: Makes a listener of an event and a method.
    listener_of: Callable[[str, Any], Listener] = Listener

    @property
    def server(self) -> Server:
        """The same as ``socketio.server``."""
        return self.socketio.server

    # ------------------------------------------------------------------ handling

    def trigger_event(self, event: str, sid: str, *args: Any) -> Any:
        """Call the method of ``event``; override this to see every event first.

        Args:
            event: Its name.
            sid: The client's.
            args: Those of the event; for ``connect`` the environ and the auth.
        """
        method = self.method_of(event)
        if method is None:
            return None
        return call_fitting(self.listener_of(event, method), event, args)

    @property
    def catches_all(self) -> bool:
        """Whether ``trigger_event`` has been overridden."""
        return type(self).trigger_event is not Namespace.trigger_event

    def method_of(self, event: str) -> Callable[..., Any] | None:
        """Return the method that handles an event."""
        method: Callable[..., Any] | None = getattr(self, _PREFIX + event, None)
        return method

    def events(self) -> Iterator[str]:
        """Yield the names of the events that have methods."""
        for name in dir(self):
            if name.startswith(_PREFIX):
                yield name.removeprefix(_PREFIX)

    # ------------------------------------------------------------------ calling

    def emit(
        self,
        event: str,
        data: Any = None,
        room: Any = None,
        include_self: bool = True,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        **more: Any,
    ) -> None:
        """Emit to the clients of this namespace; see ``SocketIO.emit``."""
        self.socketio.emit(
            event,
            data,
            room=room,
            include_self=include_self,
            namespace=namespace or self.namespace,
            callback=callback,
            **more,
        )

    def send(
        self,
        data: Any,
        room: Any = None,
        include_self: bool = True,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        **more: Any,
    ) -> None:
        """Emit a ``message`` event to the clients of this namespace."""
        self.socketio.send(
            data,
            room=room,
            include_self=include_self,
            namespace=namespace or self.namespace,
            callback=callback,
            **more,
        )

    def call(
        self, event: str, data: Any = None, namespace: str | None = None, **more: Any
    ) -> Any:
        """Emit to a client and return its answer; see ``SocketIO.call``. Blocks."""
        space = namespace or self.namespace
        return self.socketio.call(event, data, namespace=space, **more)

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take all clients out of a room."""
        self.socketio.close_room(room, namespace or self.namespace)

    def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a client into a room."""
        self.server.enter_room(sid, room, namespace or self.namespace)

    def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a client out of a room."""
        self.server.leave_room(sid, room, namespace or self.namespace)

    def rooms(self, sid: str, namespace: str | None = None) -> list[str]:
        """Return the rooms of a client."""
        return self.server.rooms(sid, namespace or self.namespace)

    def disconnect(self, sid: str, namespace: str | None = None) -> None:
        """Disconnect a client."""
        self.server.disconnect(sid, namespace or self.namespace)
