from __future__ import annotations

from collections.abc import Callable

import pytest

from sockio.adapters.buses.tenures import Tenures
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock


class Registry:
    """A broker that may be away."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        #: Who has each name, and until when.
        self._given: dict[str, tuple[str, float]] = {}
        #: What was asked while it is away; None: it is there.
        self._asked: list[Callable[[], None]] | None = None

    def claim(self, name: str, who: str, told: Callable[[bool], None]) -> None:
        self._do(lambda: told(self._give(name, who)))

    def _give(self, name: str, who: str) -> bool:
        now = self._clock.now()
        owner, until = self._given.get(name, ("", 0.0))
        if owner != who and now < until:
            return False
        self._given[name] = (who, now + 6)
        return True

    def release(self, name: str, who: str) -> None:
        self._do(lambda: self._take_back(name, who))

    def _take_back(self, name: str, who: str) -> None:
        if self._given.get(name, ("", 0.0))[0] == who:
            del self._given[name]

    def _do(self, what: Callable[[], None]) -> None:
        if self._asked is None:
            what()
        else:
            self._asked.append(what)

    def go_away(self) -> None:
        self._asked = []

    def come_back(self) -> None:
        asked, self._asked = self._asked or [], None
        for what in asked:
            what()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(clock: FakeClock) -> Registry:
    return Registry(clock)


@pytest.fixture
def server(clock: FakeClock, registry: Registry) -> Callable[[], Tenures]:
    """Give a function that makes a server."""

    def make() -> Tenures:
        reactor = Reactor(clock)
        reactor.start()
        tenures = Tenures(registry)
        tenures.open(reactor)
        return tenures

    return make


def test_the_first_one_has_it_for_as_long_as_it_wants(
    server: Callable[[], Tenures], clock: FakeClock
) -> None:
    first, second = server().lease("a job"), server().lease("a job")

    for _ in range(60):
        assert (first.held, second.held) == (True, False)
        clock.advance(0.5)

    first.close()
    assert not first.held
    clock.advance(2)
    assert second.held
    second.close()
    assert clock.armed == 0


def test_each_name_is_for_itself(server: Callable[[], Tenures]) -> None:
    first, second = server(), server()
    leases = [first.lease("a"), second.lease("b"), first.lease("b"), second.lease("a")]

    assert [lease.held for lease in leases] == [True, True, False, False]
    for lease in leases:
        lease.close()


def test_when_the_broker_is_away_nobody_has_it(
    server: Callable[[], Tenures], registry: Registry, clock: FakeClock
) -> None:
    first, second = server().lease("a job"), server().lease("a job")
    clock.advance(1)

    registry.go_away()
    clock.advance(3.9)
    assert first.held
    clock.advance(0.2)
    assert not first.held

    registry.come_back()  # it answers to old claims, which count from then on
    assert (first.held, second.held) == (True, False)
    first.close()
    second.close()


def test_an_answer_that_comes_late_counts_no_more(
    server: Callable[[], Tenures], registry: Registry, clock: FakeClock
) -> None:
    registry.go_away()
    lease = server().lease("a job")
    clock.advance(1.9)
    lease.close()

    registry.come_back()

    assert not lease.held
    assert server().lease("a job").held


def test_who_dies_has_it_for_some_seconds_more(
    server: Callable[[], Tenures], registry: Registry, clock: FakeClock
) -> None:
    registry.claim("a job", "somebody who dies", lambda ours: None)
    lease = server().lease("a job")

    clock.advance(5.9)
    assert not lease.held
    clock.advance(2)
    assert lease.held
    lease.close()
