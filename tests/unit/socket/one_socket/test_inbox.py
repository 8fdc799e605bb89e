"""Inbox: events that wait behind the first are counted, whatever becomes of them."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from sockio.engine.intake import InboxPolicy, Intake, Tally
from sockio.errors import InboxFull
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime.reactor import Reactor
from sockio.socket.one_socket.inbox import Inbox, Queued


def event(name: str) -> Packet:
    return Packet(PacketType.EVENT, "/", [name])


class Bench:
    """An inbox, and what was handled."""

    def __init__(self, policy: InboxPolicy | None = None) -> None:
        reactor = Reactor()
        reactor.start()
        self.intake = Intake(policy, self, Tally())
        self.inbox = Inbox(reactor.mailbox(self._handle), self.intake)
        self.handled: list[Any] = []

    def on_intake_full(self) -> None: ...
    def on_intake_low(self) -> None: ...
    def give_up(self, error: Exception) -> None:
        """Queue a goodbye after what waits, as a socket does when it is closed."""
        self.inbox.put(lambda: self.handled.append(error))

    def _handle(self, item: Any) -> None:
        if isinstance(item, Queued):
            item = self.inbox.counted(item)
        if isinstance(item, Packet):
            self.handled.append(item.data[0])
        else:
            item()

    @property
    def counts(self) -> tuple[int, int]:
        return self.intake.events, self.intake.size

    def settle(self) -> None:
        gevent.idle()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_events_behind_the_first_are_counted_until_they_are_handled(
    bench: Bench,
) -> None:
    for name in "abc":
        bench.inbox.put_event(event(name), 7)

    assert bench.counts == (2, 14)
    bench.settle()
    assert bench.handled == ["a", "b", "c"]
    assert bench.counts == (0, 0)


def test_jobs_and_events_keep_their_order(bench: Bench) -> None:
    bench.inbox.put(lambda: bench.handled.append("job"))
    bench.inbox.put_event(event("a"), 1)
    bench.inbox.put(lambda: bench.handled.append("another"))

    bench.settle()

    assert bench.handled == ["job", "a", "another"]


def test_the_event_that_overfills_comes_before_what_follows_from_it() -> None:
    bench = Bench(InboxPolicy(high_events=2, low_events=1, hard=1))
    bench.intake.begin_wait()

    for name in "abcd":  # three of which wait behind the first
        bench.inbox.put_event(event(name), 7)

    bench.settle()
    *handled, error = bench.handled
    assert handled == ["a", "b", "c", "d"]
    assert isinstance(error, InboxFull)


def test_what_is_dropped_is_counted_no_more(bench: Bench) -> None:
    bench.inbox.put(lambda: bench.handled.append("job"))
    for name in "abc":
        bench.inbox.put_event(event(name), 7)
    assert bench.inbox.has_events

    bench.inbox.drop()

    assert not bench.inbox.has_events
    assert bench.counts == (0, 0)
    bench.settle()
    assert bench.handled == ["job"]


def test_what_is_taken_stays_counted_until_its_turn(bench: Bench) -> None:
    for name in "abc":
        bench.inbox.put_event(event(name), 7)

    first = bench.inbox.take("a")
    last = bench.inbox.take("c")
    assert bench.inbox.take("d") is None
    assert first is not None
    assert last is not None
    assert bench.counts == (3, 14)

    assert bench.inbox.counted(first) == event("a")
    assert bench.inbox.counted(last) == event("c")
    assert bench.counts == (1, 7)
    bench.settle()
    assert bench.handled == ["b"]


def test_all_events_of_a_name_are_taken_in_order(bench: Bench) -> None:
    for name in ("a", "b", "a", "a"):
        bench.inbox.put_event(event(name), 7)
    bench.inbox.put(lambda: bench.handled.append("job"))
    before = bench.counts

    assert bench.inbox.take_all("never") == []
    taken = bench.inbox.take_all("a")

    assert [queued.packet for queued in taken] == [event("a")] * 3
    assert [queued.size for queued in taken] == [0, 7, 7]
    assert bench.counts == (before[0] + 1, before[1])
    for queued in taken:
        bench.inbox.counted(queued)
    bench.settle()
    assert bench.handled == ["b", "job"]
    assert bench.counts == (0, 0)


def test_an_event_without_a_name_is_not_taken(bench: Bench) -> None:
    bench.inbox.put_event(Packet(PacketType.EVENT, "/", [5]), 1)
    bench.inbox.put(lambda: None)

    assert bench.inbox.take("") is None
    taken = bench.inbox.take("5")

    assert taken is not None
    assert taken.packet.data == [5]
