"""Stopwatch: a fake clock that also runs on while no timer can fire."""

from __future__ import annotations

from sockio.testing import FakeClock


class Stopwatch(FakeClock):
    """Time passes by ``advance``, and by what is added to ``spent``."""

    #: Seconds for which a handler has computed, or the process stood still.
    spent = 0.0

    def now(self) -> float:
        return super().now() + self.spent
