"""Percentiles of durations."""

from __future__ import annotations

import pytest

from sockio.cli.latencies import Latencies


def test_percentiles_are_right_to_one_percent() -> None:
    latencies = Latencies()
    for number in range(1, 1001):
        latencies.add(number / 1000)

    assert latencies.percentile(50) == pytest.approx(0.5, rel=0.01)
    assert latencies.percentile(99) == pytest.approx(0.99, rel=0.01)
    assert latencies.percentile(100) == latencies.most == 1.0
    assert latencies.mean == pytest.approx(0.5005)
    assert latencies.count == 1000


def test_nothing_was_counted() -> None:
    latencies = Latencies()

    assert (latencies.percentile(50), latencies.mean, latencies.most) == (0, 0, 0)


def test_what_took_no_time() -> None:
    latencies = Latencies()
    latencies.add(0.0)
    latencies.add(-1.0)

    assert 0 < latencies.percentile(50) < 1e-5
