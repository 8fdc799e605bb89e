"""For tests, yours and ours: a clock that stands still until you advance it."""

from __future__ import annotations

from .clock import FakeClock

__all__ = ["FakeClock"]
