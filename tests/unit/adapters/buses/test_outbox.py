from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from gevent.event import Event

from sockio.adapters import Account
from sockio.adapters.buses.outbox import MOST_PARCELS, Outbox, Parcel
from sockio.testing import FakeClock
from tests.support.waiting import wait_until


class Broker:
    """A carrier whose broker is there, or away, as the test says."""

    def __init__(self) -> None:
        self.there = Event()
        #: What was carried, in one go each.
        self.got: list[list[str]] = []
        #: After how many parcels it goes away; None: it stays.
        self.takes: int | None = None
        #: Raised once, by ``carry``.
        self.bug: Exception | None = None

    def ready(self) -> None:
        self.there.wait()

    def carry(self, parcels: Sequence[Parcel]) -> int:
        if self.bug is not None:
            bug, self.bug = self.bug, None
            raise bug
        self.got.append([parcel.content for parcel in parcels])
        for parcel in parcels[: self.takes]:
            if parcel.answer is not None:
                parcel.answer(7)
        if self.takes is None:
            return len(parcels)
        self.there.clear()
        return self.takes


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def outbox(broker: Broker, account: Account) -> Iterator[Outbox]:
    outbox = Outbox(broker, account, 100)
    outbox.open()
    yield outbox
    outbox.close()


def test_parcels_wait_and_leave_in_order(
    outbox: Outbox, account: Account, broker: Broker, clock: FakeClock
) -> None:
    for number in range(5):
        outbox.put(f"{number}", 10)
    clock.settle()
    assert broker.got == []
    assert (account.messages_waiting, account.bytes_waiting) == (5, 50)
    assert not outbox.idle

    broker.there.set()
    clock.settle()
    outbox.put("5", 10)
    clock.settle()

    assert broker.got == [["0", "1", "2", "3", "4"], ["5"]]
    assert (account.messages_waiting, account.bytes_waiting) == (0, 0)
    assert (outbox.idle, outbox.taken) == (True, 6)


def test_not_too_many_at_once(
    broker: Broker, account: Account, clock: FakeClock
) -> None:
    outbox = Outbox(broker, account)
    outbox.open()
    broker.there.set()
    for _ in range(2 * MOST_PARCELS + 1):
        outbox.put("x", 1)
    clock.settle()
    outbox.close()

    assert [len(parcels) for parcels in broker.got] == [MOST_PARCELS, MOST_PARCELS, 1]


def test_the_oldest_are_dropped_and_counted(
    outbox: Outbox,
    account: Account,
    broker: Broker,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox.put("old", 60)
    outbox.put("new", 30)
    outbox.put("newer", 30)
    assert (account.lost, account.bytes_waiting) == (1, 60)
    outbox.put("newest", 90)
    assert (account.lost, account.bytes_waiting) == (3, 90)

    broker.there.set()
    clock.settle()

    assert broker.got == [["newest"]]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "3 were dropped" in caplog.text


def test_without_an_answer_it_is_uncertain(
    outbox: Outbox, account: Account, broker: Broker, clock: FakeClock
) -> None:
    told: list[int] = []
    broker.takes = 1
    for name in "abc":
        outbox.put(name, 1, told.append)
    broker.there.set()
    clock.settle()

    # Nothing is carried twice.
    broker.takes = None
    outbox.put("d", 1)
    broker.there.set()
    clock.settle()
    assert broker.got == [["a", "b", "c"], ["d"]]
    assert (account.uncertain, account.lost) == (2, 0)
    assert told == [7]


def test_a_bug_of_the_carrier_ends_nothing(
    outbox: Outbox,
    account: Account,
    broker: Broker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker.bug = ZeroDivisionError()
    broker.there.set()
    outbox.put("x", 1)
    outbox.put("y", 1)
    wait_until(lambda: outbox.idle)
    outbox.put("z", 1)
    wait_until(lambda: broker.got)

    assert broker.got == [["z"]]
    assert account.uncertain == 2
    assert "ZeroDivisionError" in caplog.text


def test_after_the_end(
    outbox: Outbox, account: Account, broker: Broker, clock: FakeClock
) -> None:
    outbox.put("x", 1)

    left = outbox.close()
    outbox.put("y", 1)
    broker.there.set()
    clock.settle()

    assert [parcel.content for parcel in left] == ["x"]
    assert (broker.got, account.bytes_waiting, account.lost) == ([], 0, 1)
