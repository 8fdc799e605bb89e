"""Each shortcut has the same result as the plain way."""

from __future__ import annotations

import operator
import socket
from functools import partial
from typing import Any

import gevent
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.engineio import stream, v4
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire, wire_of
from sockio.protocol.socketio import JsonParser
from sockio.protocol.websocket.frames import frame
from sockio.runtime.clock import Clock
from sockio.runtime.delays import Calls, Delays
from sockio.runtime.mailbox import Mailbox
from sockio.runtime.reactor import Reactor
from sockio.runtime.syscalls import DIRECT, OVER_SOCKET, OverSocket
from sockio.testing import FakeClock

# ------------------------------------------------------------------ packets

#: Text that begins like an event or an acknowledgement, or nearly.
heads = st.from_regex(r"[0-9](/[a-z0-9?,\[]{0,4},?)?[0-9٠-٣]{0,18}", fullmatch=True)
lists = st.sampled_from(
    ["[]", '["e"]', '["e",1]', '["connect"]', "[1]", "[NaN]", "[", "{}", '"e"', "null"]
)


@given(st.builds(str.__add__, heads, lists) | st.text(max_size=12))
@example("2[")
@example('2999999999999999["e"]')
@example('29007199254740992["e"]')
@example('29007199254740993["e"]')
@example('3/a,12["e"]')
@example('3["connect"]')
def test_usual_packets_are_decoded_as_all_others_are(text: str) -> None:
    decoder = JsonParser().decoder()

    def outcome(decode: Any) -> object:
        try:
            return decode(text)
        except ProtocolError as exc:
            return exc.reason

    short = outcome(decoder.feed)
    assert short == outcome(JsonParser().decoder()._decode)


# ------------------------------------------------------------------ wires

messages = st.lists(st.text() | st.binary(), min_size=1, max_size=4)


@given(messages, st.booleans())
def test_a_wire_has_the_forms_of_its_packets(
    frames: list[str | bytes], compress: bool
) -> None:
    packets = [Packet(PacketType.MESSAGE, data, compress) for data in frames]
    encoded = [v4.encode_packet(packet, binary=True) for packet in packets]

    for wire in (
        Wire(frames, compress),
        wire_of(frames, compress),
        Wire(packets=packets, compress=compress),
    ):
        assert list(wire.packets) == packets
        assert wire.compress == compress
        assert wire.messages == encoded
        assert wire.websocket == b"".join(map(frame, encoded))
        assert wire.webtransport == b"".join(map(stream.frame, encoded))
        assert wire.payload == v4.encode_payload(packets)


# ------------------------------------------------------------------ system calls


def outcome_of(calls: OverSocket, data: bytes, *, open: bool) -> list[object]:
    """Receive from a socket and send to it, while the other end is open or not."""
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    if open:
        other.send(b"something")
    else:
        other.close()
    found: list[object] = []
    for call in (
        lambda: calls.receive(one, one.fileno()),
        lambda: calls.receive(one, one.fileno()),
        lambda: calls.send(one, one.fileno(), data),
        lambda: calls.send(one, one.fileno(), bytes(5_000_000)) < 5_000_000,
        lambda: calls.send(one, one.fileno(), b"more"),
    ):
        try:
            found.append(call())
        except OSError as exc:
            found.append((type(exc), exc.errno))
    one.close()
    other.close()
    return found


@given(st.binary(max_size=100), st.booleans())
@example(b"x" * 70000, True)
def test_plain_sockets_are_called_as_sockets_are(data: bytes, open: bool) -> None:
    direct = outcome_of(DIRECT, data, open=open)

    assert direct == outcome_of(OVER_SOCKET, data, open=open)


# ------------------------------------------------------------------ timers

#: Arm a timer of a length, cancel the timer with a number, or let time pass.
steps = st.lists(
    st.tuples(st.just("arm"), st.sampled_from([0.5, 1.0, 2.5]))
    | st.tuples(st.just("cancel"), st.integers(0, 9))
    | st.tuples(st.just("pass"), st.sampled_from([0.25, 0.5, 1.0, 3.0])),
    max_size=20,
)


def fired(clock: FakeClock, calls: Calls, steps: list[tuple[str, Any]]) -> Any:
    """Return which timers fired, and when."""
    log: list[tuple[float, int]] = []
    timers: list[Any] = []

    def note(number: int) -> None:
        log.append((clock.now(), number))

    for step, value in steps:
        if step == "arm":
            number = len(timers)
            timers.append(calls.call_later(value, partial(note, number)))
        elif step == "pass":
            clock.advance(value)
        elif value < len(timers):
            timers[value].cancel()
    clock.advance(10)
    # Timers of different lengths that end together fire in any order.
    return sorted(log), clock.armed


@given(steps)
def test_shared_timers_fire_as_those_of_the_clock_do(
    steps: list[tuple[str, Any]],
) -> None:
    one, other = FakeClock(), FakeClock()

    assert fired(one, Delays(one), steps) == fired(other, other, steps)


# ------------------------------------------------------------------ mailboxes


@pytest.fixture(scope="module")
def reactor() -> Reactor:
    reactor = Reactor(Clock())
    reactor.start()
    return reactor


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "put", "take", "take_all"]), st.integers(0, 5)
        ),
        max_size=12,
    )
)
def test_a_mailbox_is_a_queue(reactor: Reactor, steps: list[tuple[str, int]]) -> None:
    handled: list[int] = []
    queue: list[int] = []
    mailbox = Mailbox(reactor.batch, handled.append)

    for step, value in steps:
        if step == "put":
            mailbox.put(value)
            queue.append(value)
        elif step == "take":
            taken = mailbox.take(partial(operator.eq, value))
            assert taken == (value if value in queue else None)
            if value in queue:
                queue.remove(value)
        else:
            taken = mailbox.take_all(partial(operator.lt, value))
            assert taken == [item for item in queue if item > value]
            queue = [item for item in queue if item <= value]
    gevent.idle()

    assert handled == queue
    assert not mailbox.busy
