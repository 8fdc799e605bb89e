from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import gevent
import pytest

from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor
from sockio.runtime.signals import ENDING, Signals
from sockio.testing import FakeClock

#: Signals that do nothing to a process that does not handle them.
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


def test_a_program_under_nohup_outlives_its_terminal(clock: FakeClock) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        reactor = Reactor(clock)
        reactor.start()
        signals = Signals(reactor, (signal.SIGHUP, *HARMLESS))
        for signum in (signal.SIGHUP, signal.SIGWINCH):
            os.kill(os.getpid(), signum)
            gevent.idle()

        assert signals.wait() == signal.SIGWINCH
        signals.close()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_until_the_loop_comes_round_signals_have_their_default_action(
    signals: Signals,
) -> None:
    os.kill(os.getpid(), signal.SIGWINCH)

    assert [signal.getsignal(signum) for signum in HARMLESS] == [signal.SIG_DFL] * 2
    gevent.idle()
    assert signal.SIG_DFL not in map(signal.getsignal, HARMLESS)
    assert signals.wait() == signal.SIGWINCH


def test_the_loop_is_woken_from_its_sleep(signals: Signals) -> None:
    killer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGWINCH))
    killer.start()

    assert signals.wait() == signal.SIGWINCH
    killer.join()


def test_what_ends_before_a_signal_has_ended(signals: Signals) -> None:
    done: list[int] = []

    assert signals.let_end(done.append, 1)
    assert done == [1]


def test_a_signal_kills_what_has_not_ended(signals: Signals, clock: FakeClock) -> None:
    gone: list[str] = []

    def wait() -> None:
        try:
            Latch[None](clock).wait()
        except gevent.GreenletExit:
            gone.append("killed")
            raise

    ending = gevent.spawn(signals.let_end, wait)
    gevent.idle()
    os.kill(os.getpid(), signal.SIGWINCH)

    assert ending.get(timeout=2) is False
    gevent.idle()
    assert gone == ["killed"]


def test_in_another_thread_no_signal_comes() -> None:
    def serve() -> int | None:
        reactor = Reactor()
        reactor.start()
        signals = Signals(reactor, HARMLESS)
        try:
            return signals.wait(0.01)
        finally:
            signals.close()
            gevent.get_hub().destroy(destroy_loop=True)

    before = signal.getsignal(signal.SIGWINCH)
    assert gevent.get_hub().threadpool.apply(serve) is None
    assert signal.getsignal(signal.SIGWINCH) == before
