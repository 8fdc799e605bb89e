from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import gevent
import pytest

from sockio.runtime.reactor import Reactor
from sockio.runtime.signals import ENDING, Signals
from sockio.testing import FakeClock

#: Nothing happens to a process that does not handle these.
HARMLESS = (signal.SIGWINCH, signal.SIGURG)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def signals(clock: FakeClock) -> Iterator[Signals]:
    reactor = Reactor(clock)
    reactor.start()
    signals = Signals(reactor, HARMLESS)
    yield signals
    signals.close()


def test_what_ends_a_server() -> None:
    assert {signum.name for signum in ENDING} == {
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "SIGQUIT",
    }


def test_a_signal_wakes_who_waits(signals: Signals) -> None:
    waiting = gevent.spawn(signals.wait)
    gevent.idle()

    os.kill(os.getpid(), signal.SIGWINCH)

    assert waiting.get(timeout=2) == signal.SIGWINCH


def test_signals_that_came_before_are_kept_in_order(signals: Signals) -> None:
    for signum in HARMLESS:
        os.kill(os.getpid(), signum)
        gevent.idle()

    assert [signals.wait(), signals.wait()] == list(HARMLESS)


def test_a_wait_times_out(signals: Signals, clock: FakeClock) -> None:
    waiting = gevent.spawn(signals.wait, 5)

    clock.advance(5)

    assert waiting.get(timeout=2) is None


def test_afterwards_the_program_has_its_signals_back() -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGWINCH, lambda signum, frame: got.append(signum))
    try:
        reactor = Reactor()
        reactor.start()
        signals = Signals(reactor, HARMLESS)
        gevent.idle()
        signals.close()

        os.kill(os.getpid(), signal.SIGWINCH)

        with gevent.Timeout(2):
            while not got:
                gevent.idle()
    finally:
        signal.signal(signal.SIGWINCH, before)
