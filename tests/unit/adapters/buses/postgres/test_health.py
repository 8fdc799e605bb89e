from __future__ import annotations

import pytest

from sockio.adapters.buses.postgres.health import Health


@pytest.fixture
def health() -> Health:
    return Health("host:5432/db")


def test_a_queue_that_fills_is_told_once(
    health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    for usage in (0.0, 0.2, 0.3, 0.5, 0.3):
        health.queue(usage)
    assert caplog.messages == [
        "'host:5432/db': 0.30 of its queue of notifications is full: a client of it "
        "listens and does not read, or has a long transaction"
    ]

    health.queue(0.1)
    health.queue(0.4)

    assert len(caplog.messages) == 3
    assert "no longer too full" in caplog.messages[1]


def test_what_is_wrong_is_told_once(
    health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    health.encoding("UTF8")
    for _ in range(2):
        health.encoding("LATIN1")
        health.no_table("permission denied", "CREATE TABLE t")
        health.refused("out of space")

    assert len(caplog.messages) == 3
    assert "LATIN1" in caplog.messages[0]
    assert "CREATE TABLE t" in caplog.messages[1]
    assert "out of space" in caplog.messages[2]
