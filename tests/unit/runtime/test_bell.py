from __future__ import annotations

from time import monotonic

from sockio.runtime.bell import Bell


def test_a_new_one_is_not_armed() -> None:
    bell = Bell()

    bell.ring()

    assert not bell.armed


def test_it_rings_once_for_each_time_it_was_armed() -> None:
    bell = Bell()
    rings: list[float] = []
    bell.call(lambda: rings.append(bell.rung))
    before = monotonic()
    bell.armed = True

    bell.ring()

    assert not bell.armed
    assert before <= rings[0] <= monotonic()
