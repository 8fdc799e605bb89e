"""Flask: Flask-SocketIO's names, so that porting an application is an import change."""

from __future__ import annotations

from .client import SocketIOTestClient
from .current import current_socket
from .errors import ConnectionRefusedError
from .functions import (
    call,
    close_room,
    disconnect,
    disconnect_user,
    emit,
    join_room,
    leave_room,
    refresh_session,
    rooms,
    send,
)
from .namespace import Namespace
from .socketio import SocketIO

__all__ = [
    "ConnectionRefusedError",
    "Namespace",
    "SocketIO",
    "SocketIOTestClient",
    "call",
    "close_room",
    "current_socket",
    "disconnect",
    "disconnect_user",
    "emit",
    "join_room",
    "leave_room",
    "refresh_session",
    "rooms",
    "send",
]
