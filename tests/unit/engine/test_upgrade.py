from __future__ import annotations

from collections.abc import Callable, Iterator
from socket import socket

import pytest

from sockio.engine.transports.transport import Transport
from sockio.engine.upgrade import RELEASE_INTERVAL, Upgrade
from sockio.httpd.connections import IDLE, Connections
from sockio.httpd.environ import common_environ
from sockio.httpd.options import HttpOptions
from sockio.protocol.engineio.packet import PacketType
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.fake_transport import FakeTransport

TIMEOUT = 10.0


class Trial:
    """An upgrade under way, and in place of its session a list of what it was told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told: list[str] = []
        #: Whether a poll waits.
        self.polls = True
        self.remote_address = "192.0.2.1"
        self.transport = FakeTransport()
        reactor = Reactor(self.clock)
        reactor.start()
        self.upgrade = Upgrade(self, self.transport, reactor, TIMEOUT)

    def on_probe(self, transport: Transport) -> None:
        self.told.append("probe")

    def release_poll(self) -> bool:
        self.told.append("release")
        return self.polls

    def when_read(self, fn: Callable[[], None]) -> None:
        fn()

    def on_upgrade(self, transport: Transport) -> None:
        self.told.append("upgrade")

    def on_upgrade_failed(self) -> None:
        self.told.append("failed")

    def probe(self) -> None:
        self.transport.packet(PacketType.PING, "probe")


@pytest.fixture
def trial() -> Trial:
    return Trial()


def test_a_probe_is_answered(trial: Trial) -> None:
    trial.probe()

    assert trial.transport.sent == ["3probe"]
    assert trial.told == ["probe"]


def test_a_second_probe_is_answered_and_not_told_again(trial: Trial) -> None:
    trial.probe()
    trial.probe()

    assert trial.transport.sent == ["3probe", "3probe"]
    assert trial.told == ["probe"]
    trial.clock.advance(RELEASE_INTERVAL)
    assert trial.told == ["probe", "release"]


def test_probes_of_a_client_that_reads_nothing_are_not_answered(trial: Trial) -> None:
    trial.probe()
    trial.transport.block()

    trial.probe()

    assert trial.transport.sent == ["3probe"]


def test_the_poll_is_released_again_and_again_until_the_upgrade(trial: Trial) -> None:
    trial.probe()

    trial.clock.advance(RELEASE_INTERVAL * 3)

    assert trial.told == ["probe", "release", "release", "release"]


def test_an_upgrade_packet_ends_the_trial(trial: Trial) -> None:
    trial.probe()

    trial.transport.packet(PacketType.UPGRADE)

    assert trial.told == ["probe", "upgrade"]
    assert trial.transport.closed is None
    assert trial.clock.armed == 0


def test_an_upgrade_packet_needs_no_probe(trial: Trial) -> None:
    # As in Node: the probe is for the client's own peace of mind.
    trial.transport.packet(PacketType.UPGRADE)

    assert trial.told == ["upgrade"]


@pytest.mark.parametrize(
    ("type", "data"),
    [
        (PacketType.PING, None),
        (PacketType.PING, "other"),
        (PacketType.PONG, "probe"),
        (PacketType.CLOSE, None),
        (PacketType.NOOP, None),
    ],
)
@pytest.mark.parametrize("probed", [False, True])
def test_any_other_packet_closes_the_transport_on_trial(
    trial: Trial, probed: bool, type: PacketType, data: str | None
) -> None:
    if probed:
        trial.probe()

    trial.transport.packet(type, data)

    assert trial.told[-1] == "failed"
    assert trial.transport.closed == "discarded"
    assert trial.clock.armed == 0


def test_a_message_closes_the_transport_on_trial(trial: Trial) -> None:
    trial.probe()

    trial.transport.message("too early")

    assert trial.told == ["probe", "failed"]
    assert trial.transport.closed == "discarded"


def test_a_client_that_takes_too_long_is_closed(trial: Trial) -> None:
    trial.clock.advance(TIMEOUT)

    assert trial.told == ["failed"]
    assert trial.transport.closed == "discarded"
    assert trial.clock.armed == 0


def test_a_transport_that_breaks_ends_the_trial(trial: Trial) -> None:
    trial.probe()

    trial.transport.lose()

    assert trial.told == ["probe", "failed"]
    assert trial.transport.closed == "lost"
    assert trial.clock.armed == 0


def test_who_gives_way_stays_on_the_first_transport(trial: Trial) -> None:
    trial.probe()

    trial.upgrade.give_way()
    trial.clock.settle()

    assert trial.told == ["probe", "failed"]
    assert trial.transport.closed == "discarded"


@pytest.fixture
def place(trial: Trial) -> Iterator[Connections]:
    """Give the place where the trial holds a descriptor."""
    environ = common_environ(("127.0.0.1", 80), secure=False)
    place = Connections(
        lambda environ, start: [], HttpOptions(), environ, clock=trial.clock
    )
    with socket() as sock:
        trial.upgrade.hold(place, sock)
        yield place


@pytest.mark.parametrize("polls", [True, False])
def test_only_a_client_that_does_not_get_on_is_told_to_give_way(
    trial: Trial, place: Connections, polls: bool
) -> None:
    trial.polls = polls
    trial.probe()
    trial.clock.advance(IDLE)

    place.make_room(1, holders=place.holders)
    trial.clock.settle()

    assert ("failed" in trial.told) is not polls
    assert list(place.holders) == [trial.upgrade] * polls


def test_who_has_just_probed_gets_time_to_move(
    trial: Trial, place: Connections
) -> None:
    trial.clock.advance(IDLE)
    trial.probe()

    place.make_room(1, holders=place.holders)
    trial.clock.settle()

    assert "failed" not in trial.told


def test_what_came_before_giving_way_counts(trial: Trial) -> None:
    trial.probe()

    trial.upgrade.give_way()
    trial.transport.packet(PacketType.UPGRADE)
    trial.clock.settle()

    assert trial.told == ["probe", "upgrade"]
    assert trial.transport.closed is None


def test_an_aborted_trial_closes_the_transport_and_tells_nobody(trial: Trial) -> None:
    trial.probe()

    trial.upgrade.abort()

    assert trial.told == ["probe"]
    assert trial.transport.closed == "discarded"
    assert trial.clock.armed == 0


def test_nothing_counts_after_the_end(trial: Trial) -> None:
    trial.transport.lose()

    trial.probe()
    trial.transport.packet(PacketType.UPGRADE)
    trial.transport.message("late")
    trial.transport.lose()
    trial.upgrade.abort()

    assert trial.told == ["failed"]
    assert trial.transport.sent == []
    assert trial.transport.closed == "lost"


def test_a_transport_on_trial_has_nothing_to_take(trial: Trial) -> None:
    trial.transport.unblock()
    taken = trial.transport.take()

    assert taken == []
    assert trial.told == []
