from __future__ import annotations

from dataclasses import asdict

from sockio import Observer
from sockio.adapters import Account, Gap
from sockio.adapters.accounting import total
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock


class Watcher(Observer):
    def __init__(self) -> None:
        self.gaps: list[Gap] = []

    def adapter_gap(self, gap: Gap) -> None:
        self.gaps.append(gap)


def test_what_was_lost_is_announced_once() -> None:
    clock, watcher, account = FakeClock(), Watcher(), Account()
    reactor = Reactor(clock)
    reactor.start()
    reactor.observers.add(watcher)

    account.announce(reactor)
    account.lost = 2
    account.announce(reactor)
    account.lost, account.uncertain = 3, 1
    account.announce(reactor, 7.5)
    account.announce(reactor, 0.0)
    account.announce(reactor)
    clock.settle()

    assert watcher.gaps == [
        Gap(seconds=None, lost=2, uncertain=0),
        Gap(seconds=7.5, lost=1, uncertain=1),
        Gap(seconds=0.0, lost=0, uncertain=0),
    ]
    assert account.gaps == 2


def test_stats_are_a_snapshot() -> None:
    account = Account(connected=True)
    account.unreadable = 3
    stats = account.stats()
    account.unreadable = 4

    assert asdict(stats) == {
        "connected": True,
        "messages_waiting": 0,
        "bytes_waiting": 0,
        "lost": 0,
        "uncertain": 0,
        "gaps": 0,
        "unreadable": 3,
    }


def test_a_server_has_lost_what_all_its_buses_have_lost() -> None:
    present, former = Account(connected=True), Account()
    present.lost, former.lost, former.messages_waiting = 1, 2, 3

    found = total(present.stats(), [None, former.stats()])

    assert found is not None
    assert (found.connected, found.lost, found.messages_waiting) == (True, 3, 3)
    assert total(None, [former.stats()]) is None
