"""Emit options: those of other servers' calls, and what to write in their place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

from sockio.runtime import unknown_names

__all__ = ["refuse"]

_ROOM = "write io.to(room).emit(...), or socket.to(room).emit(...) without the sender"
_NOT_ME = "write socket.broadcast.emit(...) for all but the sender"
_TIMEOUT = "write .timeout(seconds).emit_with_ack(...)"

_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "to": _ROOM,
        "room": _ROOM,
        "rooms": _ROOM,
        "sid": "write io.to(sid).emit(...)",
        "broadcast": "write io.emit(...) for everybody, socket.broadcast.emit(...) for "
        "all but the sender",
        "include_self": _NOT_ME,
        "skip_sid": "write io.except_(sid).emit(...)",
        "except_": "write io.except_(room).emit(...)",
        "namespace": 'write io.of("/name").emit(...)',
        "nsp": 'write io.of("/name").emit(...)',
        "callback": "write ack=callback",
        "timeout": _TIMEOUT,
        "volatile": "write .volatile.emit(...)",
        "local": "write .local.emit(...)",
        "compress": "write .compress(False).emit(...)",
        "json": "leave it out, dicts and lists are sent as they are",
        "binary": "leave it out, bytes are sent as they are",
        "ignore_queue": "write .local.emit(...)",
        "data": "give it as the argument behind the event",
        "args": "give them as the arguments behind the event",
    }
)


def refuse(call: str, unknown: Mapping[str, object], *known: str) -> NoReturn:
    """Raise for keyword arguments of ``emit`` or its like that there are not.

    Raises:
        UnknownOption: Always.
    """
    unknown_names.refuse(call, unknown, known, _HINTS)
