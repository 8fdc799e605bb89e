"""Emit arguments: an event's name, its arguments, and a callback for the answer.

Keyword arguments of other libraries' ``emit`` are refused; the error tells what to
write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from sockio.errors import ConfigError, ReservedEventError
from sockio.protocol.socketio.packet import RESERVED_EVENTS
from sockio.runtime import event_names, unknown_names

from .events import Event

__all__ = ["SERVER_EVENTS", "event_name", "refuse", "server_event_name", "take_ack"]

#: Events that a server emits on its namespaces itself.
SERVER_EVENTS = frozenset(("adapter_gap", "connect", "connection", "new_namespace"))

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
        "data": "give it as the argument after the event",
        "args": "give them as the arguments after the event",
    }
)


def event_name(event: str | Event[..., Any]) -> str:
    """Return the name of ``event``.

    Raises:
        ReservedEventError: The name is one of the library's own.
        TypeError: ``event`` is neither text, a number nor an Event.
    """
    name = event if type(event) is str else event_names.event_name(event)
    if name in RESERVED_EVENTS:
        raise ReservedEventError(name)
    return name


def server_event_name(event: str | Event[..., Any]) -> str:
    """Return the name of an ``event`` for the listeners of servers.

    Raises:
        ReservedEventError: It is one of the servers' own events.
        TypeError: ``event`` is neither text, a number nor an Event.
    """
    name = event_names.event_name(event)
    if name in SERVER_EVENTS:
        raise ReservedEventError(name)
    return name


def take_ack(
    args: tuple[Any, ...], ack: Callable[..., object] | None
) -> tuple[tuple[Any, ...], Callable[..., object] | None]:
    """Split a trailing callable off ``args``: it is an acknowledgement callback."""
    if ack is None and args and callable(args[-1]):
        return args[:-1], args[-1]
    if ack is not None and not callable(ack):
        raise ConfigError(f"ack={ack!r}: give a function, which gets the answer")
    return args, ack


def refuse(call: str, unknown: Mapping[str, object], *known: str) -> NoReturn:
    """Raise for keyword arguments that ``emit`` or a similar call does not have.

    Raises:
        UnknownOption: Always.
    """
    unknown_names.refuse(call, unknown, known, _HINTS)
