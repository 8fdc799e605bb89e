from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sockio.engine.handover import way
from sockio.engine.handover.way import KIND, Way
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import PACKET, PATIENCE, Link
from sockio.siblings.place import Folder
from sockio.siblings.siblings import Siblings
from sockio.testing import FakeClock
from tests.support.waiting import wait_until


class Owner:
    """A sibling that confirms what it gets only when it is told to."""

    def __init__(self, siblings: Siblings) -> None:
        self.siblings = siblings
        self.received: list[bytes] = []
        self.links: list[Link] = []
        siblings.welcome(KIND, self._welcome)
        siblings.open()

    def _welcome(self, link: Link, tag: str) -> None:
        self.links.append(link)
        link.on_packet = self._on_packet
        link.on_end = lambda why: None

    def _on_packet(self, data: bytes, descriptors: Sequence[int]) -> None:
        self.received.append(data)
        for descriptor in descriptors:
            os.close(descriptor)

    def confirm(self, count: int) -> None:
        self.links[-1].send(b"%d" % count)


class Giver:
    """A way, and what became of what was given."""

    def __init__(self, siblings: Siblings, owner: Owner, reactor: Reactor) -> None:
        self.arrived: list[int] = []
        self.lost: list[int] = []
        self.ends: list[Way] = []
        siblings.open()
        self.way = Way(siblings, owner.siblings.tag, reactor, self.ends.append)

    def give(self, number: int, packet: bytes = b"packet") -> None:
        self.way.give(
            packet,
            [0],
            lambda: self.arrived.append(number),
            lambda: self.lost.append(number),
        )


@pytest.fixture
def owner(join: Callable[[], Siblings]) -> Owner:
    return Owner(join())


@pytest.fixture
def giver(join: Callable[[], Siblings], owner: Owner, reactor: Reactor) -> Giver:
    return Giver(join(), owner, reactor)


def test_requests_arrive_in_order_and_are_confirmed(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    for number in range(5):
        giver.give(number, b"%d" % number)
    clock.settle()
    assert owner.received == [b"0", b"1", b"2", b"3", b"4"]
    assert giver.arrived == []

    owner.confirm(2)
    clock.settle()
    assert giver.arrived == [0, 1]
    owner.confirm(3)
    clock.advance(100)

    assert giver.arrived == [0, 1, 2, 3, 4]
    assert giver.lost == []
    assert giver.ends == []


def test_who_confirms_more_than_it_got_does_no_harm(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    giver.give(0)
    clock.settle()

    owner.confirm(1000)
    clock.settle()

    assert (giver.arrived, giver.lost) == ([0], [])


def test_a_sibling_that_dies_takes_what_it_did_not_confirm(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    for number in range(3):
        giver.give(number)
    clock.settle()
    owner.confirm(1)
    clock.settle()

    owner.siblings.close()
    clock.settle()

    assert (giver.arrived, giver.lost) == ([0], [1, 2])
    assert giver.ends == [giver.way]
    assert giver.way.gone
    assert not giver.way.hangs


def test_what_is_given_after_the_end_is_lost_at_once(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    owner.siblings.close()
    clock.settle()

    giver.give(0)

    assert giver.lost == [0]


def test_a_sibling_that_hangs_has_some_seconds(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    giver.give(0)
    clock.advance(PATIENCE / 2)
    giver.give(1)
    clock.advance(PATIENCE / 2 - 0.1)
    assert giver.lost == []

    clock.advance(0.2)

    assert giver.lost == [0, 1]
    assert giver.way.hangs
    assert not giver.way.gone
    assert giver.ends == [giver.way]


def test_a_sibling_does_not_hang_if_this_process_stood_still(
    place: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "PATIENCE", 0.01)
    reactor = Reactor()
    reactor.start()
    theirs, ours = Siblings(place, reactor), Siblings(place, reactor)
    owner = Owner(theirs)
    giver = Giver(ours, owner, reactor)
    wait_until(lambda: owner.links)

    giver.give(0)
    owner.confirm(1)
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        pass
    wait_until(lambda: giver.arrived or giver.lost)

    assert (giver.arrived, giver.lost) == ([0], [])
    assert not giver.way.hangs
    for siblings in (ours, theirs):
        siblings.close()


def test_the_seconds_count_for_each_request(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    giver.give(0)
    clock.advance(PATIENCE - 0.1)
    giver.give(1)
    clock.settle()
    owner.confirm(1)
    clock.advance(PATIENCE - 0.1)
    assert giver.lost == []

    clock.advance(0.2)

    assert (giver.arrived, giver.lost) == ([0], [1])


def test_more_than_the_queue_takes_is_lost_and_the_rest_is_not(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    packets = (10 << 20) // PACKET
    for number in range(packets):
        giver.give(number, b"x" * PACKET)
    lost = list(giver.lost)
    assert lost
    assert not giver.way.gone

    for _ in range(packets):
        clock.settle()
        if owner.received:
            owner.confirm(len(owner.received))
            owner.received.clear()
    clock.settle()

    assert giver.arrived == [n for n in range(packets) if n not in lost]
    assert giver.lost == lost


def test_garbage_in_the_place_of_a_confirmation_ends_the_way(
    giver: Giver, owner: Owner, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    giver.give(0)
    clock.settle()

    owner.links[0].send(b"x")
    clock.settle()

    assert giver.lost == [0]
    assert giver.ends == [giver.way]
    assert "a packet of a sibling failed" in caplog.text


def test_close_gives_up_what_was_not_confirmed(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    giver.give(0)

    giver.way.close()

    assert giver.lost == [0]
    assert giver.ends == [giver.way]
    assert not giver.way.gone


def test_a_failure_of_one_request_is_not_one_of_the_others(
    giver: Giver, owner: Owner, clock: FakeClock
) -> None:
    def fail() -> Any:
        raise BrokenPipeError

    giver.way.give(b"x", [0], fail, fail)
    giver.give(1)
    clock.settle()

    giver.way.close()

    assert giver.lost == [1]


def test_to_nobody_there_is_no_way(
    join: Callable[[], Siblings], reactor: Reactor
) -> None:
    siblings = join()
    siblings.open()

    with pytest.raises(ConnectionRefusedError):
        Way(siblings, "none", reactor, lambda way: None)
