"""Health: what is wrong with a PostgreSQL that can be reached, said in the log."""

from __future__ import annotations

from sockio.runtime import logs

log = logs.get("adapters.postgres")

__all__ = ["Health"]

#: How full the queue of notifications is when a warning is due: a part of all.
FULL = 0.25


class Health:
    """What has been said about one PostgreSQL, which is said once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said: set[str] = set()
        self._is_full = False

    def encoding(self, name: str) -> None:
        """The encoding of the database is known: texts may be refused."""
        if name != "UTF8" and self._is_news("encoding"):
            log.warning(
                "%r: its encoding is %r, and messages with other characters are lost",
                self._name,
                name,
            )

    def no_table(self, error: str | None, command: str) -> None:
        """There is no table, and it could not be made."""
        if self._is_news("table"):
            log.warning(
                "%r: large and binary messages are lost, since there is no table for "
                "them (%r); make it with %r",
                self._name,
                error,
                command,
            )

    def refused(self, error: str) -> None:
        """A message is lost."""
        if self._is_news("refused"):
            log.warning("%r refuses a message: %r", self._name, error)

    def queue(self, usage: float) -> None:
        """The queue of notifications is so full; 1 is all."""
        was_full, self._is_full = self._is_full, usage >= FULL
        if self._is_full and not was_full:
            log.warning(
                "%r: %.2f of its queue of notifications is full: a client of it "
                "listens and does not read, or has a long transaction",
                self._name,
                usage,
            )
        elif was_full and not self._is_full:
            log.warning(
                "%r: its queue of notifications is no longer too full", self._name
            )

    def _is_news(self, what: str) -> bool:
        if what in self._said:
            return False
        self._said.add(what)
        return True
