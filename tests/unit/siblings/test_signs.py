from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sockio.siblings.signs import Signs
from sockio.testing import FakeClock

#: The children: this process, in these tests.
HERE = {os.getpid()}


@pytest.fixture
def signs() -> Iterator[Signs]:
    signs = Signs()
    yield signs
    signs.close()


def test_one_sign(signs: Signs) -> None:
    clock = FakeClock()
    assert signs.hear(HERE) == set()

    signs.give(None, clock)

    assert signs.hear(HERE) == {os.getpid()}
    clock.advance(100)
    assert signs.hear(HERE) == set()


def test_more_of_them(signs: Signs) -> None:
    clock = FakeClock()

    signs.give(2.0, clock)

    for _ in range(3):
        assert signs.hear(HERE) == {os.getpid()}
        assert signs.hear(HERE) == set()
        clock.advance(2)


def test_no_more_are_expected_of_who_has_ended(signs: Signs) -> None:
    signs.give(None, FakeClock())

    assert signs.hear({1}) == HERE
    assert [signs.missing(0), signs.missing(0)] == [[], []]


def test_who_gives_none_is_missing_once(signs: Signs) -> None:
    clock = FakeClock()
    assert signs.missing(2) == []  # it has never given any
    signs.give(None, clock)
    signs.hear(HERE)

    assert [signs.missing(2) for _ in range(2)] == [[], []]
    signs.give(None, clock)
    signs.hear(HERE)
    assert [signs.missing(2) for _ in range(4)] == [[], [], [os.getpid()], []]


def test_nothing_is_expected_of_who_was_forgotten(signs: Signs) -> None:
    signs.give(None, FakeClock())
    signs.hear(HERE)

    signs.forget(os.getpid())

    assert signs.missing(0) == []


def test_nobody_reads_for_long(signs: Signs) -> None:
    clock = FakeClock()

    for _ in range(17_000):  # more than fit into a pipe
        signs.give(None, clock)

    assert signs.hear(HERE) == {os.getpid()}
