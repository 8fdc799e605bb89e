"""Event names: text, numbers, and Event, by which type checkers check handlers."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Event(Generic[P, R]):
    """An event's name, with the types of its arguments and of its answer.

    Two events of one name are equal; ``str()`` gives the name.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def handler(self, fn: Callable[P, R], /) -> Callable[P, R]:
        """Return ``fn``; a type checker compares it with the event: ``@ev.handler``."""
        return fn

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and other.name == self.name

    def __hash__(self) -> int:
        return hash((Event, self.name))

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"event({self.name!r})"


EventName: TypeAlias = "str | float | Event[..., Any]"


def event_name(event: EventName) -> str:
    """Return the name under which the handlers of ``event`` are kept.

    Numbers are names too, as in JavaScript: 1 and "1" are the same event.
    """
    if type(event) is str:
        return event
    if isinstance(event, Enum):
        event = event.value
    if isinstance(event, str):
        return str.__str__(event)  # a plain str: members of an enum hash differently
    if isinstance(event, float) and event.is_integer():
        event = int(event)
    if isinstance(event, (int, float)) and not isinstance(event, bool):
        return str(event)
    name = getattr(event, "name", None)
    if isinstance(name, str):
        return name
    raise TypeError(
        f"an event is a string, a number or a typed event, not {event!r}"
        + (" (@x.event takes the function's name)" if callable(event) else "")
    )
