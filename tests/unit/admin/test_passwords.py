"""Passwords: right and wrong ones, a few at a time."""

from __future__ import annotations

import sys
from typing import Any

import bcrypt
import gevent
import pytest

from sockio.admin.options import Basic
from sockio.admin.passwords import AT_ONCE, PATIENCE, WAITING, Passwords, TooMany
from sockio.errors import ConfigError
from sockio.runtime.latch import Latch
from sockio.testing import FakeClock

NAME, PASSWORD = "añn", "s€cret"
USER = Basic(NAME, bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)))


@pytest.fixture
def passwords(clock: FakeClock) -> Passwords:
    return Passwords(USER, lambda: Latch(clock))


def test_who_knows_both_is_let_in(passwords: Passwords) -> None:
    assert passwords.fit(NAME, PASSWORD)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (NAME, "secret"),
        ("ann", PASSWORD),
        (NAME, ""),
        (NAME, PASSWORD + "\0"),
        (NAME, "\0"),
        (NAME, "x" * 100_000),
        (NAME, "\ud800"),
        ("\ud800", PASSWORD),
        (None, PASSWORD),
        (NAME, None),
        (NAME, 5),
        (NAME, [PASSWORD]),
        (NAME, {"password": PASSWORD}),
        ([NAME], PASSWORD),
        (NAME, PASSWORD.encode()),
        (True, True),
    ],
)
def test_nobody_else_is(passwords: Passwords, name: Any, password: Any) -> None:
    assert not passwords.fit(name, password)


def test_of_a_long_password_72_bytes_count_as_everywhere(clock: FakeClock) -> None:
    hashed = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))
    passwords = Passwords(Basic("ann", hashed), lambda: Latch(clock))

    assert passwords.fit("ann", "x" * 72 + "and more")


def test_the_hub_runs_while_bcrypt_computes(clock: FakeClock) -> None:
    hashed = bcrypt.hashpw(b"x", bcrypt.gensalt(8))
    passwords = Passwords(Basic("ann", hashed), lambda: Latch(clock))
    turns = 0
    checking = gevent.spawn(passwords.fit, "ann", "x")

    while not checking.dead:
        gevent.idle()
        turns += 1

    assert checking.get()
    assert turns > 1


def test_only_so_many_wait(passwords: Passwords, clock: FakeClock) -> None:
    many = [gevent.spawn(_try, passwords) for _ in range(AT_ONCE + WAITING + 3)]
    gevent.joinall(many)

    assert [each.value for each in many].count("too many") == 3
    assert [each.value for each in many].count(True) == AT_ONCE + WAITING


def test_nobody_waits_for_ever(passwords: Passwords, clock: FakeClock) -> None:
    for _ in range(AT_ONCE):
        passwords._wait()  # as if they were computing
    last = gevent.spawn(_try, passwords)
    clock.settle()

    clock.advance(PATIENCE)

    assert last.get() == "too many"


def _try(passwords: Passwords) -> Any:
    try:
        return passwords.fit(NAME, PASSWORD)
    except TooMany:
        return "too many"


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)

    with pytest.raises(ConfigError, match=r"pip install 'sockio\[admin\]'"):
        Passwords(USER, lambda: Latch(clock))
