"""Addressing: whom a broadcast is for, and how it is to be sent (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sockio.errors import ConfigError
from sockio.types import Room

__all__ = ["BroadcastOptions", "Flags"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """How to send one emit; a chained call makes new Flags, nothing is reset."""

    #: Drop the packet for a client that cannot take it at this instant.
    volatile: bool = False
    #: Whether the transport may compress it.
    compress: bool = True
    #: Stay on this server.
    local: bool = False
    #: Everybody but the sender.
    broadcast: bool = False
    #: Seconds to wait for answers: those of clients, or of the other servers.
    timeout: float | None = None
    #: Exactly one client is asked, wherever it is.
    expect_single_response: bool = False

    def __post_init__(self) -> None:
        seconds = self.timeout
        if seconds is not None and (
            not isinstance(seconds, (int, float))
            or isinstance(seconds, bool)
            or not seconds >= 0
        ):
            raise ConfigError(
                f"timeout({seconds!r}): give a number of seconds, 0 or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastOptions:
    """Whom a call addresses: the union of rooms, minus rooms, and how it is sent."""

    #: In the order given, which is the order of sending; empty means everybody.
    rooms: tuple[Room, ...] = ()
    #: Whoever is in one of these is left out; a socket's id is a room too.
    except_: frozenset[Room] = frozenset()
    flags: Flags = field(default_factory=Flags)
