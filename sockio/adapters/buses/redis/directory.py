"""RedisDirectory: texts that the servers keep in Redis, under keys of our own.

It has a connection of its own, so that no message waits for it, and it for none. All
keys have the same hash tag, so that one server of a Redis Cluster has all of them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gevent
import gevent.socket
import gevent.ssl

from .connection import FAILURES, Connection, Refused
from .dialer import Dialer
from .finding import Finder
from .url import Site

if TYPE_CHECKING:
    from sockio.runtime.latch import Latch
    from sockio.runtime.reactor import Reactor

__all__ = ["RedisDirectory"]

_DIALER = Dialer(gevent.socket, gevent.ssl)

#: Seconds that a caller waits for an answer.
PATIENCE = 2.0
#: Most commands that are sent before their answers are read.
BATCH = 200
#: How often a text is claimed that has just run out.
_ATTEMPTS = 3

_Commands = Sequence[Sequence[Any]]


class RedisDirectory:
    """A directory in one Redis or Valkey."""

    def __init__(self, site: Site, prefix: str) -> None:
        """Make a directory that connects when it is asked.

        Args:
            site: Where the broker is.
            prefix: Applications with different ones see different texts.
        """
        self._finder = Finder(site, _DIALER)
        self._prefix = f"{{{prefix}-sockio}}#"
        self._reactor: Reactor | None = None
        self._connection: Connection | None = None
        self._greenlet: gevent.Greenlet[[], None] | None = None
        #: What is asked, and who waits for it.
        self._waiting: deque[tuple[_Commands, Latch[list[Any]]]] = deque()
        self._asked: list[tuple[_Commands, Latch[list[Any]]]] = []

    def open(self, reactor: Reactor) -> None:
        """Answer from now on."""
        self._reactor = reactor

    def claim(self, name: str, text: str, seconds: float) -> str:
        """Keep a text, unless another one is there; see ``Directory``."""
        key = self._prefix + name
        lasts = int(seconds * 1000)
        for _ in range(_ATTEMPTS):
            put = ("SET", key, text, "PX", lasts, "NX")
            kept, found = self._ask([put, ("GET", key)])
            if found is None:
                continue  # there was one, which has just run out
            found = _text(found)
            if found == text and kept is None:
                self._ask([("PEXPIRE", key, lasts)])
            return found
        raise OSError("the broker keeps nothing")

    def read(self, name: str) -> str | None:
        """Return what is there; see ``Directory``."""
        (found,) = self._ask([("GET", self._prefix + name)])
        return None if found is None else _text(found)

    def close(self) -> None:
        """End; whoever waits gets an error."""
        self._reactor = None
        greenlet, self._greenlet = self._greenlet, None
        if greenlet is not None:
            greenlet.kill(block=False)
        self._fail(OSError("the directory is closed"))
        self._hang_up()

    def _ask(self, commands: _Commands) -> list[Any]:
        """Return the broker's answers.

        Raises:
            OSError: There are none, or one is a refusal.
        """
        if self._reactor is None:
            raise OSError("the directory is closed")
        latch: Latch[list[Any]] = self._reactor.latch()
        self._waiting.append((commands, latch))
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)
        answers = latch.wait(PATIENCE)
        for answer in answers:
            if isinstance(answer, Refused):
                raise OSError(f"the broker refuses: {answer}")
        return answers

    # ---- the greenlet that asks

    def _run(self) -> None:
        while self._waiting:
            while self._waiting and len(self._asked) < BATCH:
                self._asked.append(self._waiting.popleft())
            try:
                self._exchange(time.monotonic() + PATIENCE)
            except FAILURES as exc:
                self._hang_up()
                self._fail(OSError(f"the broker is away: {exc}"))
        self._greenlet = None

    def _exchange(self, until: float) -> None:
        connection = self._connection
        if connection is None or not connection.idle:
            self._hang_up()
            connection = self._connect(until)
        connection.until = until
        connection.send(
            [command for commands, _ in self._asked for command in commands]
        )
        refused = False
        while self._asked:
            commands, latch = self._asked[0]
            answers = [_read(connection) for _ in commands]
            refused = refused or any(isinstance(each, Refused) for each in answers)
            del self._asked[0]
            latch.set(answers)
        if refused:
            # It may be that another broker is responsible by now.
            self._hang_up()

    def _connect(self, until: float) -> Connection:
        owner = self._finder.find(until).owner(self._prefix.encode("utf-8", "replace"))
        connection = self._connection = Connection(owner, _DIALER)
        connection.until = until
        connection.open()
        self._finder.check(connection)
        return connection

    def _fail(self, error: OSError) -> None:
        asked, self._asked = self._asked, []
        if self._reactor is None:
            asked += self._waiting
            self._waiting.clear()
        for _, latch in asked:
            latch.fail(error)

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _read(connection: Connection) -> Any:
    try:
        return connection.read()
    except Refused as refusal:
        return refusal


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
