from __future__ import annotations

import logging
import re

import pytest

from sockio.runtime import logs
from sockio.runtime.refusals import CAUSES, SESSION_UNKNOWN, Cause
from sockio.runtime.repeats import Repeats
from sockio.runtime.workers import Workers
from sockio.testing import FakeClock

log = logs.get("engine.server")


@pytest.mark.parametrize("cause", CAUSES.values(), ids=list(CAUSES))
def test_a_cause_says_what_to_do(cause: Cause) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause.code)
    assert len(cause.hint) > 10
    assert not cause.hint.endswith(".")
    assert str(cause) == f"code={cause.code}, hint: {cause.hint}"


def test_its_fields_name_the_client_too() -> None:
    known = SESSION_UNKNOWN.fields(address="192.0.2.7", transport=None)

    assert known == {
        "sockio_code": "session-unknown",
        "sockio_hint": SESSION_UNKNOWN.hint,
        "sockio_address": "192.0.2.7",
    }


def test_the_second_one_is_a_debug_line() -> None:
    repeats = Repeats(FakeClock(), Workers())

    levels = [SESSION_UNKNOWN.level_now(log, repeats) for _ in range(2)]

    assert levels == [logging.WARNING, logging.DEBUG]
    repeats.close()


def test_parts_of_a_cause_are_counted_apart() -> None:
    repeats = Repeats(FakeClock(), Workers())

    levels = [SESSION_UNKNOWN.level_now(log, repeats, part) for part in "ab"]

    assert levels == [logging.WARNING, logging.WARNING]
    repeats.close()
