"""Server: what applications use of python-socketio's server, by sid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from sockio.errors import ConfigError
from sockio.socket.namespace.namespace import Namespace
from sockio.socket.server.server import Server as SockioServer
from sockio.types import Environ

from .current import CURRENT
from .login import is_users_room
from .reasons import DisconnectReason
from .sending import Sending, arguments_of

__all__ = ["Server"]

#: The attribute of a socket with what ``save_session`` keeps.
_SESSION = "_flask_server_session"


class Server:
    """``socketio.server``: the calls of python-socketio's server that have a sid.

    Our own server is ``socketio.io``.
    """

    reason = DisconnectReason
    async_mode = "gevent"

    def __init__(self, io: SockioServer[Any], sending: Sending) -> None:
        self._io = io
        self._sending = sending

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"socketio.server has no {name!r}; sockio's own server is socketio.io"
        )

    # ------------------------------------------------------------------ events

    def emit(
        self,
        event: str,
        data: Any = None,
        to: Any = None,
        room: Any = None,
        skip_sid: Any = None,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        ignore_queue: bool = False,
    ) -> None:
        """Send an event to rooms and sids, or to everybody."""
        self._sending.emit(
            event,
            arguments_of((data,)),
            namespace=namespace or "/",
            to=room if to is None else to,
            without=skip_sid,
            callback=callback,
            local=ignore_queue,
        )

    def send(self, data: Any, to: Any = None, **how: Any) -> None:
        """Send a ``message`` event."""
        self.emit("message", data, to, **how)

    def call(
        self,
        event: str,
        data: Any = None,
        to: Any = None,
        sid: str | None = None,
        namespace: str | None = None,
        timeout: float = 60.0,
        ignore_queue: bool = False,
    ) -> Any:
        """Send an event to a client and return its answer; see ``Sending.call``."""
        return self._sending.call(
            event,
            arguments_of((data,)),
            namespace=namespace or "/",
            to=sid if to is None else to,
            timeout=timeout,
        )

    # ------------------------------------------------------------------ rooms

    def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a client into a room.

        Raises:
            ValueError: The room is another client's own.
        """
        space = self._namespace(namespace)
        if room != sid and self._sending.find(space.name, room) is not None:
            raise ValueError("this room is another client's own: nobody else may enter")
        socket = self._sending.find(space.name, sid)
        if socket is not None:
            socket.join(room)
        else:
            space.to(sid).sockets_join(room)

    def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a client out of a room."""
        space = self._namespace(namespace)
        socket = self._sending.find(space.name, sid)
        if socket is not None:
            socket.leave(room)
        else:
            space.to(sid).sockets_leave(room)

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take all clients out of a room."""
        self._namespace(namespace).to(room).sockets_leave(room)

    def rooms(self, sid: str, namespace: str | None = None) -> list[str]:
        """Return the rooms of a client; in its disconnect handler, those it was in.

        Blocks:
            In a cluster, if another server has the client: until all have answered.
        """
        space = self._namespace(namespace)
        socket = self._sending.find(space.name, sid)
        current = CURRENT.get(None)
        if socket is None and current is not None and current.socket.id == sid:
            socket = current.socket
        if socket is not None:
            found = {sid, *socket.rooms}
        else:
            found = {
                room for each in space.to(sid).fetch_sockets() for room in each.rooms
            }
        # Its own room first, as in Flask-SocketIO.
        shown = [room for room in found if not is_users_room(room)]
        return sorted(shown, key=lambda room: (room != sid, room))

    # ------------------------------------------------------------------ clients

    def disconnect(
        self, sid: str, namespace: str | None = None, ignore_queue: bool = False
    ) -> None:
        """Disconnect a client; an arriving one when it has been let in."""
        space = self._namespace(namespace)
        socket = self._sending.find(space.name, sid)
        if socket is None:
            space.to(sid).disconnect_sockets()
        elif not self._sending.leave_later(socket):
            socket.disconnect()

    def get_environ(self, sid: str, namespace: str | None = None) -> Environ | None:
        """Return the environ of a client's handshake; None: it is not here."""
        socket = self._sending.find(namespace or "/", sid)
        return None if socket is None else socket.request.environ

    def transport(self, sid: str, namespace: str | None = None) -> str:
        """Return the name of a client's transport."""
        socket = self._sending.find(namespace or "/", sid)
        if socket is None:
            raise KeyError(sid)
        return socket.conn.transport.name

    def get_session(self, sid: str, namespace: str | None = None) -> dict[str, Any]:
        """Return what is kept for a client; it is no user session of Flask's."""
        socket = self._sending.find(namespace or "/", sid)
        if socket is None:
            raise KeyError(sid)
        kept: dict[str, Any] = socket.__dict__.setdefault(_SESSION, {})
        return kept

    def save_session(
        self, sid: str, session: dict[str, Any], namespace: str | None = None
    ) -> None:
        """Keep something else for a client."""
        socket = self._sending.find(namespace or "/", sid)
        if socket is None:
            raise KeyError(sid)
        socket.__dict__[_SESSION] = session

    @contextmanager
    def session(
        self, sid: str, namespace: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Give what is kept for a client to a ``with`` statement, and keep it again."""
        session = self.get_session(sid, namespace)
        yield session
        self.save_session(sid, session, namespace)

    # ------------------------------------------------------------------ the rest

    def start_background_task(
        self, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Run a function in a greenlet of its own."""
        return self._io.spawn(target, *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Let other greenlets run. Blocks for that long."""
        self._io.sleep(seconds)

    def shutdown(self) -> None:
        """Disconnect everybody. Blocks until the HTTP servers have stopped."""
        self._io.close()

    def _namespace(self, name: str | None) -> Namespace:
        space = self._sending.namespace(name or "/")
        if space is None:
            raise ConfigError(
                f"there is no namespace {name!r}: it has no handlers, and is not among "
                "namespaces="
            )
        return space
