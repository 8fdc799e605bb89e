"""Queues: what waits for handlers, and for clients."""

from __future__ import annotations

import heapq
from typing import Any

from sockio.socket.server.metrics.sample import in_steps
from sockio.socket.server.server import Server

from .portrait import client_id
from .statistics import Statistics

__all__ = ["Queues"]

#: How many clients are told of, those first for which most waits.
MOST = 20


class Queues:
    """The queues of the clients of one server."""

    def __init__(self, io: Server[Any], statistics: Statistics) -> None:
        self._io = io
        self._statistics = statistics

    def look(self) -> dict[str, Any]:
        """Return how much waits, together and for the clients with most of it.

        Blocks:
            While others run, if there are many clients.
        """
        events = size = buffered = 0
        waiting = []
        sessions = self._io.engine.clients.values()
        for session in in_steps(self._io.sleep, sessions):
            intake = session.intake
            events += intake.events
            size += intake.size
            buffered += session.buffered_amount
            weight = intake.size + session.buffered_amount, intake.events
            if any(weight) or intake.paused:
                about = {
                    "clientId": client_id(session.id),
                    "events": intake.events,
                    "bytes": intake.size,
                    "buffered": session.buffered_amount,
                    "paused": intake.paused,
                }
                waiting.append((weight, about))
        most = heapq.nlargest(MOST, waiting, key=lambda entry: entry[0])
        return {
            "serverId": self._statistics.server_id,
            "events": events,
            "bytes": size,
            "buffered": buffered,
            "clients": [about for _, about in most],
        }
