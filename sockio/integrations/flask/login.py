"""Login: which user a client belongs to, as Flask-Login knows it.

Each client of a known user is in a room of that user, which the other servers of a
cluster know too. ``rooms()`` leaves it out.
"""

from __future__ import annotations

from typing import Any

import flask

from sockio.socket.one_socket.socket import Socket

__all__ = ["is_users_room", "note_user", "room_of_user"]

_PREFIX = "flask-login:user:"
#: The attribute of a socket with the room of its user.
_ATTRIBUTE = "_flask_login_room"


def room_of_user(user_id: object) -> str:
    """Return the room that the clients of a user are in."""
    return f"{_PREFIX}{user_id}"


def is_users_room(room: str) -> bool:
    """Whether a room is one that ``room_of_user`` names."""
    return room.startswith(_PREFIX)


def note_user(socket: Socket[Any]) -> None:
    """Put a client into the room of its user, after a handler has run.

    The user is the one whom the handler asked for, else the one in the session.
    """
    if not hasattr(flask.current_app, "login_manager"):
        return
    user_id = _user_id()
    room = None if user_id is None else room_of_user(user_id)
    former = getattr(socket, _ATTRIBUTE, None)
    if room == former:
        return
    setattr(socket, _ATTRIBUTE, room)
    if former is not None:
        socket.leave(former)
    if room is not None:
        socket.join(room)


def _user_id() -> str | None:
    user: Any = flask.g.get("_login_user")
    if user is not None:
        return user.get_id() if user.is_authenticated else None
    found: str | None = flask.session.get("_user_id")
    return found
