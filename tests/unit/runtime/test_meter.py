from __future__ import annotations

import time

import pytest

from sockio.runtime.meter import OTHER, EventMeter, Meter


@pytest.fixture
def meter() -> Meter:
    return Meter(time.monotonic, 2, (0.01, 0.1, 1.0))


@pytest.mark.parametrize(
    ("seconds", "groups"),
    [
        (0.0, [1, 0, 0, 0]),
        (0.01, [1, 0, 0, 0]),
        (0.010001, [0, 1, 0, 0]),
        (0.1, [0, 1, 0, 0]),
        (0.5, [0, 0, 1, 0]),
        (1.0, [0, 0, 1, 0]),
        (7.0, [0, 0, 0, 1]),
    ],
)
def test_times_fall_into_groups(seconds: float, groups: list[int]) -> None:
    meter = EventMeter(time.monotonic, (0.01, 0.1, 1.0))

    meter.took(seconds)

    assert meter.groups == groups
    assert meter.seconds == seconds


def test_packets_and_their_size(meter: Meter) -> None:
    meter.came(10)
    meter.came(5)
    meter.sent(["four", b"and", b"more"])
    meter.resent(2, 100)

    assert (meter.packets_in, meter.size_in) == (2, 15)
    assert (meter.packets_out, meter.size_out) == (3, 111)


def test_a_ping_is_no_packet_of_socketio(meter: Meter) -> None:
    meter.sent(())

    assert meter.packets_out == 0


def test_events_are_counted_by_name(meter: Meter) -> None:
    for name in ("a", "b", "a"):
        meter.heard(name, True)

    counts = {name: each.count for name, each in meter.events.items()}
    assert counts == {OTHER: 0, "a": 2, "b": 1}


def test_the_number_of_names_is_bounded(meter: Meter) -> None:
    for number in range(10):
        meter.heard(f"n{number}", True)

    assert sorted(meter.events) == [OTHER, "n0", "n1"]
    assert meter.other.count == 8


def test_a_name_that_nobody_knows_takes_no_place(meter: Meter) -> None:
    assert meter.heard("nonsense", False) is meter.other
    assert list(meter.events) == [OTHER]


def test_a_name_that_was_known_once_keeps_its_place(meter: Meter) -> None:
    known = meter.heard("a", True)

    assert meter.heard("a", False) is known


def test_the_name_of_the_others_is_theirs(meter: Meter) -> None:
    assert meter.heard(OTHER, True) is meter.other


def test_no_name_at_all() -> None:
    meter = Meter(time.monotonic, 0, (1.0,))

    assert meter.heard("a", True) is meter.other
