"""Fixtures of the tests of the admin namespace."""

from __future__ import annotations

import pytest

from sockio.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock()
