"""CatchAll: listeners for every event of a socket, incoming and outgoing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sockio.runtime.known_signatures import known_signature

if TYPE_CHECKING:
    from typing_extensions import Self

F = TypeVar("F", bound=Callable[..., Any])


class CatchAll:
    """The catch-all part of a socket; most sockets have no such listener."""

    #: Called with every incoming event, before it is dispatched.
    _any: tuple[Callable[..., Any], ...]
    #: Called with every outgoing event, broadcasts included.
    _any_outgoing: tuple[Callable[..., Any], ...]

    def on_any(self, fn: F) -> F:
        """Call ``fn(event, *args)`` for every incoming event, before its listeners.

        If the client asked for an acknowledgement, the ack function comes last.
        """
        self._any = (*self._any, _callable(fn))
        return fn

    def prepend_any(self, fn: F) -> F:
        """As ``on_any``, before those that are there."""
        self._any = (_callable(fn), *self._any)
        return fn

    def off_any(self, fn: Callable[..., Any] | None = None) -> Self:
        """Remove ``fn``, or all of them."""
        self._any = _without(self._any, fn)
        return self

    def listeners_any(self) -> list[Callable[..., Any]]:
        """The listeners for every incoming event."""
        return list(self._any)

    def on_any_outgoing(self, fn: F) -> F:
        """Call ``fn(event, *args)`` for every event sent to this client."""
        self._any_outgoing = (*self._any_outgoing, _callable(fn))
        return fn

    def prepend_any_outgoing(self, fn: F) -> F:
        """As ``on_any_outgoing``, before those that are there."""
        self._any_outgoing = (_callable(fn), *self._any_outgoing)
        return fn

    def off_any_outgoing(self, fn: Callable[..., Any] | None = None) -> Self:
        """Remove ``fn``, or all of them."""
        self._any_outgoing = _without(self._any_outgoing, fn)
        return self

    def listeners_any_outgoing(self) -> list[Callable[..., Any]]:
        """The listeners for every outgoing event."""
        return list(self._any_outgoing)


def _callable(fn: F) -> F:
    """Refuse at once what could never be called, or would do nothing."""
    known_signature(fn)
    return fn


def _without(
    listeners: tuple[Callable[..., Any], ...], fn: Callable[..., Any] | None
) -> tuple[Callable[..., Any], ...]:
    """Remove the first that equals ``fn``; all, where it is None."""
    if fn is None or fn not in listeners:
        return () if fn is None else listeners
    index = listeners.index(fn)
    return listeners[:index] + listeners[index + 1 :]
