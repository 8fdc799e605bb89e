"""Received: the events that a client in a test has got and nobody has taken yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Received", "ReceivedEvents"]


class Received(tuple[Any, ...]):
    """The arguments of one event; it equals a plain tuple of them."""

    #: The name of the event.
    event: str
    _answer: Callable[..., None] | None

    def __new__(
        cls,
        event: str,
        args: list[Any],
        answer: Callable[..., None] | None = None,
    ) -> Received:
        """Make one.

        Args:
            event: The name.
            args: The arguments behind it.
            answer: Acknowledges the event; None: the server has not asked for that.
        """
        received = super().__new__(cls, args)
        received.event = event
        received._answer = answer
        return received

    @property
    def wants_ack(self) -> bool:
        """Whether the server has asked for an acknowledgement."""
        return self._answer is not None

    def ack(self, *args: Any) -> None:
        """Acknowledge the event; only the first call sends.

        Raises:
            AssertionError: The server has not asked for an acknowledgement.
        """
        if self._answer is None:
            raise AssertionError(f"the server wants no answer to {self.event!r}")
        self._answer(*args)

    def __repr__(self) -> str:
        return f"{self.event!r}: {tuple(self)!r}"


class ReceivedEvents:
    """Events in order of arrival."""

    def __init__(self) -> None:
        self._events: list[Received] = []

    def __iter__(self) -> Iterator[Received]:
        return iter(self._events)

    def __str__(self) -> str:
        if not self._events:
            return "nothing has come"
        return "these have come: " + ", ".join(map(repr, self._events))

    def put(self, received: Received) -> None:
        """Add one behind the others."""
        self._events.append(received)

    def first(self, event: str) -> Received | None:
        """Return the oldest of that name, or None."""
        return next((it for it in self._events if it.event == event), None)

    def take(self, received: Received) -> None:
        """Remove this one, of several that are equal."""
        self._events = [it for it in self._events if it is not received]

    def take_all(self) -> list[Received]:
        """Remove and return all."""
        taken, self._events = self._events, []
        return taken
