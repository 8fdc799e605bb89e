"""Gathering: the events of a server, namespace by namespace.

Events of clients are those of ``NamespaceHandler`` classes and of the listeners that
``Reading`` finds. Events to clients are typed events and the methods of maps: those
that the listeners emit, and those that are variables of the program's modules.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from sockio.runtime.event_names import Event
from sockio.socket.events import TypedEmits, map_of
from sockio.socket.namespace.handler import NamespaceHandler, methods_of
from sockio.socket.namespace.namespace import Namespace
from sockio.socket.server.server import Server

from .events import Channel, Described, event_of, events_of_map, typed_events
from .source import Reading

__all__ = ["Schema", "gather"]

#: The library's own events: no client sends them.
_OWN = ("connect", "connection", "disconnect", "disconnecting", "error")


class Schema(NamedTuple):
    """What is known of the events of a server."""

    channels: list[Channel]
    #: Whether an answer may be an error in place of the listener's.
    error_answers: bool
    #: What could not be read, in words.
    unread: list[str]


def gather(io: Server[Any]) -> Schema:
    """Return the events of ``io``; runs nothing of the program.

    Raises:
        ConfigError: An annotation has a name that is not known where it is written.
    """
    modules = [dict(getattr(m, "__dict__", {})) for m in list(sys.modules.values())]
    typed: dict[int, Described] = {}
    for names in modules:
        typed |= typed_events(names)
    unread: list[str] = []
    channels = {name: Channel(name) for name in _namespaces(io)}
    for name, namespace in _namespaces(io).items():
        channel = channels[name]
        for found in _readings(namespace):
            for described in found.received:
                if described.name not in _OWN:
                    channel.received.setdefault(described.name, described)
            for value in found.sent:
                _note(channel.sent, _described(value, typed))
            unread += found.unread
    for name, event_map in _maps(io, modules):
        _note(channels[name].sent, events_of_map(event_map))
    _note(channels["/"].sent, _left(io, modules, channels.values()))
    options = io.options
    return Schema(
        [c for c in channels.values() if c.received or c.sent or c.name == "/"],
        options.validate or options.error_acks,
        unread,
    )


def _namespaces(io: Server[Any]) -> dict[str, Namespace]:
    """Return the namespaces by name; those made on demand by what they accept."""
    parents = {parent.accepted: parent for parent in io._namespaces.parents}
    return {**io.namespaces, **parents}


def _note(known: dict[str, Described], events: Iterator[Described]) -> None:
    for event in events:
        known.setdefault(event.name, event)


def _described(value: Any, typed: dict[int, Described]) -> Iterator[Described]:
    """Yield the events of what was given to ``emit`` or ``only_typed``."""
    if isinstance(value, type):
        yield from events_of_map(value)
    elif isinstance(value, Event) and id(value) in typed:
        yield typed[id(value)]


def _readings(namespace: Namespace) -> Iterator[Reading]:
    """Yield what the connection listeners of a namespace say."""
    for event in ("connect", "connection"):
        for fn in namespace.listeners(event):
            reading = Reading()
            handler = _handler(fn)
            # An integration has its own handlers, and says which.
            functions_of = getattr(_owner(fn), "functions_of", None)
            if handler is not None:
                _read_class(handler, reading)
            elif functions_of is not None:
                for name, function in functions_of(namespace.name).items():
                    reading.received.append(event_of(name, function))
            else:
                reading.read(fn)
            yield reading


def _owner(fn: Any) -> Any:
    """Return the object whose method ``fn`` is, or has in it."""
    return getattr(fn.func if isinstance(fn, partial) else fn, "__self__", None)


def _handler(fn: Any) -> NamespaceHandler | None:
    """Return the ``NamespaceHandler`` that has registered a connection listener."""
    owner = _owner(fn)
    return owner if isinstance(owner, NamespaceHandler) else None


def _read_class(handler: NamespaceHandler, reading: Reading) -> None:
    for event, method in methods_of(handler).items():
        if event not in _OWN:
            described = event_of(event, method)
            # The first parameter is the socket.
            rest = described.parameters[1:]
            reading.received.append(described._replace(parameters=rest))
        reading.read(method)


def _left(
    io: Server[Any], modules: list[dict[str, Any]], channels: Iterable[Channel]
) -> Iterator[Described]:
    """Yield the typed events beside the server that no channel has yet."""
    used = {name for each in channels for name in (*each.received, *each.sent)}
    for names in modules:
        if any(value is io for value in names.values()):
            for event in typed_events(names).values():
                if event.name not in used:
                    yield event


def _maps(io: Server[Any], modules: list[dict[str, Any]]) -> Iterator[tuple[str, type]]:
    """Yield the maps that variables of modules emit, and their namespaces."""
    spaces = {namespace: name for name, namespace in _namespaces(io).items()}
    for names in modules:
        for value in names.values():
            if type(value) is TypedEmits:
                event_map, emit = map_of(value)
                owner: Any = getattr(emit, "__self__", None)
                namespace = io.sockets if owner is io else getattr(owner, "_nsp", owner)
                if namespace in spaces:
                    yield spaces[namespace], event_map
