"""Deadlines: many clients, each of which must do something in time.

There is one deadline for each thing that we may wait for, and each client that we wait
for is under one of them. All clients under a deadline get the same time, so the first
that came is the first whose time is over. One timer is enough, and a client costs one
entry of a dict.
"""

from __future__ import annotations

from typing import Protocol

from sockio.runtime import logs
from sockio.runtime.clock import Clock, Timer

from .options import HttpOptions

__all__ = ["Deadline", "Deadlines"]

log = logs.get("engine.http")

#: Seconds by which a timer of the loop may be early.
_EARLY = 0.001
#: Seconds that a client has for what it has begun when the server begins to close.
_LAST = 1.0


class Expiring(Protocol):
    """An object that we wait for."""

    def expire(self) -> None:
        """The time is over; the deadline has dropped this object. Called in the hub."""

    @property
    def busy(self) -> bool:
        """Whether it is under a deadline only because nobody has ended that yet."""

    def has_arrived(self) -> bool:
        """Say whether the peer has sent something that is still to be read."""

    def close(self) -> None:
        """Close at once."""


class Deadline:
    """One deadline; ``seconds`` None: there is no limit."""

    __slots__ = ("_begun", "_clock", "_now", "_timer", "seconds")

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self._now = clock.now
        self.seconds = seconds
        #: When the time of each object began, the earliest first.
        self._begun: dict[Expiring, float] = {}
        self._timer: Timer | None = None

    def begin(self, who: Expiring) -> None:
        """Begin the time of ``who``, even if it has begun before."""
        begun = self._begun
        begun.pop(who, None)
        begun[who] = self._now()
        if self._timer is None and self.seconds is not None:
            self._timer = self._clock.call_later(self.seconds, self._fire)

    def end(self, who: Expiring) -> None:
        """Drop ``who``, which was in time; do nothing if it is unknown."""
        if self._begun.pop(who, None) is not None and not self._begun:
            self.close()

    def under_it_for(self, seconds: float) -> Expiring | None:
        """Return who has been under it for longest, and has sent nothing more.

        Args:
            seconds: How long at least.
        """
        latest = self._now() - seconds
        busy = []
        found = None
        for who, begun in self._begun.items():
            if begun > latest:
                break
            if who.busy:
                busy.append(who)
            elif not who.has_arrived():
                found = who
                break
        for who in busy:
            self.end(who)
        return found

    def close(self) -> None:
        """Drop all objects and the timer."""
        self._begun.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        assert self.seconds is not None
        now = self._clock.now()
        over = []
        self._timer = None
        for who, begun in self._begun.items():
            left = begun + self.seconds - now
            if left > _EARLY:
                self._timer = self._clock.call_later(left, self._fire)
                break
            over.append(who)
        for who in over:
            del self._begun[who]
        for who in over:
            try:
                who.expire()
            except Exception:
                # A boundary: a bug of ours with one client must not affect others.
                log.exception("the end of a deadline failed")


class Deadlines:
    """The deadlines of one HTTP server."""

    __slots__ = ("body", "first", "head", "keep_alive", "last", "tls")

    def __init__(self, clock: Clock, options: HttpOptions) -> None:
        #: For the head of a request, from its first byte; for the first request, from
        #: the beginning of the connection.
        self.head = Deadline(clock, options.head_timeout)
        #: For progress with a body, in either direction.
        self.body = Deadline(clock, options.body_timeout)
        #: For the first byte of a request, after an answer.
        self.keep_alive = Deadline(clock, options.keep_alive)
        #: For the TLS handshake.
        self.tls = Deadline(clock, options.tls_timeout)
        #: For the same things as ``head`` and ``tls`` when the server closes.
        self.last = Deadline(clock, _LAST)
        #: ``head``, or ``last`` once the server closes.
        self.first = self.head

    def hurry(self) -> None:
        """From now on, whoever begins with a request has only a moment for it."""
        self.first = self.last

    def close(self) -> None:
        """Drop all objects from all deadlines."""
        for each in (self.head, self.body, self.keep_alive, self.tls, self.last):
            each.close()
