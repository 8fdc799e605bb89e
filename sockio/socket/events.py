"""Events with types: one event as an object, or a whole map of them as a Protocol.

    new_message: Event[[str, int], bool] = event("new message")
    socket.emit(new_message, "hi", 3)              # a type checker sees the arguments

    class ToClient(Protocol):
        @alias("order:new")
        def order_new(self, order: dict) -> None: ...

    io.to("shop").only_typed(ToClient).order_new(order)

Nothing here costs anything on the wire: an event travels by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, TypeVar

from sockio.runtime.event_names import Event, P, R

__all__ = [
    "ALIAS",
    "PREFIX",
    "Event",
    "P",
    "R",
    "TypedEmits",
    "alias",
    "event",
    "map_of",
    "only_typed",
    "prefix",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

#: The attributes in which a map keeps the names of its events.
ALIAS = "__sockio_event__"
PREFIX = "__sockio_prefix__"


def event(name: str) -> Event[..., Any]:
    """Make an Event; the annotation of the variable it is bound to gives its types."""
    return Event(name)


def alias(name: str) -> Callable[[F], F]:
    """Name the event of one method of a map, if the method's own name will not do."""

    def mark(method: F) -> F:
        setattr(method, ALIAS, name)
        return method

    return mark


def prefix(text: str) -> Callable[[C], C]:
    """Put ``text`` before the names of all methods of a map that have no alias."""

    def mark(event_map: C) -> C:
        setattr(event_map, PREFIX, text)
        return event_map

    return mark


def only_typed(event_map: Callable[..., T], emit: Callable[..., object]) -> T:
    """Return an object with the methods of ``event_map``; each emits its event.

    Args:
        event_map: A Protocol class. A method's name is the event's, unless an alias
            or a prefix says otherwise. Only keyword-only parameters stay keywords.
        emit: Called as ``emit(name, *args)``.
    """
    return TypedEmits(event_map, emit)  # type: ignore[return-value]


def map_of(emits: TypedEmits) -> tuple[Any, Callable[..., object]]:
    """Return the map that was given to ``only_typed``, and what emits its events."""
    return emits._event_map, emits._emit


class TypedEmits:
    """The methods of a map as attributes; each emits its event."""

    __slots__ = ("_emit", "_event_map")

    def __init__(self, event_map: Any, emit: Callable[..., object]) -> None:
        self._event_map = event_map
        self._emit = emit

    def __getattr__(self, attribute: str) -> Callable[..., object]:
        method = getattr(self._event_map, attribute, None)
        if attribute.startswith("_") or not callable(method):
            raise AttributeError(
                f"{self._event_map.__name__} has no event {attribute!r}"
            )
        name = getattr(method, ALIAS, None)
        if name is None:
            name = getattr(self._event_map, PREFIX, "") + attribute
        return partial(self._send, name, method)

    def _send(self, name: str, method: Any, /, *args: Any, **named: Any) -> object:
        if not named:
            return self._emit(name, *args)
        bound = signature(method).bind(None, *args, **named)
        bound.apply_defaults()
        return self._emit(name, *bound.args[1:], **bound.kwargs)
