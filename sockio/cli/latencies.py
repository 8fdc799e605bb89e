"""Latencies: how long things took, counted; percentiles are right to one percent."""

from __future__ import annotations

from collections import Counter
from math import ceil, exp
from math import log as ln

__all__ = ["Latencies"]

#: Each class of durations is so many times as long as the one below it.
_STEP = ln(1.01)
#: Seconds; shorter durations are counted as this.
_SHORTEST = 1e-6


class Latencies:
    """Durations in seconds, in an amount of memory that does not grow."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._total = 0.0
        self.count = 0
        #: The longest one.
        self.most = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        seconds = max(seconds, _SHORTEST)
        self._counts[ceil(ln(seconds) / _STEP)] += 1
        self._total += seconds
        self.count += 1
        self.most = max(self.most, seconds)

    @property
    def mean(self) -> float:
        """The mean; 0 if there are none."""
        return self._total / self.count if self.count else 0.0

    def percentile(self, percent: float) -> float:
        """Return what so many percent do not exceed; 0 if there are none."""
        wanted = ceil(self.count * percent / 100)
        seen = 0
        for step in sorted(self._counts):
            seen += self._counts[step]
            if seen >= wanted:
                return min(exp(step * _STEP), self.most)
        return self.most
