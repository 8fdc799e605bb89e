"""URLs of PostgreSQL: where it is, as libpq reads it, and how it is used (pure).

postgresql://user:password@host:5432/database?prefix=socket.io&sslmode=verify-full

``postgres://`` means the same. No text that this module makes has a password, or a part
of the URL that may hold one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sockio.adapters.buses.query import Query, wrong
from sockio.adapters.cluster.requests import TIMEOUT

from .wire import LONGEST_PAYLOAD

__all__ = ["SCHEMES", "Options", "parse"]

SCHEMES = ("postgresql", "postgres")

_HINTS = {
    "channelPrefix": "write prefix",
    "cleanupInterval": "write cleanup_interval, in seconds",
    "heartbeatInterval": "write heartbeat_interval, in seconds",
    "heartbeatTimeout": "write heartbeat_timeout, in seconds",
    "key": "write prefix",
    "requestsTimeout": "write requests_timeout, in seconds",
}
#: An SQL identifier that needs no quotes; Node writes none.
_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_$]{0,62}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How PostgreSQL is used."""

    #: What the names of all channels begin with; Node calls it ``channelPrefix``.
    prefix: str = "socket.io"
    #: Holds what is too long for a notification; ``schema.table``, or ``table``.
    table_name: str = "socket_io_attachments"
    #: Bytes of the longest message that goes into a notification.
    payload_threshold: int = LONGEST_PAYLOAD
    #: Holds how the servers find each other, for ``advertise=``.
    directory_table: str = "sockio_directory"
    #: Seconds between two removals of old rows, and how old they are.
    cleanup_interval: float = 30.0
    #: Seconds after which a server that has nothing to say says that it lives.
    heartbeat_interval: float = 5.0
    #: Seconds after which a server that says nothing is not counted any more.
    heartbeat_timeout: float = 10.0
    #: Seconds that other servers have for an answer, where a call gives no time.
    requests_timeout: float = TIMEOUT
    #: Bytes that may wait while PostgreSQL is away.
    outbox: int = 64 << 20
    #: Most bytes of one message.
    max_message: int = 16 << 20


def parse(url: str, keywords: Collection[str]) -> tuple[str, Options]:
    """Return the URL for libpq, and our own options in it.

    Args:
        url: See above.
        keywords: The parameters that libpq knows.

    Raises:
        ConfigError: Something in it is unknown or cannot be; the text names that.
    """
    scheme = url.partition(":")[0].lower()
    if scheme not in SCHEMES or not url[len(scheme) :].startswith("://"):
        raise wrong(scheme, "the URLs are postgresql:// and postgres://")
    where, _, query = url[len(scheme) :].partition("?")
    if "@" in query or "#" in url:
        raise wrong(scheme, "write %3F for a ?, %40 for an @ and %23 for a # in it")
    ours = Options.__slots__
    pairs = parse_qsl(query, keep_blank_values=True)
    given = Query(scheme, pairs, [*ours, *keywords, "ssl"], _HINTS)
    rest = [part for part in query.split("&") if part and _name(part) not in ours]
    said = "?" + "&".join(rest) if rest else ""
    return f"postgresql{where}{said}", _options(scheme, given)


def _name(part: str) -> str:
    return parse_qsl(part, keep_blank_values=True)[0][0]


def _options(scheme: str, given: Query) -> Options:
    default = Options()
    options = Options(
        prefix=given.text("prefix", default.prefix),
        table_name=_table(given, "table_name", default.table_name),
        payload_threshold=given.number(
            "payload_threshold", default.payload_threshold, most=LONGEST_PAYLOAD
        ),
        directory_table=_table(given, "directory_table", default.directory_table),
        cleanup_interval=given.seconds("cleanup_interval", default.cleanup_interval),
        heartbeat_interval=given.seconds(
            "heartbeat_interval", default.heartbeat_interval
        ),
        heartbeat_timeout=given.seconds("heartbeat_timeout", default.heartbeat_timeout),
        requests_timeout=given.seconds("requests_timeout", TIMEOUT),
        outbox=given.number("outbox", default.outbox, least=1),
        max_message=given.number("max_message", default.max_message, least=1),
    )
    if options.heartbeat_timeout <= options.heartbeat_interval:
        raise wrong(scheme, "heartbeat_timeout= is no more than heartbeat_interval=")
    return options


def _table(given: Query, name: str, default: str) -> str:
    what = "name of a table that needs no quotes"
    return given.text(name, default, rf"({_IDENTIFIER}\.)?{_IDENTIFIER}", what)
