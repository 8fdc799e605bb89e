"""Arguments: call a handler with what came, if it takes that many arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sockio.errors import EventRejected
from sockio.runtime.listeners import Listener
from sockio.runtime.signature import arguments

__all__ = ["Misfit", "call_fitting"]


class Misfit(EventRejected, TypeError):
    """An event came with other arguments than its handler takes."""

    def __init__(
        self, message: str, listener: Listener, *, path: str | None = None
    ) -> None:
        super().__init__(message, path=path)
        #: The handler.
        self.listener = listener


#: The library's own events: their handlers take as many of the arguments as they want.
_OWN = {"connect": slice(1, None), "disconnect": slice(None)}


def call_fitting(listener: Listener, event: str, args: Sequence[Any]) -> Any:
    """Call a handler.

    Args:
        listener: The handler.
        event: The name of the event.
        args: Its arguments; of ``connect``, the environ first, which no handler gets.

    Raises:
        Misfit: It takes other arguments.

    Blocks:
        As long as the handler does.
    """
    own = _OWN.get(event)
    if own is not None:
        return listener.fn(*listener.fit(tuple(args[own])))
    if not listener.accepts(len(args)):
        came = f"event {event!r} came with {arguments(len(args))}"
        raise Misfit(f"{came}, but {listener.describe()}", listener)
    return listener.fn(*_converted(listener, event, args))


def _converted(listener: Listener, event: str, args: Sequence[Any]) -> Sequence[Any]:
    """Return the arguments as the types of the handler, if it is to get these."""
    if listener.convert is None:
        return args
    try:
        return listener.convert(event, args)
    except EventRejected as exc:
        raise Misfit(str(exc), listener, path=exc.path) from None
