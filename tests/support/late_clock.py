"""LateClock: a clock of a loop that is held, so that its timers fire late."""

from __future__ import annotations

from sockio.testing import FakeClock


class LateClock(FakeClock):
    """A ``FakeClock`` on which it is later than its timers know."""

    #: By so many seconds.
    late = 0.0

    def now(self) -> float:
        """Seconds advanced so far, and those for which the loop is held."""
        return super().now() + self.late
