"""Sessions: with which a page that was reloaded comes in without a password.

A page keeps the id of its session. The servers keep only its hash, and tell each other.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from hashlib import sha256

__all__ = ["Sessions", "fingerprint"]

#: Sessions that are remembered; the oldest ones are forgotten first.
MOST = 1000
_ID = re.compile(r"[0-9a-f]{32}")


def fingerprint(id: object) -> str | None:
    """Return the hash by which servers know a session; None: it is no id."""
    if not isinstance(id, str) or _ID.fullmatch(id) is None:
        return None
    return sha256(id.encode("ascii")).hexdigest()


class Sessions:
    """The sessions that this server knows."""

    def __init__(self, now: Callable[[], float], duration: float) -> None:
        """Know none yet.

        Args:
            now: Tells the time, in seconds.
            duration: Seconds for which a session lasts.
        """
        self._now = now
        self._duration = duration
        #: When each of them ends, by its hash.
        self._ends: dict[str, float] = {}

    def begin(self) -> str:
        """Return the id of a new session."""
        id = secrets.token_hex(16)
        mark = fingerprint(id)
        assert mark is not None
        self.add(mark, self._duration)
        return id

    def add(self, mark: str, seconds: float) -> None:
        """Remember a session, for some seconds at most."""
        now = self._now()
        self._ends.pop(mark, None)
        self._ends[mark] = now + min(seconds, self._duration)
        for old, end in list(self._ends.items()):
            if end > now and len(self._ends) <= MOST:
                break
            del self._ends[old]

    def left(self, mark: str) -> float:
        """Return for how many seconds a session will last; 0: it is not known."""
        return max(0.0, self._ends.get(mark, 0.0) - self._now()) if self._ends else 0.0
