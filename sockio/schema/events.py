"""Events of a schema: their names, the parameters they fill, and their answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from sockio.runtime.event_names import Event
from sockio.runtime.known_signatures import known_signature
from sockio.runtime.listeners import Handler
from sockio.socket.events import ALIAS, PREFIX
from sockio.socket.validation import Parameter, parameters, resolved

__all__ = [
    "Channel",
    "Described",
    "answer_of",
    "anything",
    "event_of",
    "events_of_map",
    "typed_events",
]


class Described(NamedTuple):
    """One event."""

    name: str
    parameters: list[Parameter]
    #: What answers it; None: nothing does. Any: that is not known.
    answer: Any


@dataclass
class Channel:
    """The events of one namespace."""

    #: The name of the namespace, or the pattern that its name fits.
    name: str
    #: Those of clients, and those to clients, by name.
    received: dict[str, Described] = field(default_factory=dict)
    sent: dict[str, Described] = field(default_factory=dict)


def event_of(name: str, fn: Handler) -> Described:
    """Return the event that a function handles, or a method of a map describes.

    Raises:
        ConfigError: An annotation has a name that is not known where ``fn`` is defined.
    """
    annotations = getattr(fn, "__annotations__", {})
    answer = Any
    if "return" in annotations:
        answer = resolved(fn, {"return": annotations["return"]})["return"]
    by_hand = known_signature(fn)[2]
    return Described(name, parameters(fn), answer_of(answer, by_hand=by_hand))


def answer_of(type_: Any, *, by_hand: bool = False) -> Any:
    """Return what answers an event if its listener returns ``type_``.

    ``by_hand``: it calls its ``ack``, so its type says nothing.
    """
    if by_hand:
        return Any
    return None if type_ is type(None) else type_


def events_of_map(event_map: type) -> Iterator[Described]:
    """Yield the events that the methods of a Protocol describe."""
    before = getattr(event_map, PREFIX, "")
    for attribute in dir(event_map):
        method = getattr(event_map, attribute)
        if not attribute.startswith("_") and callable(method):
            name = getattr(method, ALIAS, None) or before + attribute
            described = event_of(name, method)
            yield described._replace(parameters=described.parameters[1:])


def typed_events(names: Mapping[str, Any]) -> dict[int, Described]:
    """Return the typed events among the variables of a module, by ``id``.

    The annotation of the variable has the types.
    """
    annotations = names.get("__annotations__", {})
    return {
        id(value): _typed(value, variable, annotations, names)
        for variable, value in list(names.items())
        if type(value) is Event and variable in annotations
    }


def _typed(
    event: Event[..., Any],
    variable: str,
    annotations: Mapping[str, Any],
    names: Mapping[str, Any],
) -> Described:
    def named() -> None: ...

    named.__annotations__ = {variable: annotations[variable]}
    type_ = get_type_hints(named, dict(names), include_extras=True)[variable]
    if get_origin(type_) is not Event:
        return anything(event.name)
    arguments, answer = get_args(type_)
    if arguments is Ellipsis:
        return anything(event.name)._replace(answer=answer_of(answer))
    filled = [
        Parameter(f"arg{i}", each, False, False) for i, each in enumerate(arguments, 1)
    ]
    return Described(event.name, filled, answer_of(answer))


def anything(name: str) -> Described:
    """Return an event of which only the name is known."""
    return Described(name, [Parameter("args", Any, False, True)], Any)
