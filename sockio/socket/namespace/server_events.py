"""Server events: events that another server emits for the listeners of a namespace.

A listener answers as a socket's listener does: through its ``ack`` argument, or else by
what it returns. The first answer counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from sockio.adapters.adapter import Reply
from sockio.runtime import logs
from sockio.runtime.listeners import Listener, Listeners
from sockio.runtime.workers import FAILURES
from sockio.types import Json

log = logs.get("namespace")

__all__ = ["tell_listeners"]


#: Calls a listener with positional and keyword arguments.
CallListener: TypeAlias = Callable[
    [Listener, tuple[Json, ...], Mapping[str, object]], object
]


def tell_listeners(
    listeners: Listeners,
    event: str,
    args: Sequence[Json],
    reply: Reply | None,
    call: CallListener,
) -> None:
    """Call the listeners of ``event``, in a worker. Blocks as they do."""
    answer = None if reply is None else _Answer(reply)
    for listener in listeners.get(event):
        if listeners.take_once(listener):
            _tell(listener, tuple(args), answer, call)


def _tell(
    listener: Listener,
    args: tuple[Json, ...],
    answer: _Answer | None,
    call: CallListener,
) -> None:
    fitting = listener.fit(args)
    try:
        if listener.wants_ack:
            call(listener, fitting, {"ack": answer})
        else:
            result = call(listener, fitting, {})
            if answer is not None:
                answer(result)
    except FAILURES:
        # A boundary: a listener is user code; its failure ends only itself.
        log.exception("a listener of the server event %r failed", listener.event)


class _Answer:
    """The ack function of one event; only its first call sends."""

    __slots__ = ("_reply",)

    def __init__(self, reply: Reply) -> None:
        self._reply: Reply | None = reply

    def __call__(self, *args: Json) -> None:
        """Answer with the first of ``args``: what JSON can carry, and bytes."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply(args[0] if args else None)
