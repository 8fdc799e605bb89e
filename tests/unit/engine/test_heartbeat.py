from __future__ import annotations

import pytest

from sockio.engine.heartbeat import ENOUGH, GRACE, heartbeat_for
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.stopwatch import Stopwatch

INTERVAL, TIMEOUT = 25.0, 20.0
PING, PONG = Packet(PacketType.PING), Packet(PacketType.PONG)


class Pulse:
    """A heartbeat, and what it did at what time."""

    def __init__(self, protocol: int = 4) -> None:
        self.clock = Stopwatch()
        self.did: list[tuple[str, float]] = []
        #: Its answers to pings.
        self.answers: list[str] = []
        #: Bytes received of a message that is not complete yet.
        self.unfinished = 0
        self.heartbeat = heartbeat_for(
            protocol,
            reactor_of(self.clock),
            INTERVAL,
            TIMEOUT,
            self,
        )

    def on_silence(self) -> None:
        self.did.append(("silence", self.clock.now()))

    def push(self, wire: Wire) -> None:
        if wire.payload == "2":
            self.did.append(("ping", self.clock.now()))
        else:
            self.answers.append(wire.payload)

    def came(self, size: int, *, whole: bool = False) -> None:
        """Let ``size`` bytes of a message arrive; ``whole``: these complete it."""
        self.unfinished += size
        if whole:
            size, self.unfinished = self.unfinished, 0
            self.heartbeat.on_traffic(size)

    @property
    def silent(self) -> bool:
        """Whether the client is given up at this moment."""
        return ("silence", self.clock.now()) in self.did


def reactor_of(clock: FakeClock) -> Reactor:
    reactor = Reactor(clock)
    reactor.start()
    return reactor


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

    assert pulse.heartbeat.on_beat(PONG)

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
    class Broken(Pulse):
        def push(self, wire: Wire) -> None:
            self.heartbeat.stop()

    pulse = Broken()
    pulse.heartbeat.restart()

    pulse.clock.advance(INTERVAL + TIMEOUT)

    assert pulse.did == []
    assert pulse.clock.armed == 0


def test_a_process_that_stands_still_again_and_again_gives_up_all_the_same(
    pulse: Pulse,
) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)

    for _ in range(3):
        pulse.clock.spent += 5
        pulse.clock.advance(TIMEOUT)

    assert [what for what, _ in pulse.did] == ["ping", "silence"]


# ------------------------------------------------------------------ signs of life


@pytest.mark.parametrize("beat", [PONG, PING])
def test_a_ping_of_the_client_is_a_sign_of_life_as_a_pong_is(
    pulse: Pulse, beat: Packet
) -> None:
    pulse.heartbeat.restart()
    for _ in range(3):
        pulse.clock.advance(INTERVAL + TIMEOUT - 1)

        assert pulse.heartbeat.on_beat(beat)

    assert [what for what, _ in pulse.did] == ["ping"] * 3


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize(("data", "answer"), [(None, "3"), ("probe", "3probe")])
def test_a_ping_is_answered_with_what_it_carries(
    protocol: int, data: str | None, answer: str
) -> None:
    pulse = Pulse(protocol)
    pulse.heartbeat.restart()

    assert pulse.heartbeat.on_beat(Packet(PacketType.PING, data))

    assert pulse.answers == [answer]
    pulse.heartbeat.stop()


def test_a_ping_of_the_client_does_not_put_off_ours(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL - 1)

    assert pulse.heartbeat.on_beat(PING)

    pulse.clock.advance(1)
    assert pulse.did == [("ping", 25.0)]


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_message_that_comes_on_is_a_sign_of_life(protocol: int) -> None:
    pulse = Pulse(protocol)
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)

    for _ in range(20):
        pulse.came(ENOUGH)
        pulse.clock.advance(TIMEOUT)
    assert not pulse.silent
    pulse.clock.advance(TIMEOUT)

    assert pulse.silent


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_trickle_is_none(protocol: int) -> None:
    pulse = Pulse(protocol)
    pulse.heartbeat.restart()
    pulse.came(500_000)
    pulse.clock.advance(INTERVAL)

    for _ in range(int(TIMEOUT)):
        pulse.came((ENOUGH - 1) // int(TIMEOUT))
        pulse.clock.advance(1)

    assert pulse.silent


@pytest.mark.parametrize("protocol", [3, 4])
def test_the_rest_of_a_message_is_a_sign_of_life(protocol: int) -> None:
    pulse = Pulse(protocol)
    pulse.heartbeat.restart()
    pulse.came(100)
    pulse.clock.advance(INTERVAL + TIMEOUT - 1)

    pulse.came(1, whole=True)
    pulse.clock.advance(TIMEOUT - 1)
    assert not pulse.silent
    pulse.clock.advance(1)

    assert pulse.silent


@pytest.mark.parametrize("protocol", [3, 4])
def test_messages_that_take_long_are_signs_of_life_one_by_one(protocol: int) -> None:
    pulse = Pulse(protocol)
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)

    for _ in range(20):
        pulse.clock.advance(TIMEOUT - 1)
        pulse.came(ENOUGH, whole=True)

    assert not pulse.silent
    pulse.heartbeat.stop()


def test_a_message_of_which_nothing_had_come_extends_the_wait_once(
    pulse: Pulse,
) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)

    for _ in range(2):
        pulse.clock.advance(TIMEOUT - 1)
        pulse.came(100)
        pulse.came(100, whole=True)
    pulse.clock.advance(1)

    assert pulse.did == [("ping", 25.0), ("silence", 25 + 2 * TIMEOUT - 1)]


def test_the_bytes_of_the_next_message_count_too(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.came(1000)
    pulse.clock.advance(INTERVAL + TIMEOUT - 1)

    pulse.came(1, whole=True)
    pulse.came(ENOUGH)
    pulse.clock.advance(TIMEOUT)
    assert not pulse.silent
    pulse.clock.advance(TIMEOUT)

    assert pulse.silent


# ------------------------------------------------------------------ the client pings


@pytest.fixture
def client_pulse() -> Pulse:
    return Pulse(3)


def test_a_client_has_the_interval_and_the_timeout_for_its_ping(
    client_pulse: Pulse,
) -> None:
    client_pulse.heartbeat.restart()

    client_pulse.clock.advance(10 * (INTERVAL + TIMEOUT))

    assert client_pulse.did == [("silence", INTERVAL + TIMEOUT)]
    assert client_pulse.clock.armed == 0


def test_a_late_timer_does_not_prolong_the_time_of_a_client(
    client_pulse: Pulse,
) -> None:
    client_pulse.heartbeat.restart()
    client_pulse.clock.spent += 0.04
    client_pulse.clock.advance(INTERVAL)

    client_pulse.clock.advance(TIMEOUT - 0.04)

    assert client_pulse.did == [("silence", INTERVAL + TIMEOUT)]


def test_a_standstill_before_its_ping_is_due_prolongs_it(client_pulse: Pulse) -> None:
    client_pulse.heartbeat.restart()
    client_pulse.clock.spent += 60
    client_pulse.clock.advance(INTERVAL)

    client_pulse.clock.advance(TIMEOUT - 0.1)
    assert client_pulse.did == []
    client_pulse.clock.advance(0.1)

    assert client_pulse.silent


def test_after_a_standstill_its_ping_is_waited_for(client_pulse: Pulse) -> None:
    client_pulse.heartbeat.restart()
    client_pulse.clock.advance(INTERVAL)

    client_pulse.clock.spent += 60
    client_pulse.clock.advance(TIMEOUT + GRACE - 0.1)
    assert client_pulse.did == []
    client_pulse.clock.advance(0.1)

    assert client_pulse.silent


def test_a_ping_of_its_own_is_all_that_is_asked(client_pulse: Pulse) -> None:
    client_pulse.heartbeat.restart()

    for _ in range(4):
        client_pulse.clock.advance(40)
        assert client_pulse.heartbeat.on_beat(PING)

    assert client_pulse.did == []


def test_nothing_but_a_ping_is_a_ping(client_pulse: Pulse) -> None:
    client_pulse.heartbeat.restart()
    client_pulse.clock.advance(40)

    client_pulse.heartbeat.on_traffic()
    client_pulse.heartbeat.on_moved()
    client_pulse.clock.advance(5)

    assert client_pulse.silent


def test_a_stopped_heartbeat_of_a_client_does_nothing_more(
    client_pulse: Pulse,
) -> None:
    client_pulse.heartbeat.restart()

    client_pulse.heartbeat.stop()
    client_pulse.heartbeat.stop()

    assert client_pulse.clock.armed == 0


def test_one_that_has_ended_lets_go_of_its_session(pulse: Pulse) -> None:
    pulse.heartbeat.restart()
    pulse.clock.advance(INTERVAL)

    pulse.heartbeat.end()
    pulse.clock.advance(TIMEOUT)

    assert pulse.did == [("ping", 25.0)]
    assert pulse.clock.armed == 0


def test_who_pings_depends_on_the_protocol(pulse: Pulse) -> None:
    pulse.heartbeat.restart()

    pulse.clock.advance(INTERVAL)

    assert pulse.did == [("ping", 25.0)]
    assert Pulse(3).heartbeat.on_beat(PONG) is None
    assert pulse.heartbeat.on_beat(PONG)
    assert pulse.heartbeat.on_beat(PONG) is False
    pulse.clock.advance(INTERVAL)
    pulse.heartbeat.on_moved()
    pulse.clock.advance(INTERVAL)
    assert pulse.did == [("ping", 25.0), ("ping", 50.0), ("ping", 75.0)]
    pulse.heartbeat.stop()
