"""PostgresDirectory: texts that servers keep in PostgreSQL, in a table of our own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import gevent.socket

from sockio.adapters.buses.broker_directory import BrokerDirectory

from .commands import SETTINGS, Command
from .connection import FAILURES, READ, WRITE, Address, Answer, Connection
from .tables import Table
from .url import Options

__all__ = ["PostgresDirectory"]

_WAITS: dict[int, Callable[..., object]] = {
    READ: gevent.socket.wait_read,
    WRITE: gevent.socket.wait_write,
    READ | WRITE: gevent.socket.wait_readwrite,
}
_COLUMNS = (
    "(prefix text, name text, content text NOT NULL, until timestamptz NOT NULL,"
    " PRIMARY KEY (prefix, name))"
)


class PostgresDirectory(BrokerDirectory[Command, str | None]):
    """A directory in one PostgreSQL, whose clock decides what has run out."""

    failures = FAILURES

    def __init__(self, address: Address, options: Options) -> None:
        """Make a directory that connects when it is asked.

        Args:
            address: Where PostgreSQL is.
            options: Name the table, and the prefix: applications with different ones
                see different texts.
        """
        super().__init__()
        self._address = address
        self._prefix = options.prefix.encode("utf-8", "replace")
        self._table = Table(options.directory_table, _COLUMNS)
        table = self._table.name
        # In one command, so that nobody comes in between.
        self._claim = (
            f"INSERT INTO {table} AS kept VALUES"
            " ($1::text, $2::text, $3::text, now() + $4::text::interval)"
            " ON CONFLICT (prefix, name) DO UPDATE SET content ="
            " CASE WHEN kept.until > now() THEN kept.content ELSE EXCLUDED.content END,"
            " until = CASE WHEN kept.until > now() AND kept.content <> EXCLUDED.content"
            " THEN kept.until ELSE EXCLUDED.until END RETURNING content"
        )
        self._read = (
            f"SELECT content FROM {table}"
            " WHERE prefix = $1::text AND name = $2::text AND until > now()"
        )
        # Two that remove the same rows must not wait for each other.
        self._clean_up = Command(
            f"DELETE FROM {table} WHERE (prefix, name) IN (SELECT prefix, name"
            f" FROM {table} WHERE until < now() FOR UPDATE SKIP LOCKED)"
        )
        self._connection: Connection | None = None
        #: How often a connection has failed, and when what is under way does.
        self._failed = 0
        self._until = 0.0
        #: What there is to do if the table is missing.
        self._remedy = ""

    def claim(self, name: str, text: str, seconds: float) -> str:
        """Keep a text, unless another one is there; see ``Directory``."""
        values = [name.encode(), text.encode(), f"{seconds} seconds".encode()]
        found = self.ask(Command(self._claim, [self._prefix, *values]))
        if found is None:
            raise OSError("the broker keeps nothing")
        return found

    def read(self, name: str) -> str | None:
        """Return what is there; see ``Directory``."""
        return self.ask(Command(self._read, [self._prefix, name.encode()]))

    # ---- the greenlet that asks

    def answers(
        self, questions: Sequence[Command], until: float
    ) -> Iterator[str | OSError | None]:
        """Send the commands, and yield what PostgreSQL says to each."""
        self._until = until
        try:
            connection = self._connection
            if connection is None or not connection.idle:
                self.hang_up()
                connection = self._connect()
            # What has run out is removed by those who write.
            connection.send([*questions, self._clean_up])
            for _ in questions:
                yield self._text_in(_next(connection))
            _next(connection)
        except FAILURES:
            self._failed += 1
            raise

    def _text_in(self, answer: Answer) -> str | OSError | None:
        if answer.error is not None:
            return OSError(f"the broker refuses: {answer.error}{self._remedy}")
        return None if answer.value is None else answer.value.decode("utf-8", "replace")

    def _connect(self) -> Connection:
        connection = self._connection = Connection(self._wait)
        places = self._address.places(gevent.socket.getaddrinfo)
        # Each attempt takes the next: one that does not answer must not hide others.
        connection.open(places[self._failed % len(places)])

        def carry_out(commands: Sequence[Command]) -> list[Answer]:
            connection.send(commands)
            return [_next(connection) for _ in commands]

        carry_out(SETTINGS)
        why = self._table.provide(carry_out)
        self._remedy = ""
        if why is not None:
            self._remedy = f" ({why}); make the table with {self._table.making!r}"
        return connection

    def _wait(self, fd: int, events: int) -> None:
        """Let other greenlets run until a socket can be read or written."""
        left = max(self._until - time.monotonic(), 0.0)
        _WAITS[events](fd, left, TimeoutError("no answer in time"))

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _next(connection: Connection) -> Answer:
    said = connection.read()
    assert isinstance(said, Answer), "nothing is listened to"
    return said
