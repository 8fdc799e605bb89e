from __future__ import annotations

import pytest

from sockio.httpd.deadlines import Deadline, Deadlines
from sockio.httpd.options import HttpOptions
from sockio.testing import FakeClock


class Client:
    """Remembers when its time was over."""

    busy = False
    #: Whether it has sent something.
    came = False

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.expired: list[float] = []

    def has_arrived(self) -> bool:
        return self.came

    def close(self) -> None:
        """Nobody asks for that here."""

    def expire(self) -> None:
        self.expired.append(self._clock.now())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_each_has_the_same_time(clock: FakeClock) -> None:
    deadline = Deadline(clock, 10.0)
    clients = [Client(clock) for _ in range(3)]
    for client in clients:
        deadline.begin(client)
        clock.advance(1)

    clock.advance(100)

    assert [client.expired for client in clients] == [[10.0], [11.0], [12.0]]
    assert clock.armed == 0


def test_whoever_was_in_time_is_left_alone(clock: FakeClock) -> None:
    deadline = Deadline(clock, 10.0)
    client, other = Client(clock), Client(clock)
    deadline.begin(client)
    deadline.begin(other)
    deadline.end(client)
    deadline.end(client)

    clock.advance(100)

    assert client.expired == []
    assert other.expired == [10.0]


def test_time_begins_anew_each_time(clock: FakeClock) -> None:
    deadline = Deadline(clock, 10.0)
    client = Client(clock)
    for _ in range(5):
        deadline.begin(client)
        clock.advance(9)
    deadline.end(client)
    assert clock.armed == 0
    deadline.begin(client)

    clock.advance(100)

    assert client.expired == [55.0]


def test_many_have_one_timer(clock: FakeClock) -> None:
    deadline = Deadline(clock, 10.0)
    for _ in range(100):
        deadline.begin(Client(clock))

    assert clock.armed == 1
    deadline.close()
    assert clock.armed == 0


def test_nothing_is_done_without_an_end(clock: FakeClock) -> None:
    deadline = Deadline(clock, None)
    client = Client(clock)
    deadline.begin(client)

    clock.advance(1e6)
    deadline.end(client)

    assert client.expired == []
    assert clock.armed == 0


def test_one_that_fails_ends_nobody_else(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Client):
        def expire(self) -> None:
            raise RuntimeError("a bug")

    deadline = Deadline(clock, 10.0)
    client = Client(clock)
    deadline.begin(Failing(clock))
    deadline.begin(client)

    clock.advance(10)

    assert client.expired == [10.0]
    assert "a bug" in caplog.text


def test_one_may_come_back_when_its_time_is_over(clock: FakeClock) -> None:
    deadline = Deadline(clock, 10.0)

    class Returning(Client):
        def expire(self) -> None:
            super().expire()
            if len(self.expired) < 3:
                deadline.begin(self)

    client = Returning(clock)
    deadline.begin(client)

    clock.advance(100)

    assert client.expired == [10.0, 20.0, 30.0]
    assert clock.armed == 0


def test_the_options_say_how_long(clock: FakeClock) -> None:
    deadlines = Deadlines(clock, HttpOptions(keep_alive=None, tls_timeout=1))

    lengths = deadlines.head, deadlines.body, deadlines.keep_alive, deadlines.tls
    assert [deadline.seconds for deadline in lengths] == [60.0, 300.0, None, 1]


# ------------------------------------------------------------------ who is idle


@pytest.mark.parametrize("seconds", [10.0, None])
def test_the_first_that_began_is_idle_for_longest(
    clock: FakeClock, seconds: float | None
) -> None:
    deadline = Deadline(clock, seconds)
    first, second = Client(clock), Client(clock)
    deadline.begin(first)
    deadline.begin(second)
    clock.advance(1)
    deadline.begin(first)
    clock.advance(1)

    assert deadline.under_it_for(3) is None
    assert deadline.under_it_for(2) is second
    deadline.end(second)
    assert deadline.under_it_for(2) is None
    assert deadline.under_it_for(1) is first


def test_who_has_sent_something_is_not_idle_and_stays(clock: FakeClock) -> None:
    deadline = Deadline(clock, 10.0)
    first, second = Client(clock), Client(clock)
    deadline.begin(first)
    deadline.begin(second)
    first.came = True
    clock.advance(5)

    assert deadline.under_it_for(2) is second
    clock.advance(5)
    assert first.expired == [10.0]


def test_who_is_busy_is_dropped(clock: FakeClock) -> None:
    deadline = Deadline(clock, 10.0)
    busy = Client(clock)
    busy.busy = True
    deadline.begin(busy)
    clock.advance(5)

    assert deadline.under_it_for(2) is None
    assert clock.armed == 0
