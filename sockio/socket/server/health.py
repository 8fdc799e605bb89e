"""Health: whether a server is alive, and whether it is ready for clients.

Load balancers and Kubernetes ask for it. A server that is alive and not ready should
get no new clients; one that is not alive does not answer.
"""

from __future__ import annotations

import json
from typing import Protocol

from sockio.adapters.accounting import AdapterStats
from sockio.engine.http.request import Request
from sockio.runtime.lag import Lag

from .pages import Answer, Page

__all__ = ["Health"]


class Patient(Protocol):
    """The server whose health it is."""

    @property
    def ending(self) -> bool:
        """Whether it takes no new clients any more."""

    def start(self) -> None:
        """Start what has not started yet."""

    def adapter_stats(self) -> AdapterStats | None:
        """Return how it is connected to others; None: it is not to be."""


class Health:
    """What one server says about itself."""

    def __init__(self, patient: Patient, lag: Lag, most: float | None) -> None:
        """Tell the health of ``patient``.

        Args:
            patient: The server.
            lag: Of its loop.
            most: Seconds by which the loop of a ready server may be late; None: any.
        """
        self._patient = patient
        self._lag = lag
        self._most = most
        #: Says that the process answers.
        self.alive = Page(lambda request: _answer(200, {"status": "alive"}))
        #: Says whether new clients may come.
        self.ready = Page(self._ready)

    def obstacles(self) -> list[str]:
        """Return why no new clients should come; empty: they may."""
        self._patient.start()
        self._lag.start()
        found = []
        if self._patient.ending:
            found.append("the server is closing")
        adapter = self._patient.adapter_stats()
        if adapter is not None and not adapter.connected:
            found.append("the adapter is not connected")
        late = self._lag.seconds
        if self._most is not None and late >= self._most:
            found.append(f"the loop is {late:.1f} s late")
        return found

    def _ready(self, request: Request) -> Answer:
        obstacles = self.obstacles()
        if obstacles:
            return _answer(503, {"status": "not ready", "because": obstacles})
        return _answer(200, {"status": "ready"})


def _answer(status: int, fields: dict[str, object]) -> Answer:
    return Answer(status, "application/json", json.dumps(fields).encode())
