from __future__ import annotations

import pytest

from sockio.adapters import MessageType
from sockio.adapters.buses.presence import GREETING, INTERVAL, TIMEOUT, Presence
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock

HELLO, BEAT, BYE = (
    MessageType.INITIAL_HEARTBEAT,
    MessageType.HEARTBEAT,
    MessageType.ADAPTER_CLOSE,
)


class Probe:
    """A presence in one namespace, and what came of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        reactor = Reactor(self.clock)
        reactor.start()
        self.said: list[MessageType] = []
        self.gone: list[str] = []
        self.counts: list[int] = []
        self.presence = Presence(
            lambda nsp, kind: self.said.append(kind),
            lambda nsp, uid: self.gone.append(uid),
        )
        self.presence.open(reactor)
        self.presence.join("/")

    def greet(self) -> None:
        self.presence.back()
        self.presence.greet("/")

    def hear(self, uid: str, kind: MessageType = BEAT) -> None:
        self.presence.heard("/", uid, kind)
        self.clock.settle()

    def count(self, *asked: str) -> None:
        self.presence.count("/", self.counts.append, frozenset(asked))

    @property
    def others(self) -> set[str]:
        return set(self.presence.others("/"))


@pytest.fixture
def probe() -> Probe:
    return Probe()


def test_a_newcomer_greets_and_counts_when_all_have_answered(probe: Probe) -> None:
    probe.count()
    probe.greet()
    probe.hear("a")
    probe.clock.advance(GREETING - 0.1)
    probe.hear("b")
    assert probe.counts == []

    probe.clock.advance(0.1)
    probe.count()

    assert probe.said == [HELLO]
    assert probe.counts == [2, 2]


def test_a_newcomer_is_answered(probe: Probe) -> None:
    probe.greet()

    probe.hear("a", HELLO)

    assert probe.said == [HELLO, BEAT]
    assert probe.others == {"a"}


def test_whatever_a_server_says_shows_that_it_lives(probe: Probe) -> None:
    probe.greet()

    probe.hear("a", MessageType.BROADCAST)
    probe.hear("emitter", MessageType.BROADCAST)
    probe.hear("", MessageType.BROADCAST)

    assert probe.others == {"a"}


def test_who_says_nothing_says_that_it_lives(probe: Probe) -> None:
    probe.greet()
    for _ in range(20):
        probe.clock.advance(1)
        probe.presence.said("/")
    assert probe.said == [HELLO]

    probe.clock.advance(4 * INTERVAL)

    assert 4 <= probe.said.count(BEAT) <= 8


def test_who_is_silent_is_gone(probe: Probe) -> None:
    probe.greet()
    probe.hear("a")
    probe.hear("b")
    probe.clock.advance(TIMEOUT - 1)
    probe.hear("b")

    probe.clock.advance(INTERVAL / 2 + 1)

    assert probe.gone == ["a"]
    assert probe.others == {"b"}


def test_who_says_goodbye_is_not_counted(probe: Probe) -> None:
    probe.greet()
    probe.hear("a")

    probe.hear("a", BYE)

    assert probe.others == set()
    # The bus hands the goodbye on itself.
    assert probe.gone == []


def test_whoever_was_asked_and_has_gone_is_counted(probe: Probe) -> None:
    probe.greet()
    probe.hear("a")
    probe.clock.advance(GREETING)
    probe.hear("a", BYE)
    probe.hear("b")

    probe.count("a")

    assert probe.counts == [2]


def test_nobody_is_gone_while_nobody_can_be_heard(probe: Probe) -> None:
    probe.greet()
    probe.hear("a")
    probe.hear("b")
    probe.presence.away()

    probe.clock.advance(10 * TIMEOUT)
    assert probe.others == {"a", "b"}
    assert probe.said == [HELLO]
    probe.greet()
    assert not probe.presence.complete
    probe.hear("a")
    assert not probe.presence.complete
    probe.hear("b", BYE)

    assert probe.presence.complete
    assert probe.gone == []
    assert probe.said == [HELLO, HELLO]


def test_nothing_is_said_and_told_after_the_end(probe: Probe) -> None:
    probe.greet()
    probe.count()
    probe.presence.leave("/")
    probe.hear("a", HELLO)
    probe.count()
    probe.presence.close()

    assert probe.clock.armed == 0
    assert probe.said == [HELLO]
    assert probe.counts == []
