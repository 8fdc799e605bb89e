"""Tries: so many from one address in a minute."""

from __future__ import annotations

from sockio.admin.tries import ADDRESSES, MOST, SECONDS, Tries
from sockio.testing import FakeClock


def test_after_so_many_an_address_waits_a_minute(clock: FakeClock) -> None:
    tries = Tries(clock.now)

    assert [tries.begin("10.0.0.1") for _ in range(MOST + 2)] == [
        *([True] * MOST),
        False,
        False,
    ]
    assert tries.begin("10.0.0.2")
    clock.advance(SECONDS)
    assert tries.begin("10.0.0.1")


def test_a_right_one_is_forgiven(clock: FakeClock) -> None:
    tries = Tries(clock.now)
    for _ in range(MOST):
        tries.begin("10.0.0.1")

    tries.forgive("10.0.0.1")

    assert tries.begin("10.0.0.1")


def test_addresses_of_one_network_of_version_6_count_as_one(clock: FakeClock) -> None:
    tries = Tries(clock.now)

    found = [tries.begin(f"2001:db8:0:1:{number}::1") for number in range(MOST + 1)]

    assert found == [*([True] * MOST), False]
    assert tries.begin("2001:db8:0:2::1")


def test_addresses_in_both_versions_are_told_apart(clock: FakeClock) -> None:
    tries = Tries(clock.now)

    assert all(tries.begin(f"::ffff:10.0.0.{number}") for number in range(MOST + 1))


def test_what_is_no_address_counts_too(clock: FakeClock) -> None:
    tries = Tries(clock.now)

    found = [tries.begin("unix socket") for _ in range(MOST + 1)]

    assert found[-1] is False


def test_so_many_addresses_are_remembered(clock: FakeClock) -> None:
    tries = Tries(clock.now)
    for _ in range(MOST):
        tries.begin("first")

    for number in range(ADDRESSES):
        tries.begin(str(number))

    assert tries.begin("first")
