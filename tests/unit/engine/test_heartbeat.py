from __future__ import annotations

import pytest

from sockio.engine.heartbeat import GRACE, Heartbeat, heartbeat_for
from sockio.engine.transports.transport import PING
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.testing import FakeClock
from tests.support.stopwatch import Stopwatch

INTERVAL, TIMEOUT = 25.0, 20.0


class Pulse:
    """A heartbeat and what it did, with the time at which it did it."""

    def __init__(self) -> None:
        self.clock = Stopwatch()
        self.did: list[tuple[str, float]] = []
        self.heartbeat = Heartbeat(
            self.clock,
            INTERVAL,
            TIMEOUT,
            push=lambda _: self.did.append(("ping", self.clock.now())),
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


def test_after_a_standstill_the_client_is_listened_to_first(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)

    pulse.clock.spent += 60
    pulse.clock.advance(TIMEOUT + GRACE - 0.1)
    assert [what for what, _ in pulse.did] == ["ping"]
    pulse.clock.advance(0.1)

    assert pulse.did == [("ping", 25.0), ("silence", 105.0 + GRACE)]


def test_a_pong_after_a_standstill_counts(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)
    pulse.clock.spent += 60
    pulse.clock.advance(TIMEOUT)

    assert pulse.heartbeat.on_beat(Packet(PacketType.PONG))

    pulse.clock.advance(INTERVAL)
    assert [what for what, _ in pulse.did] == ["ping", "ping"]


def test_a_deadline_a_hair_late_is_no_standstill(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)

    pulse.clock.spent += 0.04
    pulse.clock.advance(TIMEOUT)

    assert [what for what, _ in pulse.did] == ["ping", "silence"]


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
        push=lambda _: heartbeat.stop(),
        on_silence=lambda: pytest.fail("it was stopped"),
    )
    heartbeat.restart()

    clock.advance(INTERVAL + TIMEOUT)

    assert clock.armed == 0


# ------------------------------------------------------------------ the client pings


class ClientPulse:
    """A heartbeat of protocol 3 and what it did."""

    def __init__(self) -> None:
        self.clock = Stopwatch()
        self.sent: list[str] = []
        self.silences: list[float] = []
        self.heartbeat = heartbeat_for(
            3,
            self.clock,
            INTERVAL,
            TIMEOUT,
            push=lambda wire: self.sent.append(wire.payload),
            on_silence=self._on_silence,
        )

    def _on_silence(self) -> None:
        self.silences.append(self.clock.now())


@pytest.fixture
def client_pulse() -> ClientPulse:
    return ClientPulse()


def test_a_client_has_the_interval_and_the_timeout_for_its_ping(
    client_pulse: ClientPulse,
) -> None:
    client_pulse.heartbeat.restart()

    client_pulse.clock.advance(INTERVAL + TIMEOUT - 1)
    assert not client_pulse.silences
    client_pulse.clock.advance(1)

    assert len(client_pulse.silences) == 1
    assert client_pulse.sent == []
    assert client_pulse.clock.armed == 0


def test_after_a_standstill_its_ping_is_waited_for(
    client_pulse: ClientPulse,
) -> None:
    client_pulse.heartbeat.restart()

    client_pulse.clock.spent += 60
    client_pulse.clock.advance(INTERVAL + TIMEOUT + GRACE - 0.1)
    assert not client_pulse.silences
    client_pulse.clock.advance(0.1)

    assert len(client_pulse.silences) == 1


@pytest.mark.parametrize(("data", "answer"), [(None, "3"), ("probe", "3probe")])
def test_a_ping_is_answered_with_what_it_carries(
    client_pulse: ClientPulse, data: str | None, answer: str
) -> None:
    client_pulse.heartbeat.restart()
    client_pulse.clock.advance(40)

    assert client_pulse.heartbeat.on_beat(Packet(PacketType.PING, data))

    assert client_pulse.sent == [answer]
    client_pulse.clock.advance(40)
    assert not client_pulse.silences


def test_nothing_but_a_ping_is_a_ping(client_pulse: ClientPulse) -> None:
    client_pulse.heartbeat.restart()
    client_pulse.clock.advance(40)

    client_pulse.heartbeat.on_traffic()
    client_pulse.heartbeat.on_moved()
    client_pulse.clock.advance(5)

    assert len(client_pulse.silences) == 1


def test_a_stopped_heartbeat_of_a_client_does_nothing_more(
    client_pulse: ClientPulse,
) -> None:
    client_pulse.heartbeat.restart()

    client_pulse.heartbeat.stop()
    client_pulse.heartbeat.stop()

    assert client_pulse.clock.armed == 0


def test_who_pings_depends_on_the_protocol() -> None:
    sent: list[Wire] = []
    clock = FakeClock()
    heartbeat = heartbeat_for(
        4, clock, INTERVAL, TIMEOUT, push=sent.append, on_silence=lambda: None
    )
    heartbeat.restart()

    clock.advance(INTERVAL)

    assert sent == [PING]
    assert heartbeat.expects is PacketType.PONG
    assert heartbeat.on_beat(Packet(PacketType.PONG))
    assert not heartbeat.on_beat(Packet(PacketType.PONG))
    clock.advance(INTERVAL)
    heartbeat.on_moved()
    clock.advance(INTERVAL)
    assert sent == [PING, PING, PING]
    heartbeat.stop()
