from __future__ import annotations

import pytest

from sockio.engine.heartbeat import Heartbeat
from sockio.testing import FakeClock

INTERVAL, TIMEOUT = 25.0, 20.0


class Pulse:
    """A heartbeat and what it did, with the time at which it did it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.did: list[tuple[str, float]] = []
        self.heartbeat = Heartbeat(
            self.clock,
            INTERVAL,
            TIMEOUT,
            send_ping=lambda: self.did.append(("ping", self.clock.now())),
            on_silence=lambda: self.did.append(("silence", self.clock.now())),
        )


@pytest.fixture
def pulse() -> Pulse:
    return Pulse()


def test_nothing_happens_before_the_start(pulse: Pulse) -> None:
    pulse.clock.advance(INTERVAL + TIMEOUT)

    assert pulse.did == []


def test_a_ping_follows_after_the_interval(pulse: Pulse) -> None:
    pulse.heartbeat.restart()

    pulse.clock.advance(INTERVAL)

    assert pulse.did == [("ping", 25.0)]
    assert pulse.heartbeat.awaiting


def test_a_pong_starts_the_next_interval(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL + 5)

    pulse.heartbeat.restart()

    assert not pulse.heartbeat.awaiting
    pulse.clock.advance(INTERVAL)
    assert pulse.did == [("ping", 25.0), ("ping", 55.0)]


def test_silence_after_a_ping_gives_up_once(pulse: Pulse) -> None:
    pulse.heartbeat.restart()

    pulse.clock.advance(10 * (INTERVAL + TIMEOUT))

    assert pulse.did == [("ping", 25.0), ("silence", 45.0)]
    assert not pulse.heartbeat.awaiting
    assert pulse.clock.armed == 0


def test_other_traffic_extends_the_wait_once(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL + 15)

    pulse.heartbeat.on_traffic()
    pulse.clock.advance(10)
    pulse.heartbeat.on_traffic()
    pulse.clock.advance(10)

    assert pulse.did == [("ping", 25.0), ("silence", 60.0)]


def test_each_ping_may_be_extended_once(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)
    pulse.heartbeat.on_traffic()
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL + 15)

    pulse.heartbeat.on_traffic()
    pulse.clock.advance(19)

    assert [what for what, _ in pulse.did] == ["ping", "ping"]


def test_traffic_before_a_ping_changes_nothing(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(20)

    pulse.heartbeat.on_traffic()

    pulse.clock.advance(5)
    assert pulse.did == [("ping", 25.0)]


def test_a_stopped_heartbeat_does_nothing_more(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)

    pulse.heartbeat.stop()
    pulse.heartbeat.stop()

    assert not pulse.heartbeat.awaiting
    assert pulse.clock.armed == 0


def test_a_ping_may_stop_the_heartbeat() -> None:
    # The transport may break while the ping is written.
    clock = FakeClock()
    heartbeat = Heartbeat(
        clock,
        INTERVAL,
        TIMEOUT,
        send_ping=lambda: heartbeat.stop(),
        on_silence=lambda: pytest.fail("it was stopped"),
    )
    heartbeat.restart()

    clock.advance(INTERVAL + TIMEOUT)

    assert clock.armed == 0
