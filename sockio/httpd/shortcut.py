"""Shortcut: how an application serves requests of our own HTTP server without WSGI.

WSGI needs a greenlet for each request that waits, and an environ for each request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .request_head import Headers

__all__ = ["Replying", "Shortcut", "Waiter", "shortcut_of"]


class Waiter(Protocol):
    """Who waits with a request for what is to be in its answer."""

    def release(self) -> object:
        """Have the request answered now, unless it is already; never blocks."""


class Replying(Protocol):
    """The connection on which a request came."""

    @property
    def closing(self) -> bool:
        """Whether the answer has to say that the connection ends with it."""

    def date(self) -> str:
        """Return the header line with the current time."""

    def reply(self, data: bytes) -> None:
        """Send the whole answer; never blocks."""

    @property
    def sending(self) -> bool:
        """Whether the client has not taken all of an answer given to ``reply``."""

    def cut(self, data: bytes) -> None:
        """End the connection if ``data``, given to ``reply``, is still being sent."""

    def watch(
        self, on_hangup: Callable[[], object] | None, waiter: Waiter | None = None
    ) -> None:
        """Call ``on_hangup`` in the hub if the client goes before its answer.

        Args:
            waiter: Released in the hub if others need the descriptor.
        """

    def close(self) -> None:
        """End the connection without an answer."""


class Shortcut(Protocol):
    """What an application offers beside its WSGI callable."""

    def serve(
        self, line: bytes, headers: Headers, body: bytes, connection: Replying
    ) -> bool:
        """Answer a request now or later; False: it has to go through WSGI.

        Called in the hub: it must not block.

        Args:
            line: The first line of the request, which was not checked yet.
        """


def shortcut_of(app: Any) -> Shortcut | None:
    """Return the shortcut that an application offers."""
    found: Shortcut | None = getattr(app, "shortcut", None)
    return found
