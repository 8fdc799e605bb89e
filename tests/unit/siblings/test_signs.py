from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sockio.siblings.signs import Signs
from sockio.testing import FakeClock


@pytest.fixture
def signs() -> Iterator[Signs]:
    signs = Signs()
    yield signs
    signs.close()


def test_one_sign(signs: Signs) -> None:
    clock = FakeClock()
    assert signs.read() == set()

    signs.give(None, clock)

    assert signs.read() == {os.getpid()}
    clock.advance(100)
    assert signs.read() == set()


def test_more_of_them(signs: Signs) -> None:
    clock = FakeClock()

    signs.give(2.0, clock)

    for _ in range(3):
        assert signs.read() == {os.getpid()}
        assert signs.read() == set()
        clock.advance(2)


def test_nobody_reads_for_long(signs: Signs) -> None:
    clock = FakeClock()

    for _ in range(20_000):  # more than fit into a pipe
        signs.give(None, clock)

    assert signs.read() == {os.getpid()}
