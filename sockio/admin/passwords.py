"""Passwords: compared with a bcrypt hash, in native threads, a few at a time."""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable
from importlib import import_module
from typing import Any

from sockio.adapters.packages import needed
from sockio.runtime.latch import Latch
from sockio.runtime.tasks import in_thread

from .options import Basic

__all__ = ["Passwords", "TooMany"]

#: Comparisons at the same time; each keeps a processor busy.
AT_ONCE = 2
#: How many more may wait for that, and for how many seconds.
WAITING = 16
PATIENCE = 20.0
#: Bytes that bcrypt looks at.
LENGTH = 72


class TooMany(Exception):
    """So many comparisons wait that one more would take too long."""


class Passwords:
    """Compares names and passwords with those of one user."""

    def __init__(self, user: Basic, latch: Callable[[], Latch[Any]]) -> None:
        """Compare with ``user``.

        Args:
            user: The name, and the hash of the password.
            latch: Makes what a greenlet waits for.

        Raises:
            ConfigError: The package bcrypt is missing.
        """
        with needed("bcrypt", by="sockio.Basic", extra="admin"):
            self._checkpw: Callable[[bytes, bytes], bool] = import_module(
                "bcrypt"
            ).checkpw
        self._name = _bytes(user.username)
        self._hash = user.password_hash.encode("ascii")
        self._latch = latch
        self._running = 0
        self._waiting: deque[Latch[Any]] = deque()

    def fit(self, username: object, password: object) -> bool:
        """Return whether both are right, in the same time whichever is wrong.

        Raises:
            TooMany: Others are being compared, and it is not their turn in time.

        Blocks:
            Until bcrypt has computed, in a native thread.
        """
        if not isinstance(username, str) or not isinstance(password, str):
            return False
        named = hmac.compare_digest(_bytes(username), self._name)
        self._wait()
        try:
            fits = in_thread(self._compare, _bytes(password)[:LENGTH])
        finally:
            self._go_on()
        return named and fits

    def _compare(self, password: bytes) -> bool:
        try:
            return self._checkpw(password, self._hash)
        except ValueError:  # older versions refuse zero bytes
            return False

    def _wait(self) -> None:
        if self._running < AT_ONCE:
            self._running += 1
            return
        if len(self._waiting) >= WAITING:
            raise TooMany
        turn = self._latch()
        self._waiting.append(turn)
        try:
            turn.wait(PATIENCE)
        except TimeoutError:
            self._waiting.remove(turn)
            raise TooMany from None

    def _go_on(self) -> None:
        """Give the turn to the one that has waited longest."""
        if self._waiting:
            self._waiting.popleft().set(None)
        else:
            self._running -= 1


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
