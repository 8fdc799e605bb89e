"""Owner: what the connection of a client needs of the object that keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sockio.runtime.clock import Clock
from sockio.runtime.repeats import Repeats
from sockio.types import Environ, WSGIApp

from .deadlines import Deadlines
from .exchange import Exchange
from .options import HttpOptions
from .request_body import BadBody
from .request_head import Refused
from .shortcut import Shortcut

__all__ = ["Ending", "Owner", "Place", "Waiting"]


class Ending(Protocol):
    """A connection, as whoever keeps it sees it at the end."""

    @property
    def runs(self) -> bool:
        """Whether the application is answering a request, in a worker."""

    def end_soon(self) -> None:
        """Close if there is nothing to answer, nor will be in a moment."""

    def close(self) -> None:
        """Close at once."""


class Waiting(Protocol):
    """A client that holds a descriptor while it waits for news."""

    @property
    def waits_since(self) -> float | None:
        """When it began to wait; None: it does not."""

    @property
    def sock(self) -> Any:
        """The socket; it has no descriptor any more when the client has left."""

    def give_way(self) -> None:
        """Let the client go on without it, and end its connection, now or soon."""


class Place(Protocol):
    """Where a socket is served."""

    @property
    def loop(self) -> Any: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def deadlines(self) -> Deadlines: ...
    @property
    def repeats(self) -> Repeats: ...

    def on_room(self, call: Callable[[], object]) -> None:
        """Have ``call`` called whenever a connection has left."""

    @property
    def holders(self) -> Iterable[Waiting]:
        """Who holds a descriptor that is not a connection's any more."""

    def make_room(
        self, newcomers: int | None, over: int = 0, holders: Iterable[Waiting] = ()
    ) -> None:
        """Close idle connections for one newcomer, or have some leave soon for all.

        Args:
            newcomers: How many there are; None: nobody knows, one at least.
            over: How many connections there are above the limit.
            holders: Who else may give way.
        """

    def hold(self, who: Waiting) -> None:
        """Let ``who`` give way to newcomers, until ``release``."""

    def release(self, who: Waiting) -> None:
        """Ask nothing of ``who`` any more; do nothing if it is not known."""

    def expect(self, connection: Ending) -> None:
        """Wait also for a connection that cannot be taken yet, until ``forget``."""

    def forget(self, connection: Ending) -> None:
        """Drop a connection that is closed, or has another owner."""


class Owner(Place, Protocol):
    """What a connection that reads requests needs besides."""

    #: Whether no more requests are taken.
    closing: bool
    application: WSGIApp
    shortcut: Shortcut | None
    options: HttpOptions
    #: Where it listens, as its socket gives it; None: nowhere, or unknown.
    listener: Any

    def environ(self) -> Environ:
        """Return what all requests have in common, as a new dict."""

    def date(self) -> str:
        """Return the header line with the current time."""

    def refused(self, address: Any, why: Refused | BadBody) -> None:
        """Log that the request of a client was refused."""

    def run(self, exchange: Exchange) -> None:
        """Run ``exchange`` in a worker, now."""

    def begun(self, exchange: Exchange) -> None:
        """Note that an exchange begins; called in its worker.

        Raises:
            Refused: The application is not to be called.
        """

    def ended(self, address: Any, exchange: Exchange, *, logged: bool) -> None:
        """Note that an exchange with the client at ``address`` is over.

        Args:
            logged: Whether it counts, and has a line in the access log.
        """
