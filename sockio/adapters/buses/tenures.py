"""Tenures: leases at a broker, which end by themselves when their holder dies.

Every server that competes for a name claims it again and again. The broker gives it to
the first one, for some seconds from each of its claims on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

__all__ = ["LASTS", "Registrar", "Tenure", "Tenures"]

#: Seconds for which the broker gives a name to the server that claims it.
LASTS = 6.0
#: Seconds between two claims.
_BETWEEN = 2.0
#: Seconds by which a server ends its tenure earlier than the broker does: what has
#: begun takes a moment, and clocks differ.
_MARGIN = 1.0


class Registrar(Protocol):
    """The broker, as the bus knows it."""

    def claim(self, name: str, who: str, told: Callable[[bool], None]) -> None:
        """Have ``name`` for ``LASTS`` seconds if nobody else has it; never blocks.

        Args:
            told: Called in the hub's thread with whether ``who`` has it, if that
                becomes known.
        """

    def release(self, name: str, who: str) -> None:
        """Let others have ``name`` if ``who`` has it; never blocks."""


class Tenures:
    """The leases of one server at its broker."""

    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar
        self._who = secrets.token_hex(10)
        self._reactor: Reactor | None = None

    def open(self, reactor: Reactor) -> None:
        """Be able to compete, now that the server starts."""
        self._reactor = reactor

    def lease(self, name: str) -> Tenure:
        """Compete for ``name``; see ``Leases``."""
        assert self._reactor is not None, "the server has not started"
        return Tenure(self._registrar, self._reactor, name, self._who)


class Tenure:
    """A name that a server claims; see ``Lease``."""

    def __init__(
        self, registrar: Registrar, reactor: Reactor, name: str, who: str
    ) -> None:
        self._registrar = registrar
        self._clock = reactor.clock
        self._name = name
        self._who = who
        #: Until when this server has the name, by the clock.
        self._until = 0.0
        self._timer: Timer | None = None
        self._claim()

    @property
    def held(self) -> bool:
        """Whether this server has the name."""
        return self._clock.now() < self._until

    def close(self) -> None:
        """Let another server have the name."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._until = 0.0
            self._registrar.release(self._name, self._who)

    def _claim(self) -> None:
        # From the claim on, since nobody knows when the broker will have heard it.
        until = self._clock.now() + LASTS - _MARGIN
        self._timer = self._clock.call_later(_BETWEEN, self._claim)
        self._registrar.claim(
            self._name, self._who, lambda ours: self._told(until if ours else 0.0)
        )

    def _told(self, until: float) -> None:
        if self._timer is not None:
            self._until = until
