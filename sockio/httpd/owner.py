"""Owner: what the connection of a client asks of whoever keeps it."""

from __future__ import annotations

from typing import Any, Protocol

from sockio.runtime.clock import Clock
from sockio.types import Environ, WSGIApp

from .deadlines import Deadlines
from .exchange import Exchange
from .options import HttpOptions
from .request_head import Refused
from .shortcut import Shortcut

__all__ = ["Owner", "Place"]


class Place(Protocol):
    """Where a socket is served."""

    @property
    def loop(self) -> Any: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def deadlines(self) -> Deadlines: ...


class Owner(Place, Protocol):
    """What one asks besides, when it reads requests."""

    #: No request is taken any more.
    closing: bool
    application: WSGIApp
    shortcut: Shortcut | None
    options: HttpOptions

    def environ(self) -> Environ:
        """What all requests have in common, as a new dict."""

    def date(self) -> str:
        """The header line with the present time."""

    def refused(self, address: Any, why: Refused) -> None:
        """A client is told that its request is none; for the log."""

    def run(self, exchange: Exchange) -> None:
        """Run ``exchange`` in a worker, now."""

    def ended(self, address: Any, exchange: Exchange) -> None:
        """An exchange with the client at ``address`` is over; for the log."""

    def forget(self, connection: object) -> None:
        """The connection is closed, or somebody else's."""
