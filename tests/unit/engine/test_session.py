from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import gevent
import pytest

from sockio.engine.http.request import Request
from sockio.engine.intake import Tally
from sockio.engine.options import BufferPolicy, EngineOptions
from sockio.engine.session import EngineSession
from sockio.errors import BufferFull
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.fake_transport import FakeTransport

ENVIRON = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "192.0.2.7"}


class Bench:
    """A session on a fake transport; notes what the session reports."""

    def __init__(
        self,
        transport: str = "websocket",
        *,
        protocol: Literal[3, 4] = 4,
        **options: Any,
    ) -> None:
        self.clock = FakeClock()
        self.tally = Tally()
        self.transport = FakeTransport(
            transport, ("websocket",) if transport == "polling" else ()
        )
        #: What the consumer got.
        self.messages: list[str | bytes] = []
        self.closes: list[tuple[str, object]] = []
        #: Events of the server, and of the session once ``listen`` was called.
        self.fired: list[tuple[str, tuple[Any, ...]]] = []
        self.forgotten = 0
        reactor = Reactor(self.clock)
        reactor.start()
        self.session = EngineSession(
            "sid",
            Request(ENVIRON),
            self.transport,
            EngineOptions(**options),
            reactor,
            self,
            protocol,
        )
        self.session.consumer = self

    def open(self) -> EngineSession:
        """Open the session, and drop what the opening sent and fired."""
        self.session.open()
        if self.transport.name == "polling":
            self.transport.take()
        self.transport.sent.clear()
        return self.session

    def listen(self, *events: str) -> None:
        for event in events:
            self.session.on(event, self._listener(event))

    def _listener(self, event: str) -> Callable[..., None]:
        return lambda *args: self.fired.append((event, args))

    def settle(self) -> list[str]:
        """Let the session's listeners run; return the names of what was fired."""
        self.clock.settle()
        return [event for event, _ in self.fired]

    # what a consumer and a keeper must have

    def on_message(self, data: str | bytes) -> None:
        self.messages.append(data)

    def on_close(self, reason: str, description: object) -> None:
        self.closes.append((reason, description))

    def on_session_closed(self, session: Any) -> None:
        self.forgotten += 1

    def fire(self, event: str, *args: Any) -> None:
        self.fired.append((f"server {event}", args))


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def session(bench: Bench) -> EngineSession:
    return bench.open()


# ------------------------------------------------------------------ opening


def test_the_open_packet_says_what_the_client_must_know() -> None:
    bench = Bench(
        "polling", ping_interval=0.3, ping_timeout=0.2, max_http_buffer_size=1000
    )

    bench.session.open()

    (packet,) = bench.transport.take()
    assert packet == (
        '0{"sid":"sid","upgrades":["websocket"],"pingInterval":300,'
        '"pingTimeout":200,"maxPayload":1000}'
    )


@pytest.mark.parametrize(
    ("transport", "options"),
    [
        ("websocket", {}),
        ("polling", {"allow_upgrades": False}),
        ("polling", {"transports": ["polling"]}),
    ],
)
def test_upgrades_are_offered_where_there_are_some(
    transport: str, options: dict[str, Any]
) -> None:
    bench = Bench(transport, **options)

    bench.session.open()

    packet = (bench.transport.sent or bench.transport.take())[0]
    assert json.loads(packet[1:])["upgrades"] == []


def test_the_initial_packet_follows_the_open_packet() -> None:
    bench = Bench(initial_packet="faster!")

    bench.session.open()

    assert bench.transport.sent[1:] == ["4faster!"]


def test_open_is_fired(bench: Bench) -> None:
    bench.listen("open")

    bench.session.open()

    bench.settle()
    assert ("open", ()) in bench.fired


def test_a_session_knows_its_client(bench: Bench) -> None:
    session = bench.session

    states: list[str] = [session.ready_state]
    session.open()
    states.append(session.ready_state)
    assert states == ["opening", "open"]
    assert session.id == "sid"
    assert session.protocol == 4
    assert session.remote_address == "192.0.2.7"
    assert session.request is not None
    assert session.transport is bench.transport
    assert (session.upgrading, session.upgraded) == (False, False)


# ------------------------------------------------------------------ out


def test_a_message_goes_straight_to_a_transport_that_is_ready(bench: Bench) -> None:
    session = bench.open()

    assert session.send("hi") is session

    assert bench.transport.sent == ["4hi"]
    assert session.write_buffer == []


def test_write_is_another_name_of_send(bench: Bench) -> None:
    bench.open().write(b"\1\2")

    assert bench.transport.sent == ["bAQI="]


def test_messages_wait_in_order_while_the_kernel_takes_nothing(bench: Bench) -> None:
    session = bench.open()
    bench.transport.block(100)

    session.send("a").send("b", compress=False)

    assert session.write_buffer == [
        Packet(PacketType.MESSAGE, "a"),
        Packet(PacketType.MESSAGE, "b", False),
    ]
    assert session.buffered_amount == 102
    bench.transport.unblock()
    session.send("c")
    assert bench.transport.sent == ["4a", "4b", "4c"]
    assert session.buffered_amount == 0


def test_a_transport_that_takes_the_outbox_itself_is_woken() -> None:
    bench = Bench("polling")
    session = bench.open()
    wakes = bench.transport.wakes

    session.send("a").send("b")

    assert bench.transport.wakes > wakes
    assert bench.transport.take() == ["4a", "4b"]


def test_a_new_poll_finds_what_waits() -> None:
    bench = Bench("polling")
    bench.open().send("a")
    wakes = bench.transport.wakes

    bench.transport.sink.on_ready()

    assert bench.transport.wakes == wakes + 1


def test_the_kernel_may_stop_in_the_middle_of_what_waits(bench: Bench) -> None:
    session = bench.open()
    bench.transport.block()
    session.send("a").send("b")

    bench.transport.takes = 1
    bench.transport.unblock()

    assert bench.transport.sent == ["4a"]
    assert session.write_buffer == [Packet(PacketType.MESSAGE, "b")]


def test_a_native_thread_may_send(bench: Bench) -> None:
    session = bench.open()

    gevent.get_hub().threadpool.apply(lambda: [session.send(text) for text in "abc"])

    bench.settle()
    assert bench.transport.sent == ["4a", "4b", "4c"]


def test_a_transport_may_break_while_it_sends(bench: Bench) -> None:
    session = bench.open()
    bench.listen("drain")
    done: list[str] = []
    bench.transport.breaks = True

    session.send("lost", callback=lambda: done.append("lost"))

    assert "drain" not in bench.settle()
    assert done == []


@pytest.mark.parametrize("state", ["opening", "closing", "closed"])
def test_nothing_is_sent_unless_the_session_is_open(bench: Bench, state: str) -> None:
    session = bench.session
    if state != "opening":
        bench.open()
        bench.transport.slow_to_close = state == "closing"
        session.close()
    assert session.ready_state == state

    session.send("late")

    assert bench.transport.sent == []
    assert session.write_buffer == []


def test_a_session_is_writable_while_its_message_would_leave_at_once(
    bench: Bench,
) -> None:
    assert not bench.session.writable
    session = bench.open()
    assert not session.writable  # the open packet has left in this pass
    bench.settle()
    assert session.writable

    bench.transport.block()
    assert not session.writable
    session.send("a")
    bench.transport.ready = True
    assert not session.writable


# ------------------------------------------------------------------ callbacks


def test_callbacks_run_in_order_once_written(bench: Bench) -> None:
    session = bench.open()
    done: list[str] = []

    session.send("a", callback=lambda: done.append("a"))
    session.send("b")
    session.send("c", callback=lambda: done.append("c"))

    bench.settle()
    assert done == ["a", "c"]


def test_a_callback_waits_for_the_poll_that_takes_its_message() -> None:
    bench = Bench("polling")
    session = bench.open()
    done: list[str] = []
    session.send("a", callback=lambda: done.append("a"))
    bench.settle()
    assert done == []

    bench.transport.take()

    bench.settle()
    assert done == ["a"]


def test_a_callback_waits_for_the_kernel(bench: Bench) -> None:
    session = bench.open()
    done: list[str] = []

    bench.transport.takes = 1
    session.send("large", callback=lambda: done.append("large"))
    bench.settle()
    assert done == []

    bench.transport.unblock()

    bench.settle()
    assert done == ["large"]


def test_callbacks_are_dropped_when_the_session_closes_first(bench: Bench) -> None:
    session = bench.open()
    done: list[str] = []
    bench.transport.block()
    session.send("a", callback=lambda: done.append("a"))

    bench.transport.lose()
    session.send("b", callback=lambda: done.append("b"))

    bench.settle()
    assert done == []


def test_a_callback_that_fails_hinders_nobody(bench: Bench) -> None:
    session = bench.open()
    done: list[str] = []

    session.send("a", callback=lambda: [][0])
    session.send("b", callback=lambda: done.append("b"))

    bench.settle()
    assert done == ["b"]


# ------------------------------------------------------------------ buffer policy


def test_a_client_that_lets_too_much_wait_is_closed() -> None:
    bench = Bench(buffer=BufferPolicy(high=100, low=10))
    session = bench.open()
    bench.transport.block()

    session.send("x" * 1000)  # one large packet is never refused
    session.send("y" * 100)
    assert session.ready_state == "open"
    session.send("z")

    ((reason, description),) = bench.closes
    assert reason == "transport error"
    assert isinstance(description, BufferFull)
    assert "101" in str(description)
    assert bench.transport.closed == "discarded"
    assert session.buffered_amount == bench.transport.pending_size


def test_without_a_policy_anything_may_wait() -> None:
    bench = Bench(buffer=None)
    session = bench.open()
    bench.transport.block(0)

    for _ in range(20):
        session.send("x" * (1 << 20))

    assert session.ready_state == "open"
    assert session.buffered_amount == 20 << 20


# ------------------------------------------------------------------ in


def test_messages_go_to_the_consumer(bench: Bench) -> None:
    bench.open()

    bench.transport.message("a")
    bench.transport.message(b"b")
    bench.transport.packet(PacketType.MESSAGE, "c")
    bench.transport.packet(PacketType.MESSAGE)

    assert bench.messages == ["a", b"b", "c", ""]


def test_nothing_arrives_once_the_session_is_closing(bench: Bench) -> None:
    session = bench.open()
    bench.transport.slow_to_close = True
    session.close()

    bench.transport.message("late")
    bench.transport.packet(PacketType.PING)

    assert bench.messages == []
    assert bench.closes == []
    bench.transport.closing_completed()


@pytest.mark.parametrize(
    "type",
    [PacketType.OPEN, PacketType.CLOSE, PacketType.UPGRADE, PacketType.NOOP],
)
def test_packets_that_mean_nothing_here_are_ignored(
    bench: Bench, type: PacketType
) -> None:
    session = bench.open()

    bench.transport.packet(type)

    assert session.ready_state == "open"


# ------------------------------------------------------------------ heartbeat


def test_a_ping_that_is_answered_keeps_the_session_alive(bench: Bench) -> None:
    bench.open()
    bench.listen("heartbeat")

    for _ in range(3):
        bench.clock.advance(25)
        bench.transport.packet(PacketType.PONG)

    assert bench.transport.sent == ["2"] * 3
    assert bench.settle().count("heartbeat") == 3
    assert bench.closes == []


def test_a_pong_that_nobody_asked_for_is_ignored(bench: Bench) -> None:
    bench.open()
    bench.listen("heartbeat")
    bench.clock.advance(20)

    bench.transport.packet(PacketType.PONG)

    assert "heartbeat" not in bench.settle()
    bench.clock.advance(5)
    assert bench.transport.sent == ["2"]


def test_silence_closes_the_session(bench: Bench) -> None:
    bench.open()

    bench.clock.advance(45)

    assert bench.closes == [("ping timeout", None)]
    assert bench.transport.closed == "discarded"
    assert bench.clock.armed == 0


@pytest.mark.parametrize("traffic", ["message", "packet"])
def test_traffic_extends_the_wait_for_a_pong_once(bench: Bench, traffic: str) -> None:
    bench.open()
    bench.clock.advance(44)

    for _ in range(2):
        if traffic == "message":
            bench.transport.message("busy")
        else:
            bench.transport.packet(PacketType.NOOP)
        bench.clock.advance(9)

    assert bench.closes == []
    bench.clock.advance(2)
    assert bench.closes == [("ping timeout", None)]


@pytest.mark.parametrize(("data", "answer"), [(None, "3"), ("probe", "3probe")])
@pytest.mark.parametrize("protocol", [3, 4])
def test_a_ping_of_the_client_is_answered_with_what_it_carries(
    protocol: Literal[3, 4], data: str | None, answer: str
) -> None:
    bench = Bench(protocol=protocol)
    bench.open()
    bench.listen("heartbeat")
    bench.clock.advance(24)

    bench.transport.packet(PacketType.PING, data)

    assert bench.transport.sent == [answer]
    assert bench.settle().count("heartbeat") == 1
    assert bench.closes == []


def test_a_pong_of_an_old_client_goes_the_wrong_way() -> None:
    bench = Bench(protocol=3)
    bench.open()

    bench.transport.packet(PacketType.PONG)

    assert bench.closes == [("transport error", "invalid heartbeat direction")]
    assert bench.transport.closed == "discarded"


def test_a_client_that_only_pings_stays(bench: Bench) -> None:
    bench.open()

    for _ in range(4):
        bench.clock.advance(44)
        bench.transport.packet(PacketType.PING)

    assert bench.closes == []
    bench.clock.advance(45)
    assert bench.closes == [("ping timeout", None)]


@pytest.mark.parametrize("protocol", [3, 4])
def test_answers_to_pings_do_not_pile_up(protocol: Literal[3, 4]) -> None:
    bench = Bench("polling", protocol=protocol)
    session = bench.open()
    session.send("a")

    for number in range(1000):
        bench.transport.packet(PacketType.PING, f"p{number}")
    session.send("b")
    bench.transport.packet(PacketType.PING)

    assert bench.transport.take() == ["4a", "3p999", "4b", "3"]


def test_a_message_under_way_keeps_the_session(bench: Bench) -> None:
    bench.open()

    for _ in range(10):
        bench.clock.advance(20)
        bench.transport.unfinished += 1024
    assert bench.closes == []
    bench.transport.unfinished = 0
    bench.transport.message("x" * 10240)
    bench.clock.advance(19)
    bench.transport.packet(PacketType.PONG)
    bench.clock.advance(44)

    assert bench.closes == []


def test_a_message_that_stopped_does_not(bench: Bench) -> None:
    bench.open()
    bench.transport.unfinished = 900_000

    bench.clock.advance(45)

    assert bench.closes == [("ping timeout", None)]


# ------------------------------------------------------------------ upgrade


@pytest.fixture
def polling() -> Bench:
    bench = Bench("polling")
    bench.open()
    return bench


def upgraded(bench: Bench) -> FakeTransport:
    transport = FakeTransport()
    assert bench.session.try_upgrade(transport)
    transport.packet(PacketType.PING, "probe")
    transport.packet(PacketType.UPGRADE)
    transport.sent.clear()
    return transport


def test_after_an_upgrade_the_new_transport_carries_the_session(polling: Bench) -> None:
    session = polling.session
    polling.listen("upgrading", "upgrade")
    session.send("waits")

    transport = FakeTransport()
    assert session.try_upgrade(transport)
    assert session.upgrading
    transport.packet(PacketType.PING, "probe")
    transport.packet(PacketType.UPGRADE)

    assert (session.upgrading, session.upgraded) == (False, True)
    assert session.transport is transport
    assert polling.transport.closed == "discarded"
    assert transport.sent == ["3probe", "4waits"]
    fired = [event for event in polling.settle() if event.startswith("upgrad")]
    assert fired == ["upgrading", "upgrade"]
    assert ("upgrade", (transport,)) in polling.fired
    transport.message("hello")
    assert polling.messages == ["hello"]


def test_until_the_upgrade_the_old_transport_carries_everything(polling: Bench) -> None:
    transport = FakeTransport()
    polling.session.try_upgrade(transport)
    transport.packet(PacketType.PING, "probe")

    polling.session.send("a")
    polling.transport.message("b")

    assert transport.sent == ["3probe"]
    assert polling.transport.take() == ["4a"]
    assert polling.messages == ["b"]


def test_the_old_transport_has_nothing_to_say_any_more(polling: Bench) -> None:
    upgraded(polling)

    polling.transport.message("late")
    polling.transport.lose()

    assert polling.messages == []
    assert polling.closes == []


def test_an_upgrade_starts_the_heartbeat_anew(polling: Bench) -> None:
    # A pong lost with the old transport must not be missed for ever.
    polling.clock.advance(25)
    polling.transport.take()
    polling.clock.advance(19)

    transport = upgraded(polling)

    polling.clock.advance(25)
    assert transport.sent == ["2"]
    assert polling.closes == []


@pytest.mark.parametrize("when", ["upgrading", "upgraded", "closed"])
def test_a_transport_that_comes_too_late_is_closed(polling: Bench, when: str) -> None:
    if when == "upgrading":
        polling.session.try_upgrade(FakeTransport())
    elif when == "upgraded":
        upgraded(polling)
    else:
        polling.transport.lose()

    late = FakeTransport()

    assert not polling.session.try_upgrade(late)
    assert late.closed == "discarded"
    late.packet(PacketType.UPGRADE)
    assert polling.session.transport is not late
    polling.session.close(discard=True)


def test_a_failed_upgrade_leaves_the_session_as_it_was(polling: Bench) -> None:
    transport = FakeTransport()
    polling.session.try_upgrade(transport)

    transport.message("not yet")

    assert not polling.session.upgrading
    assert transport.closed == "discarded"
    assert polling.session.ready_state == "open"
    assert upgraded(polling) is polling.session.transport


def test_a_session_that_closes_takes_the_transport_on_trial_along(
    polling: Bench,
) -> None:
    transport = FakeTransport()
    polling.session.try_upgrade(transport)
    transport.packet(PacketType.PING, "probe")

    polling.transport.lose()

    assert transport.closed == "discarded"
    assert not polling.session.upgrading
    assert polling.clock.armed == 0


def test_an_upgrade_while_closing_writes_what_waits_and_closes(polling: Bench) -> None:
    session = polling.session
    session.send("last words")
    session.close()

    transport = upgraded(polling)

    assert transport.closed == "orderly"
    assert polling.closes == [("forced close", None)]
    assert polling.clock.armed == 0


# ------------------------------------------------------------------ closing


def test_close_ends_an_idle_session_at_once(bench: Bench) -> None:
    session = bench.open()

    session.close()

    assert session.ready_state == "closed"
    assert bench.transport.closed == "orderly"
    assert bench.closes == [("forced close", None)]
    assert bench.forgotten == 1
    assert bench.clock.armed == 0


def test_close_waits_until_everything_is_written(bench: Bench) -> None:
    session = bench.open()
    bench.transport.block()
    session.send("a")

    session.close()
    assert (session.ready_state, bench.transport.closed) == ("closing", None)
    bench.transport.unblock()

    assert bench.transport.sent == ["4a"]
    assert bench.closes == [("forced close", None)]


def test_close_waits_for_the_transport(bench: Bench) -> None:
    session = bench.open()
    bench.transport.slow_to_close = True

    session.close()
    session.close()
    assert (session.ready_state, bench.closes) == ("closing", [])
    bench.transport.closing_completed()

    assert bench.closes == [("forced close", None)]


def test_a_closing_session_whose_peer_takes_nothing_times_out(bench: Bench) -> None:
    session = bench.open()
    bench.transport.block()
    session.send("a")
    session.close()

    bench.clock.advance(45)

    assert bench.closes == [("ping timeout", None)]
    assert bench.transport.sent == []
    assert bench.clock.armed == 0


@pytest.mark.parametrize("closing", [False, True])
def test_discard_does_not_wait(bench: Bench, closing: bool) -> None:
    session = bench.open()
    bench.transport.block()
    session.send("a")
    if closing:
        session.close()

    session.close(discard=True)

    assert session.ready_state == "closed"
    assert bench.transport.closed == "discarded"
    assert bench.closes == [("forced close", None)]


@pytest.mark.parametrize("discard", [False, True])
def test_a_closed_session_stays_closed(bench: Bench, discard: bool) -> None:
    session = bench.open()
    bench.transport.lose("transport close", "gone")

    session.close(discard)
    bench.transport.sink.on_lost("transport error")

    assert bench.closes == [("transport close", "gone")]
    assert bench.forgotten == 1


def test_closing_a_session_that_is_not_open_yet_does_nothing(bench: Bench) -> None:
    bench.session.close()

    assert bench.session.ready_state == "opening"


def test_the_close_listener_still_sees_what_was_not_written(bench: Bench) -> None:
    session = bench.open()
    seen: list[Any] = []
    session.on("close", lambda: seen.append(session.write_buffer))
    bench.transport.block()
    session.send("unwritten")

    bench.transport.lose()
    bench.settle()

    assert seen == [[Packet(PacketType.MESSAGE, "unwritten")]]
    assert session.write_buffer == []


# ------------------------------------------------------------------ events


def test_incoming_events_come_in_nodes_order(bench: Bench) -> None:
    bench.open()
    bench.listen("packet", "data", "message")

    bench.transport.message("hi")

    assert bench.settle() == ["packet", "data", "message"]
    assert bench.fired[0][1] == (Packet(PacketType.MESSAGE, "hi"),)
    assert bench.fired[2][1] == ("hi",)


def test_outgoing_events_come_in_nodes_order(bench: Bench) -> None:
    session = bench.open()
    bench.listen("packet_create", "flush", "drain")

    session.send("hi")

    packet = Packet(PacketType.MESSAGE, "hi")
    bench.settle()
    assert bench.fired == [
        ("packet_create", (packet,)),
        ("flush", ([packet],)),
        ("server flush", (session, [packet])),
        ("drain", ()),
        ("server drain", (session,)),
    ]


def test_close_is_the_last_event(bench: Bench) -> None:
    session = bench.open()
    bench.listen("message", "close")
    bench.transport.message("before")

    bench.transport.lose("transport close", "gone")
    bench.transport.message("after")

    assert bench.settle() == ["message", "close"]
    assert bench.fired[-1] == ("close", ("transport close", "gone"))
    assert session.listener_count("close") == 1


def test_a_listener_may_block_without_holding_up_the_transport(bench: Bench) -> None:
    session = bench.open()
    gate = session._reactor.latch()
    heard: list[str] = []

    def listener(message: str) -> None:
        if message == "slow":
            gate.wait()
        heard.append(message)

    session.on("message", listener)
    bench.transport.message("slow")
    bench.transport.message("fast")
    bench.settle()

    assert bench.messages == ["slow", "fast"]
    assert heard == []
    gate.set(None)
    bench.settle()
    assert heard == ["slow", "fast"]
