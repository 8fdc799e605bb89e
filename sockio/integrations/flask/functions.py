"""Functions: what handlers call about the client whose event they handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
from flask.sessions import SessionMixin

from .current import client_of_request

if TYPE_CHECKING:
    from .socketio import SocketIO

__all__ = [
    "call",
    "close_room",
    "disconnect",
    "disconnect_user",
    "emit",
    "join_room",
    "leave_room",
    "refresh_session",
    "rooms",
    "send",
]


def emit(event: str, *args: Any, broadcast: bool = False, **how: Any) -> None:
    """Emit to the client, or to others.

    Args:
        event: Its name.
        args: Its data; a tuple is several arguments.
        broadcast: To everybody in the namespace.
        how: ``to`` (or ``room``), ``namespace``, ``include_self``, ``skip_sid``,
            ``callback``, ``ignore_queue``: as for ``SocketIO.emit``.
    """
    _socketio().emit(event, *args, **_addressed("emit", broadcast, how))


def send(message: Any, *, broadcast: bool = False, **how: Any) -> None:
    """Emit a ``message`` event, or ``json`` with ``json=True``; else as ``emit``."""
    _socketio().send(message, **_addressed("send", broadcast, how))


def call(event: str, *args: Any, **how: Any) -> Any:
    """Emit to the client and return its answer; see ``SocketIO.call``.

    Blocks:
        Until the answer comes, the client goes away, or ``timeout`` is over.
    """
    return _socketio().call(event, *args, **_addressed("call", False, how))


def join_room(room: Any, sid: str | None = None, namespace: str | None = None) -> None:
    """Put the client into a room.

    Raises:
        ValueError: The room is another client's own.
    """
    sid, namespace = _client("join_room", sid, namespace)
    _socketio().server.enter_room(sid, room, namespace)


def leave_room(room: Any, sid: str | None = None, namespace: str | None = None) -> None:
    """Take the client out of a room."""
    sid, namespace = _client("leave_room", sid, namespace)
    _socketio().server.leave_room(sid, room, namespace)


def close_room(room: Any, namespace: str | None = None) -> None:
    """Take all clients out of a room."""
    _, namespace = _client("close_room", "", namespace)
    _socketio().close_room(room, namespace)


def rooms(sid: str | None = None, namespace: str | None = None) -> list[str]:
    """Return the rooms of the client; in its disconnect handler, those it was in."""
    sid, namespace = _client("rooms", sid, namespace)
    return _socketio().server.rooms(sid, namespace)


def disconnect(
    sid: str | None = None, namespace: str | None = None, silent: bool = False
) -> None:
    """Disconnect the client; ``silent`` has no effect."""
    sid, namespace = _client("disconnect", sid, namespace)
    _socketio().server.disconnect(sid, namespace)


def refresh_session() -> SessionMixin:
    """Read ``flask.session`` again, and with it Flask-Login's ``current_user``.

    Raises:
        RuntimeError: No event of a client is being handled.

    Blocks:
        As long as the application's session interface does.
    """
    return _socketio().refresh_session()


def disconnect_user(user_id: object) -> None:
    """Disconnect all clients of a user of Flask-Login."""
    _socketio().disconnect_user(user_id)


def _socketio() -> SocketIO:
    found: SocketIO | None = flask.current_app.extensions.get("socketio")
    if found is None:
        raise RuntimeError("this application has no SocketIO: call init_app(app)")
    return found


def _client(call: str, sid: str | None, namespace: str | None) -> tuple[str, str]:
    if sid is None or namespace is None:
        ours, here = client_of_request(call)
        sid = ours if sid is None else sid
        namespace = here if namespace is None else namespace
    return sid, namespace


def _addressed(call: str, broadcast: bool, how: dict[str, Any]) -> dict[str, Any]:
    """Complete the arguments of a call by the client whose event is handled."""
    to = how.pop("to", None)
    room = how.pop("room", None)
    to = room if to is None else to
    sid, namespace = client_of_request(call)
    if to is None and not broadcast:
        to = sid
    return {"namespace": namespace, **how, "to": to}
