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


def test_it_lets_everybody_run_who_can() -> None:
    reactor = Reactor()
    reactor.start()
    ran: list[int] = []

    def job(left: int) -> None:
        ran.append(left)
        if left:
            reactor.soon(job, left - 1)

    reactor.soon(job, 500)
    gevent.spawn(reactor.latch().wait)
    reactor.settle()

    assert len(ran) == 501


def test_who_never_waits_is_not_waited_for() -> None:
    reactor = Reactor()
    reactor.start()
    going = True

    def job() -> None:
        if going:
            reactor.soon(job)

    reactor.soon(job)
    reactor.settle(0.01)
    going = False
