"""Sessions: known for a time, and not too many of them."""

from __future__ import annotations

from typing import Any

import pytest

from sockio.admin.sessions import MOST, Sessions, fingerprint
from sockio.testing import FakeClock


def test_a_session_lasts_so_long(clock: FakeClock) -> None:
    sessions = Sessions(clock.now, 100)

    mark = fingerprint(sessions.begin())

    assert mark is not None
    assert sessions.left(mark) == 100
    clock.advance(60)
    assert sessions.left(mark) == 40
    clock.advance(40)
    assert sessions.left(mark) == 0


def test_each_has_its_own_id() -> None:
    sessions = Sessions(lambda: 0.0, 100)

    ids = {sessions.begin() for _ in range(10)}

    assert len(ids) == 10
    assert all(len(id) == 32 for id in ids)


def test_another_server_cannot_make_it_longer(clock: FakeClock) -> None:
    sessions = Sessions(clock.now, 100)

    sessions.add("mark", 1e9)

    assert sessions.left("mark") == 100


def test_the_oldest_ones_are_forgotten(clock: FakeClock) -> None:
    sessions = Sessions(clock.now, 100)

    for number in range(MOST + 1):
        sessions.add(str(number), 100)

    assert sessions.left("0") == 0
    assert sessions.left("1") == 100


def test_those_that_have_ended_take_no_place(clock: FakeClock) -> None:
    sessions = Sessions(clock.now, 100)
    sessions.add("old", 100)
    clock.advance(200)

    for number in range(MOST):
        sessions.add(str(number), 100)

    assert sessions.left("0") == 100


@pytest.mark.parametrize("id", [None, "", "x" * 32, "0" * 31, "0" * 33, 5, ["0" * 32]])
def test_what_is_no_id(id: Any) -> None:
    assert fingerprint(id) is None
