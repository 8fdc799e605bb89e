"""Intake: what has been read from one client and waits for its handlers.

Above a limit nothing more is read from the client. The kernel, and then the client,
keep what follows, until the handlers have caught up. While a handler waits for an
answer from this very client, reading continues: the answer is behind the events.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Protocol

from sockio.errors import ConfigError, InboxFull
from sockio.runtime.unknown_names import tells_unknown

__all__ = ["InboxPolicy", "Intake", "Tally", "Tap"]


@tells_unknown("InboxPolicy")
@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPolicy:
    """How much of one client may wait for handlers that are slow.

    Sizes are in bytes (of text: characters) of the messages as they arrived.
    """

    #: Above one of these, nothing more is read from the client.
    high_bytes: int = 1 << 20
    high_events: int = 1000
    #: When no more than both of these wait, reading resumes.
    low_bytes: int = 1 << 18
    low_events: int = 250
    #: While a handler waits for the client, reading continues up to this many times the
    #: upper limits; beyond that the client is disconnected.
    hard: int = 32

    def __post_init__(self) -> None:
        for field in ("high_bytes", "high_events", "low_bytes", "low_events", "hard"):
            value = getattr(self, field)
            least = 0 if field.startswith("low") else 1
            if type(value) is not int or not least <= value <= sys.maxsize:
                raise ConfigError(
                    f"InboxPolicy({field}={value!r}): give a whole number, "
                    f"{least} or more"
                )
        for unit in ("bytes", "events"):
            high, low = getattr(self, f"high_{unit}"), getattr(self, f"low_{unit}")
            if low > high:
                raise ConfigError(
                    f"InboxPolicy(high_{unit}={high}, low_{unit}={low}): low_{unit} "
                    f"is the larger one; give high_{unit} >= low_{unit}"
                )


_NO_LIMIT = InboxPolicy(
    high_bytes=sys.maxsize,
    high_events=sys.maxsize,
    low_bytes=sys.maxsize,
    low_events=sys.maxsize,
    hard=1,
)


@dataclass(slots=True)
class Tally:
    """How often something happened, since the server was made."""

    #: Reading from a client paused, since its handlers were slow.
    pauses: int = 0
    #: A client was disconnected, since too much of it waited for handlers.
    inbox_full: int = 0
    #: A client was disconnected, since too much waited for it.
    buffer_full: int = 0


class Tap(Protocol):
    """What an intake asks of its session; nothing here blocks."""

    def on_intake_full(self) -> None:
        """Read nothing more from the client."""

    def on_intake_low(self) -> None:
        """Read again."""

    def give_up(self, error: Exception) -> None:
        """Disconnect the client: too much waits, but reading must not pause."""


class Intake:
    """The count for one client: the network's side adds, the handlers' side removes."""

    __slots__ = (
        "_high_bytes",
        "_high_events",
        "_low_bytes",
        "_low_events",
        "_most_bytes",
        "_most_events",
        "_tally",
        "_tap",
        "events",
        "paused",
        "size",
        "waits",
    )

    def __init__(self, policy: InboxPolicy | None, tap: Tap, tally: Tally) -> None:
        """Count for ``tap``; without a policy there is no limit."""
        self._tap: Tap | None = tap
        self._tally = tally
        if policy is None:
            policy = _NO_LIMIT
        self._high_bytes, self._high_events = policy.high_bytes, policy.high_events
        self._low_bytes, self._low_events = policy.low_bytes, policy.low_events
        self._most_bytes = min(policy.high_bytes * policy.hard, sys.maxsize)
        self._most_events = min(policy.high_events * policy.hard, sys.maxsize)
        #: Events that wait, and sockets that are to be let in.
        self.events = 0
        #: Bytes (of text: characters) of the messages that brought them.
        self.size = 0
        #: Greenlets that wait for something from this client.
        self.waits = 0
        #: Nothing is read from the client at present.
        self.paused = False

    def add(self, size: int) -> None:
        """Count an event that waits and came in a message of ``size``."""
        self.events += 1
        self.size += size
        if self.events > self._high_events or self.size > self._high_bytes:
            self._on_high()

    def remove(self, size: int) -> None:
        """Take off an event that is now being handled, or was dropped."""
        self.events -= 1
        self.size -= size
        if self.paused:
            self._look()

    def begin_wait(self) -> None:
        """Note that a greenlet is about to wait for something from this client."""
        self.waits += 1
        if self.paused:
            self._look()

    def end_wait(self) -> None:
        """Note that such a greenlet waits no longer."""
        self.waits -= 1
        if self.events > self._high_events or self.size > self._high_bytes:
            self._on_high()

    def end(self) -> None:
        """Stop limiting: the session has ended; what waits is still handled."""
        self._tap = None
        self.paused = False

    def _on_high(self) -> None:
        tap = self._tap
        if tap is None or self.paused:
            return
        if not self.waits:
            self.paused = True
            self._tally.pauses += 1
            tap.on_intake_full()
        elif self.events > self._most_events or self.size > self._most_bytes:
            self._tally.inbox_full += 1
            tap.give_up(
                InboxFull(
                    f"{self.events} events in {self.size} bytes wait for handlers, and "
                    "a handler waits for this client"
                )
            )

    def _look(self) -> None:
        """Resume reading if it may resume."""
        low = self.events <= self._low_events and self.size <= self._low_bytes
        if (low or self.waits) and self._tap is not None:
            self.paused = False
            self._tap.on_intake_low()
