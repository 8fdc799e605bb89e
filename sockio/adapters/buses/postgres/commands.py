"""Commands: what PostgreSQL is told to publish messages, and to fetch them (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sockio.adapters.cluster.messages import Message
from sockio.errors import EncodeError

from . import wire
from .url import Options

__all__ = ["SETTINGS", "Command", "Commands", "listen", "unlisten"]

_NOTIFY = "SELECT pg_notify($1::text, $2::text)"


class Command(NamedTuple):
    """A command with its parameters; each is a transaction of its own."""

    sql: str
    #: The values of $1, $2, ...: ``bytea``, or ``text`` in UTF-8.
    values: Sequence[bytes] = ()


#: Said on each connection that publishes.
SETTINGS = (
    # What is published need not outlive a crash: nobody waits for the disk.
    Command("SET synchronous_commit TO off"),
    # PostgreSQL soon notices that we are gone, and gives our locks to others.
    Command("SET tcp_keepalives_idle TO 5"),
    Command("SET tcp_keepalives_interval TO 2"),
    Command("SET tcp_keepalives_count TO 3"),
)


class Commands:
    """The commands for one table."""

    def __init__(self, options: Options) -> None:
        self._options = options
        table = options.table_name
        self._attach = (
            f"WITH kept AS (INSERT INTO {table} (payload) VALUES ($1) RETURNING id) "
            "SELECT pg_notify($2::text, $3::text || kept.id || $4::text) FROM kept"
        )
        self._fetch = f"SELECT payload FROM {table} WHERE id = $1::text::bigint"

    def say(self, channel: bytes, message: Message) -> tuple[Command, int]:
        """Return what says a message, and its size in bytes.

        Raises:
            EncodeError: A value in it cannot travel, or it is too large.
        """
        packed = wire.pack(message, self._options.payload_threshold)
        if isinstance(packed, bytes):
            size = len(packed)
            command = Command(_NOTIFY, [channel, packed])
        else:
            size = len(packed.payload)
            values = [packed.payload, channel, packed.before, packed.behind]
            command = Command(self._attach, values)
        most = self._options.max_message
        if size > most:
            raise EncodeError(
                f"the message has {size} bytes, and {most} are the most for other "
                "servers: max_message= in the URL allows more"
            )
        return command, size

    def fetch(self, attached: wire.Attached) -> Command:
        """Return what fetches a message from the table."""
        return Command(self._fetch, [str(attached.id).encode()])


def listen(channel: bytes) -> str:
    """Return what subscribes to a channel."""
    return f"LISTEN {_quoted(channel)}"


def unlisten(channel: bytes) -> str:
    """Return what ends that."""
    return f"UNLISTEN {_quoted(channel)}"


def _quoted(name: bytes) -> str:
    text = name.decode().replace('"', '""')
    return f'"{text}"'
