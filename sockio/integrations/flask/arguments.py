"""Arguments: call a handler with what came, if it takes that many arguments."""

from __future__ import annotations

from collections.abc import Sequence
from logging import DEBUG, WARNING
from typing import Any

from sockio.errors import EventRejected
from sockio.runtime.listeners import Listener
from sockio.runtime.signature import arguments

__all__ = ["Misfit", "call_fitting"]


class Misfit(EventRejected, TypeError):
    """An event came with more or fewer arguments than its handler takes."""

    def __init__(self, event: str, count: int, listener: Listener) -> None:
        text = f"event {event!r} came with {arguments(count)}, but"
        super().__init__(f"{text} {listener.describe()}")
        self._listener = listener

    def take_level(self) -> int:
        """Return how to log it: a client must not be able to fill the log."""
        level = DEBUG if self._listener.complained else WARNING
        self._listener.complained = True
        return level


#: The library's own events: their handlers take as many of the arguments as they want.
_OWN = {"connect": slice(1, None), "disconnect": slice(None)}


def call_fitting(listener: Listener, event: str, args: Sequence[Any]) -> Any:
    """Call a handler.

    Args:
        listener: The handler.
        event: The name of the event.
        args: Its arguments; of ``connect``, the environ first, which no handler gets.

    Raises:
        Misfit: It takes another number of arguments.

    Blocks:
        As long as the handler does.
    """
    own = _OWN.get(event)
    if own is not None:
        return listener.fn(*listener.fit(tuple(args[own])))
    if listener.accepts(len(args)):
        return listener.fn(*args)
    raise Misfit(event, len(args), listener)
