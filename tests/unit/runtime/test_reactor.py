from __future__ import annotations

import gevent

from sockio.runtime.clock import Clock
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock


def test_it_touches_no_hub_before_it_is_started() -> None:
    reactor = Reactor()

    assert not reactor.started
    assert isinstance(reactor.clock, Clock)
    mailbox = reactor.mailbox(print)
    assert not mailbox.busy


def test_it_settles_in_the_current_hub_once() -> None:
    reactor = Reactor()

    reactor.start()
    reactor.start()

    assert reactor.started
    assert reactor.workers.hub is gevent.get_hub()


def test_soon_runs_in_the_hub() -> None:
    reactor = Reactor()
    reactor.start()
    seen: list[object] = []

    reactor.soon(lambda value: seen.append((value, reactor.in_hub)), 1)
    assert seen == []
    gevent.idle()

    assert seen == [(1, True)]
    assert not reactor.in_hub


def test_its_latches_are_told_the_time_by_its_clock() -> None:
    clock = FakeClock()
    reactor = Reactor(clock)
    reactor.start()
    ended: list[str] = []

    def wait() -> None:
        try:
            reactor.latch().wait(5)
        except TimeoutError:
            ended.append("in time")

    gevent.spawn(wait)
    clock.advance(4.9)
    assert ended == []

    clock.advance(0.1)

    assert ended == ["in time"]
