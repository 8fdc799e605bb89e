"""Consumer: whom a session reports to: its consumer, and the server that keeps it."""

from __future__ import annotations

from typing import Any, Protocol

from .intake import Tally


class Consumer(Protocol):
    """Gets the messages of a session, as its listeners do; must not block."""

    def on_message(self, data: str | bytes) -> None: ...
    def on_close(self, reason: str, description: object) -> None: ...


class Keeper(Protocol):
    """What a session asks of the server that keeps it."""

    #: Counts what happened to all sessions.
    tally: Tally

    def on_session_closed(self, session: Any) -> None: ...
    def fire(self, event: str, *args: Any) -> None:
        """Call the server's own listeners; runs in the session's mailbox."""


class _Nobody:
    """The consumer of a session that only has listeners."""

    def on_message(self, data: str | bytes) -> None: ...
    def on_close(self, reason: str, description: object) -> None: ...


#: One for all sessions.
NOBODY: Consumer = _Nobody()
