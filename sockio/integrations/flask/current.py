"""Current: the client whose event is being handled, for functions that name none."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple, NoReturn

import flask
from werkzeug.local import LocalProxy

from sockio.socket.one_socket.socket import Socket

__all__ = ["CURRENT", "Current", "client_of_request", "current_socket"]


class Current(NamedTuple):
    """A socket, and the request context in which its handler runs."""

    socket: Socket[Any]
    context: Any


#: Unset where no client's event is being handled.
CURRENT: ContextVar[Current] = ContextVar("sockio.flask.current")

#: The socket of the client whose event is being handled.
current_socket: Socket[Any] = LocalProxy(  # type: ignore[assignment]
    CURRENT,
    "socket",
    unbound_message="current_socket: no event of a client is being handled here",
)


def client_of_request(call: str) -> tuple[str, str]:
    """Return the sid and the namespace of Flask's current request.

    Args:
        call: The function that needs them, for the error's text.

    Raises:
        RuntimeError: The request is none of a Socket.IO client, or there is none.
    """
    if not flask.has_request_context():
        _refuse(call)
    sid = getattr(flask.request, "sid", None)
    if sid is None:
        _refuse(call)
    return sid, flask.request.namespace  # type: ignore[attr-defined]


def _refuse(call: str) -> NoReturn:
    raise RuntimeError(
        f"{call}() is about the client whose event is being handled, and here none is; "
        f"name the client, or call socketio.{call}()"
    )
