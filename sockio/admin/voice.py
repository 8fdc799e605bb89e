"""Voice: what is said to all who watch, whichever server they are connected to."""

from __future__ import annotations

from typing import Any

from sockio.runtime import logs
from sockio.socket.many_sockets.broadcast import BroadcastOperator
from sockio.socket.namespace.namespace import Namespace
from sockio.types import SocketId

from .peers import UNFIT
from .watching import Watching

__all__ = ["Voice", "emit_safely"]

log = logs.get("admin")


class Voice:
    """Emits to the admin namespace."""

    def __init__(self, namespace: Namespace, watching: Watching) -> None:
        self._namespace = namespace
        self._watching = watching

    def say(self, event: str, *args: Any, but: SocketId | None = None) -> None:
        """Emit to all who watch; never raises, since it is called by observers.

        Args:
            event: Its name.
            args: Its arguments.
            but: Who is left out.
        """
        to = self._namespace.except_(*(() if but is None else (but,)))
        emit_safely(to if self._watching.elsewhere else to.local, event, *args)


def emit_safely(to: BroadcastOperator, event: str, *args: Any) -> None:
    """Emit an event, unless a value in it cannot travel."""
    try:
        to.emit(event, *args)
    except UNFIT as exc:
        log.debug("%r cannot be told: %r", event, exc)
