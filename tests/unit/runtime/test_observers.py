from __future__ import annotations

import logging
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.runtime.observers import HOOKS, Observer, Observers
from sockio.runtime.surroundings import Surroundings


class Rooms(Observer):
    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def room_joined(self, namespace: str, room: str, sid: str) -> None:
        self.seen.append(("joined", namespace, room, sid))


class Packets(Observer):
    def packet_in(self, session: Any, packet: Any, size: int) -> None:
        pass


@pytest.fixture
def observers() -> Observers:
    return Observers(Surroundings())


def test_each_hook_says_what_it_means_and_does_nothing() -> None:
    for hook in HOOKS:
        method = getattr(Observer, hook)
        count = method.__code__.co_argcount - 1

        assert (method.__doc__ or "").strip(), hook
        assert method(Observer(), *[None] * count) is None


def test_those_that_override_a_hook_are_told_in_order(observers: Observers) -> None:
    first, second = Rooms(), Rooms()
    seen: list[tuple[str, ...]] = []
    first.seen = second.seen = seen
    observers.add(first)
    observers.add(Packets())
    observers.add(second)

    observers.tell("room_joined", "/", "room", "sid")
    observers.tell("room_left", "/", "room", "sid")

    assert seen == [("joined", "/", "room", "sid")] * 2


def test_packets_are_watched_when_somebody_wants_to_see_them(
    observers: Observers,
) -> None:
    observers.add(Rooms())
    before = observers.of_packets
    observers.add(Packets())

    assert (before, observers.of_packets) == (False, True)


@pytest.mark.parametrize("wrong", [None, Observer, print, "metrics"])
def test_only_observers_may_observe(observers: Observers, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"derived from sockio\.Observer"):
        observers.add(wrong)


def test_one_that_fails_watches_no_more(
    observers: Observers, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Rooms):
        def room_left(self, namespace: str, room: str, sid: str) -> None:
            raise ValueError("full")

    failing, other = Failing(), Rooms()
    observers.add(failing)
    observers.add(other)

    with caplog.at_level(logging.ERROR, "sockio"):
        for _ in range(3):
            observers.tell("room_left", "/", "room", "sid")
            observers.tell("room_joined", "/", "room", "sid")

    assert (len(failing.seen), len(other.seen)) == (0, 3)
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_one_that_fails_is_told_nothing_more_of_the_same(
    observers: Observers, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Observer):
        calls = 0

        def handler_began(self, call: Any) -> None:
            self.calls += 1
            raise ValueError("full")

        def handler_ended(self, call: Any, error: BaseException | None) -> None:
            self.calls += 1

    around = Surroundings()
    observers = Observers(around)
    failing = Failing()
    observers.add(failing)

    with caplog.at_level(logging.ERROR, "sockio"):
        results = [around.call("task", lambda: 5, ()) for _ in range(2)]

    assert (results, failing.calls) == ([5, 5], 1)


def test_calls_are_watched_with_their_errors() -> None:
    class Calls(Observer):
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def handler_began(self, call: Any) -> None:
            self.seen.append(("began", call.kind, call.args))

        def handler_ended(self, call: Any, error: BaseException | None) -> None:
            self.seen.append(("ended", call.kind, type(error)))

    around = Surroundings()
    calls = Calls()
    observers = Observers(around)
    observers.add(calls)

    assert around.call("task", lambda x: x, (1,)) == 1
    with pytest.raises(ZeroDivisionError):
        around.call("ack", lambda x: 1 / x, (0,))
    observers.remove(calls)
    around.call("task", lambda: None, ())

    assert around.makers == ()
    assert calls.seen == [
        ("began", "task", (1,)),
        ("ended", "task", type(None)),
        ("began", "ack", (0,)),
        ("ended", "ack", ZeroDivisionError),
    ]


def test_one_that_is_removed_is_told_no_more(observers: Observers) -> None:
    first, second = Rooms(), Rooms()
    observers.add(first)
    observers.add(second)

    observers.remove(first)
    observers.tell("room_joined", "/", "room", "sid")

    assert (first.seen, len(second.seen)) == ([], 1)
