"""Slow handlers: which calls of the application's code took long."""

from __future__ import annotations

from typing import Any

from sockio.runtime.observers import Observer
from sockio.runtime.surroundings import Call
from sockio.socket.server.server import Server

from .portrait import date
from .statistics import Statistics
from .voice import Voice

__all__ = ["SlowHandlers"]

#: Kinds of calls for which a client waits; tasks may take as long as they like.
_KINDS = frozenset(("ack", "connection", "disconnect", "event", "middleware"))
#: Seconds from which a call is slow, if the server does not say.
SLOW = 1.0


class SlowHandlers(Observer):
    """Tells who watches of each call that took long, with all that it waited for."""

    def __init__(
        self, io: Server[Any], voice: Voice, statistics: Statistics, namespace: str
    ) -> None:
        """Tell nothing yet.

        Args:
            io: The server.
            voice: Speaks to those who watch.
            statistics: Know the name of this server.
            namespace: Of those who watch, whose own calls are not told.
        """
        self._clock = io.reactor.clock
        self._slow = io.options.slow_handler or SLOW
        self._voice = voice
        self._statistics = statistics
        self._own = namespace
        #: The calls that have not ended, and when they began, by identity.
        self._running: dict[int, tuple[Call, float]] = {}

    def handler_began(self, call: Call) -> None:
        """A call begins; for the others see ``Observer``."""
        if call.kind in _KINDS and call.namespace != self._own:
            self._running[id(call)] = call, self._clock.now()

    def handler_ended(self, call: Call, error: BaseException | None) -> None:
        _, began = self._running.pop(id(call), (call, None))
        if began is None:
            return
        seconds = self._clock.now() - began
        if seconds >= self._slow:
            about = {
                "serverId": self._statistics.server_id,
                "kind": call.kind,
                "nsp": call.namespace,
                "id": getattr(call.socket, "id", None),
                "event": call.event,
                "seconds": seconds,
                "failed": error is not None,
            }
            self._voice.say("slow_handler", about, date(self._clock.time()))
