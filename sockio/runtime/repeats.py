"""Repeats: a line that clients cause again and again is written once, and counted.

The first line of a kind is written. Those that follow within a minute are counted, and
one line at its end says how many they were. Where debug lines are on, each of them is
written as one of these.
"""

from __future__ import annotations

from logging import DEBUG, Logger
from typing import TypeAlias

from .clock import Clock, Timer
from .log_fields import fields
from .workers import Workers

__all__ = ["INTERVAL", "MOST", "Repeats"]

#: Seconds from a line to the next one of its kind.
INTERVAL = 60.0
#: Kinds that are counted at a time; if there are more, the oldest one is told early.
MOST = 256

_Key: TypeAlias = "tuple[str, str, str]"


class _Kind:
    """The lines of one kind, since one of them was written."""

    __slots__ = ("code", "level", "log", "missed", "part", "since")

    def __init__(
        self, log: Logger, level: int, code: str, part: str, since: float
    ) -> None:
        self.log = log
        self.level = level
        self.code = code
        self.part = part
        self.since = since
        #: How many were not written at their level.
        self.missed = 0

    def tell(self, now: float) -> None:
        """Say how many were left out, if any were."""
        if self.missed:
            self.log.log(
                self.level,
                "%d more of these in %.0f s: %s",
                self.missed,
                now - self.since,
                f"{self.code} {self.part}".rstrip(),
                extra=fields(code=self.code, suppressed=self.missed),
            )


class Repeats:
    """The lines of one server that may repeat themselves."""

    __slots__ = ("_clock", "_kinds", "_timer", "_workers")

    def __init__(self, clock: Clock, workers: Workers) -> None:
        self._clock = clock
        self._workers = workers
        #: By logger, code and part, the oldest first.
        self._kinds: dict[_Key, _Kind] = {}
        #: Fires when the first number is to be told.
        self._timer: Timer | None = None

    def level(self, log: Logger, level: int, code: str, part: str = "") -> int:
        """Return at which level to write a line: ``level``, or DEBUG if it is counted.

        Args:
            log: The logger that will write it.
            level: The one that the line deserves.
            code: What it says, in a word of ours.
            part: What distinguishes lines of that code, such as a handler.
        """
        if level <= DEBUG or not log.isEnabledFor(level):
            return level
        now = self._clock.now()
        key = log.name, code, part
        known = self._kinds.get(key)
        if known is not None and now < known.since + INTERVAL:
            known.missed += 1
            # Where no hub of ours runs, the next line tells it.
            if self._timer is None and self._in_our_thread:
                wait = known.since + INTERVAL - now
                self._timer = self._clock.call_later(wait, self._on_time)
            return DEBUG
        if known is not None:
            self._forget(key, now)
        elif len(self._kinds) >= MOST:
            self._forget(next(iter(self._kinds)), now)
        self._kinds[key] = _Kind(log, level, code, part, now)
        return level

    @property
    def _in_our_thread(self) -> bool:
        return self._workers.hub is not None and not self._workers.elsewhere

    def close(self) -> None:
        """Tell all numbers now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock.now()
        for key in list(self._kinds):
            self._forget(key, now)

    def _forget(self, key: _Key, now: float) -> None:
        kind = self._kinds.pop(key, None)
        if kind is not None:
            kind.tell(now)

    def _on_time(self) -> None:
        self._timer = None
        now = self._clock.now()
        for key, kind in list(self._kinds.items()):
            if kind.since + INTERVAL <= now:
                self._forget(key, now)
        due = [kind.since for kind in self._kinds.values() if kind.missed]
        if due:
            wait = min(due) + INTERVAL - now
            self._timer = self._clock.call_later(wait, self._on_time)
