"""Handshake: what the server learned when a client connected.

The sockets of one connection share all but ``auth``: each namespace gets its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timezone

from sockio.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """The first request of a connection, and what the client sent with CONNECT."""

    #: The request's headers by lower-case name.
    headers: Mapping[str, str]
    #: When the request came, as readable text.
    time: str
    #: Address of the client; behind trusted proxies, as they report it.
    address: str
    #: Whether the request carried an Origin.
    xdomain: bool
    #: Whether the request came over TLS.
    secure: bool
    #: When the request came, in milliseconds since 1970.
    issued: int
    #: Path and query string as they were sent.
    url: str
    #: The query string by name; the last of several values.
    query: Mapping[str, str]
    #: What the client gave as ``auth``; a client of Socket.IO 2 gives it as the query
    #: string after the namespace's name.
    auth: Json

    @classmethod
    def told(cls, told: Mapping[str, Json]) -> Handshake:
        """Make a handshake of what another server sent; absent fields are empty."""
        known = {**_UNTOLD, **told}
        return cls(**{field.name: known[field.name] for field in fields(cls)})

    def as_dict(self) -> dict[str, Json]:
        """Return it as other servers and the admin UI get it."""
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        shown["headers"] = dict(self.headers)
        shown["query"] = dict(self.query)
        return shown


#: The values of fields that another server does not send.
_UNTOLD: Mapping[str, Json] = {
    "headers": {},
    "time": "",
    "address": "",
    "xdomain": False,
    "secure": False,
    "issued": 0,
    "url": "",
    "query": {},
    "auth": {},
}


def time_text(seconds: float) -> str:
    """Write a wall-clock time the way JavaScript's ``Date`` does, in UTC."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    weekday = _WEEKDAYS[moment.weekday()]
    month = _MONTHS[moment.month - 1]
    return (
        f"{weekday} {month} {moment:%d %Y %H:%M:%S} GMT+0000 "
        "(Coordinated Universal Time)"
    )


# Not by strftime: its names follow the locale.
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
