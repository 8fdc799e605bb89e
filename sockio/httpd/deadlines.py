"""Deadlines: clients that must do something in time, many at once.

There is a deadline for each thing a client may be waited for, and whoever is waited for
is under one of them. All under one deadline have the same time, so the first that came
is the first whose time is over: one timer is enough, and to come and to go costs an
entry of a dict.
"""

from __future__ import annotations

from typing import Protocol

from sockio.runtime import logs
from sockio.runtime.clock import Clock, Timer

from .options import HttpOptions

__all__ = ["Deadline", "Deadlines"]

log = logs.get("engine.http")

#: Seconds by which a timer of the loop may come before its time.
_EARLY = 0.001


class Expiring(Protocol):
    """Who is waited for."""

    def expire(self) -> None:
        """The time is over, and the deadline has forgotten you; called in the hub."""


class Deadline:
    """One of them; ``seconds`` None: there is no end."""

    __slots__ = ("_clock", "_due", "_now", "_timer", "seconds")

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self._now = clock.now
        self.seconds = seconds
        #: When the time of each is over, the first one first.
        self._due: dict[Expiring, float] = {}
        self._timer: Timer | None = None

    def begin(self, who: Expiring) -> None:
        """The time of ``who`` begins, even if it has begun before."""
        seconds = self.seconds
        if seconds is None:
            return
        due = self._due
        due.pop(who, None)
        due[who] = self._now() + seconds
        if self._timer is None:
            self._timer = self._clock.call_later(seconds, self._fire)

    def end(self, who: Expiring) -> None:
        """``who`` did in time what had to be done; nothing happens if it is unknown."""
        if self._due.pop(who, None) is not None and not self._due:
            self.close()

    def close(self) -> None:
        """Nobody is under it any more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        now = self._clock.now()
        over = []
        self._timer = None
        for who, due in self._due.items():
            if due > now + _EARLY:
                self._timer = self._clock.call_later(due - now, self._fire)
                break
            over.append(who)
        for who in over:
            del self._due[who]
        for who in over:
            try:
                who.expire()
            except Exception:
                # A boundary: a bug of ours met with one client is not another's.
                log.exception("the end of a deadline failed")


class Deadlines:
    """Those of one HTTP server."""

    __slots__ = ("body", "head", "keep_alive", "tls")

    def __init__(self, clock: Clock, options: HttpOptions) -> None:
        #: For the head of a request, from its first byte; of a new connection, from its
        #: beginning.
        self.head = Deadline(clock, options.head_timeout)
        #: For progress with a body, in either direction.
        self.body = Deadline(clock, options.body_timeout)
        #: For the first byte of a request, after an answer.
        self.keep_alive = Deadline(clock, options.keep_alive)
        #: For the handshake.
        self.tls = Deadline(clock, options.tls_timeout)

    def close(self) -> None:
        """Nobody is waited for any more."""
        for deadline in (self.head, self.body, self.keep_alive, self.tls):
            deadline.close()
