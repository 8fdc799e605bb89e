from __future__ import annotations

import logging
from functools import partial
from typing import Any

import pytest

from sockio.runtime import logs
from sockio.runtime.repeats import INTERVAL, MOST, Repeats
from sockio.runtime.workers import Workers
from sockio.testing import FakeClock
from tests.support.native import Thread

#: Seconds that a thread may take; a bound.
PATIENCE = 20

log = logs.get("engine.server")
other = logs.get("engine.http")


class Log:
    """Lines that may repeat themselves, on a clock that is advanced."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.clock = FakeClock()
        workers = Workers()
        workers.attach()
        self.repeats = Repeats(self.clock, workers)

    def say(
        self,
        count: int = 1,
        kind: str = "bad-thing",
        level: int = logging.INFO,
        logger: logging.Logger = log,
    ) -> None:
        for _ in range(count):
            logger.log(self.repeats.level(logger, level, kind), "it is %s", kind)

    @property
    def told(self) -> list[str]:
        """The lines since the last look."""
        told = [f"{r.levelname} {r.getMessage()}" for r in self._caplog.records]
        self._caplog.clear()
        return told


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Log:
    caplog.set_level(logging.INFO, "sockio")
    return Log(caplog)


def test_a_thousand_lines_are_one_and_a_count_later(lines: Log) -> None:
    lines.say(1000)
    assert lines.told == ["INFO it is bad-thing"]

    lines.clock.advance(INTERVAL)

    assert lines.told == ["INFO 999 more of these in 60 s: bad-thing"]
    assert lines.clock.armed == 0


def test_the_count_is_a_field(lines: Log, caplog: pytest.LogCaptureFixture) -> None:
    lines.say(3, level=logging.WARNING)
    lines.clock.advance(INTERVAL)

    record: Any = caplog.records[-1]
    assert record.name == log.name
    assert record.levelname == "WARNING"
    assert (record.sockio_code, record.sockio_suppressed) == ("bad-thing", 2)


def test_a_single_line_is_not_counted(lines: Log) -> None:
    lines.say()
    assert lines.clock.armed == 0

    lines.clock.advance(INTERVAL)
    lines.say()

    assert lines.told == ["INFO it is bad-thing"] * 2


def test_it_goes_on_after_the_count(lines: Log) -> None:
    for _ in range(3):
        lines.say(5)
        lines.clock.advance(INTERVAL)

    one = ["INFO it is bad-thing", "INFO 4 more of these in 60 s: bad-thing"]
    assert lines.told == one * 3


def test_kinds_and_loggers_are_counted_apart(lines: Log) -> None:
    lines.say(2)
    lines.say(2, logger=other)
    lines.clock.advance(INTERVAL / 2)
    lines.say(2, kind="worse-thing")
    assert len(lines.told) == 3

    lines.clock.advance(INTERVAL / 2)
    assert lines.told == ["INFO 1 more of these in 60 s: bad-thing"] * 2

    lines.clock.advance(INTERVAL / 2)
    assert lines.told == ["INFO 1 more of these in 60 s: worse-thing"]


def test_with_debug_lines_each_is_written(
    lines: Log, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sockio")

    lines.say(3)
    lines.clock.advance(INTERVAL)

    assert lines.told == [
        "INFO it is bad-thing",
        "DEBUG it is bad-thing",
        "DEBUG it is bad-thing",
        "INFO 2 more of these in 60 s: bad-thing",
    ]


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_what_nobody_wants_to_see_is_not_counted(
    lines: Log, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(logging.WARNING, "sockio")

    lines.say(5, level=level)

    assert lines.clock.armed == 0
    lines.repeats.close()
    assert lines.told == []


def test_at_the_end_the_counts_are_told(lines: Log) -> None:
    lines.say(5)
    lines.clock.advance(10)

    lines.repeats.close()

    assert lines.told[1:] == ["INFO 4 more of these in 10 s: bad-thing"]
    assert lines.clock.armed == 0


def test_its_memory_is_bounded(lines: Log) -> None:
    lines.say(2)
    assert len(lines.told) == 1

    for number in range(MOST):
        lines.say(kind=f"thing-{number}")

    assert "INFO 1 more of these in 0 s: bad-thing" in lines.told
    lines.repeats.close()


def test_in_another_native_thread_the_next_line_tells(lines: Log) -> None:
    """No hub runs there that could have a timer."""
    for count in (3, 1):
        Thread(partial(lines.say, count)).join(PATIENCE)
        assert lines.clock.armed == 0
        lines.clock.advance(INTERVAL)

    assert lines.told == [
        "INFO it is bad-thing",
        "INFO 2 more of these in 60 s: bad-thing",
        "INFO it is bad-thing",
    ]
