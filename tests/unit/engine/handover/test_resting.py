from __future__ import annotations

from sockio.engine.handover.resting import REST, Resting
from sockio.testing import FakeClock


def test_who_hangs_is_left_alone_for_a_while() -> None:
    clock = FakeClock()
    resting = Resting(clock)

    resting.add("AAAA")
    clock.advance(REST / 2)
    resting.add("BBBB")

    assert "AAAA" in resting
    clock.advance(REST / 2)
    assert "AAAA" not in resting
    assert "BBBB" in resting


def test_those_of_the_past_are_forgotten() -> None:
    clock = FakeClock()
    resting = Resting(clock)
    for number in range(100):
        resting.add(f"{number:04}")
        clock.advance(REST)

    assert len(resting._until) == 1
