"""CatchAll: listeners for every event of a socket, incoming and outgoing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sockio.runtime.known_signatures import known_signature

from .incoming import Incoming
from .outgoing import Outgoing

if TYPE_CHECKING:
    from typing_extensions import Self

F = TypeVar("F", bound=Callable[..., Any])


class CatchAll:
    """The catch-all part of a socket; most sockets have no such listener."""

    __slots__ = ()

    incoming: Incoming
    outgoing: Outgoing

    def on_any(self, fn: F) -> F:
        """Call ``fn(event, *args)`` for every incoming event, before its listeners.

        If the client asked for an acknowledgement, the ack function comes last.
        """
        self.incoming.gate().catch_all = (
            *self.incoming.gate().catch_all,
            _callable(fn),
        )
        return fn

    def prepend_any(self, fn: F) -> F:
        """As ``on_any``, but call ``fn`` before the present listeners."""
        self.incoming.gate().catch_all = (
            _callable(fn),
            *self.incoming.gate().catch_all,
        )
        return fn

    def off_any(self, fn: Callable[..., Any] | None = None) -> Self:
        """Remove ``fn``, or all of them."""
        self.incoming.gate().catch_all = _without(self.incoming.gate().catch_all, fn)
        return self

    def listeners_any(self) -> list[Callable[..., Any]]:
        """The listeners for every incoming event."""
        return list(self.incoming.gate().catch_all)

    def on_any_outgoing(self, fn: F) -> F:
        """Call ``fn(event, *args)`` for every event sent to this client."""
        self.outgoing.catch_all = (*self.outgoing.catch_all, _callable(fn))
        return fn

    def prepend_any_outgoing(self, fn: F) -> F:
        """As ``on_any_outgoing``, but call ``fn`` before the present listeners."""
        self.outgoing.catch_all = (_callable(fn), *self.outgoing.catch_all)
        return fn

    def off_any_outgoing(self, fn: Callable[..., Any] | None = None) -> Self:
        """Remove ``fn``, or all of them."""
        self.outgoing.catch_all = _without(self.outgoing.catch_all, fn)
        return self

    def listeners_any_outgoing(self) -> list[Callable[..., Any]]:
        """The listeners for every outgoing event."""
        return list(self.outgoing.catch_all)


def _callable(fn: F) -> F:
    """Return ``fn``; refuse what could never be called, or would do nothing."""
    known_signature(fn)
    return fn


def _without(
    listeners: tuple[Callable[..., Any], ...], fn: Callable[..., Any] | None
) -> tuple[Callable[..., Any], ...]:
    """Remove the first that equals ``fn``, or all if ``fn`` is None."""
    if fn is None or fn not in listeners:
        return () if fn is None else listeners
    index = listeners.index(fn)
    return listeners[:index] + listeners[index + 1 :]
