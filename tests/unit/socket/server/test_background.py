from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

import sockio
from sockio.testing import FakeClock


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    io: sockio.Server[Any] = sockio.Server()
    yield io
    io.close()


def test_start_starts_what_is_repeated() -> None:
    clock = FakeClock()
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    runs: list[float] = []
    io.every(10)(lambda: runs.append(clock.now()))

    io.start()
    clock.advance(25)

    assert runs == [10.0, 20.0]
    io.close()
    clock.advance(25)
    assert len(runs) == 2


def test_a_repeated_task_that_runs_out_of_time_runs_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    runs: list[float] = []

    @io.every(10)
    def task() -> None:
        runs.append(clock.now())
        raise gevent.Timeout(1)

    io.start()
    clock.advance(20)

    assert runs == [10.0, 20.0]
    assert "a repeated task failed" in caplog.text
    io.close()


def test_a_task_that_fails_is_logged(
    io: sockio.Server[Any], caplog: pytest.LogCaptureFixture
) -> None:
    task = io.spawn(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        task.wait(1)
    assert "ZeroDivisionError" in caplog.text
