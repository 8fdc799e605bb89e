"""RedisDirectory: texts that the servers keep in Redis, under keys of our own.

All keys have the same hash tag, so that one server of a Redis Cluster has all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gevent.socket
import gevent.ssl

from sockio.adapters.buses.broker_directory import BrokerDirectory

from .connection import FAILURES, Connection, Refused
from .dialer import Dialer
from .finding import Finder
from .url import Site

__all__ = ["RedisDirectory"]

_DIALER = Dialer(gevent.socket, gevent.ssl)

#: How often a text is claimed that has just run out.
_ATTEMPTS = 3

_Commands = Sequence[Sequence[Any]]


class RedisDirectory(BrokerDirectory[_Commands, list[Any]]):
    """A directory in one Redis or Valkey."""

    failures = FAILURES

    def __init__(self, site: Site, prefix: str) -> None:
        """Make a directory that connects when it is asked.

        Args:
            site: Where the broker is.
            prefix: Applications with different ones see different texts.
        """
        super().__init__()
        self._finder = Finder(site, _DIALER)
        self._prefix = f"{{{prefix}-sockio}}#"
        self._connection: Connection | None = None

    def claim(self, name: str, text: str, seconds: float) -> str:
        """Keep a text, unless another one is there; see ``Directory``."""
        key = self._prefix + name
        lasts = int(seconds * 1000)
        for _ in range(_ATTEMPTS):
            put = ("SET", key, text, "PX", lasts, "NX")
            kept, found = self.ask([put, ("GET", key)])
            if found is None:
                continue  # there was one, which has just run out
            found = _text(found)
            if found == text and kept is None:
                self.ask([("PEXPIRE", key, lasts)])
            return found
        raise OSError("the broker keeps nothing")

    def read(self, name: str) -> str | None:
        """Return what is there; see ``Directory``."""
        (found,) = self.ask([("GET", self._prefix + name)])
        return None if found is None else _text(found)

    def version(self) -> str:
        """Return the name and the version of the broker, for instance "Redis 7.2.4".

        Raises:
            OSError: The broker does not tell.

        Blocks:
            Until the broker has answered, at most ``PATIENCE`` seconds.
        """
        (found,) = self.ask([("INFO", "server")])
        lines = (line.partition(":") for line in _text(found).splitlines())
        told = {name: value.strip() for name, _, value in lines}
        for kind in ("valkey", "redis"):
            if number := told.get(f"{kind}_version"):
                return f"{kind.capitalize()} {number}"
        raise OSError("the broker does not tell its version")

    # ---- the greenlet that asks

    def answers(
        self, questions: Sequence[_Commands], until: float
    ) -> Iterator[list[Any] | OSError]:
        """Send the commands of all, and yield what Redis says to each."""
        connection = self._connection
        if connection is None or not connection.idle:
            self.hang_up()
            connection = self._connect(until)
        connection.until = until
        connection.send([command for each in questions for command in each])
        for commands in questions:
            yield _all_or_refusal([_read(connection) for _ in commands])

    def _connect(self, until: float) -> Connection:
        owner = self._finder.find(until).owner(self._prefix.encode("utf-8", "replace"))
        connection = self._connection = Connection(owner, _DIALER)
        connection.until = until
        connection.open()
        self._finder.check(connection)
        return connection

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _read(connection: Connection) -> Any:
    try:
        return connection.read()
    except Refused as refusal:
        return refusal


def _all_or_refusal(answers: list[Any]) -> list[Any] | OSError:
    for answer in answers:
        if isinstance(answer, Refused):
            return OSError(f"the broker refuses: {answer}")
    return answers


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
