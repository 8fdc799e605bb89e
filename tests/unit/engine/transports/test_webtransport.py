"""WebTransport transport: packets out of a byte stream, and into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.engine.outbox import Outbox
from sockio.engine.transports.transport import PING
from sockio.engine.transports.webtransport import WebTransportTransport
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.stream import encode_packet, frame
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.reactor import Reactor


class FakeStream:
    """A WebTransport session; the test is its other end."""

    def __init__(self) -> None:
        self.ready = True
        self.writable = True
        self.pending_size = 0
        self.written = b""
        self.closed: list[bool] = []
        self.finished = False
        self.paused = False
        self.receiver: Any = None

    def start(self, receiver: Any) -> None:
        self.receiver = receiver

    def write(self, data: bytes) -> None:
        self.written += data

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def finish(self) -> None:
        self.finished = True

    def close(self, *, discard: bool = False) -> None:
        self.closed.append(discard)


class FakeSink:
    """The session's side; notes its calls, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.transport: WebTransportTransport | None = None

    def on_message(self, data: str | bytes) -> None:
        self.told.append(data)
        if data == "close me" and self.transport is not None:
            self.transport.close(lambda: None)

    def on_packet(self, packet: Packet) -> None:
        self.told.append(packet)

    def on_ready(self) -> None:
        self.told.append("ready")

    def on_flushed(self, wires: list[Wire]) -> None:
        raise AssertionError("it takes nothing from the outbox")

    def unless_silent(self, fn: Callable[[], None]) -> None:
        fn()

    def on_lost(self, reason: str, description: object = None) -> None:
        self.told.append((reason, description))


@pytest.fixture
def stream() -> FakeStream:
    return FakeStream()


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def transport(stream: FakeStream, sink: FakeSink) -> WebTransportTransport:
    reactor = Reactor()
    reactor.start()
    transport = WebTransportTransport(stream, 100, reactor)
    sink.transport = transport
    transport.bind(Outbox(), sink)
    transport.start()
    return transport


def test_it_receives_once_it_was_started(
    transport: WebTransportTransport, stream: FakeStream
) -> None:
    assert stream.receiver is transport


def test_bytes_of_a_packet_that_is_not_whole_are_counted(
    transport: WebTransportTransport,
) -> None:
    data = frame("4" + "x" * 50)

    transport.received(data[:30])
    assert transport.unfinished == 30
    transport.received(data[30:])

    assert transport.unfinished == 0


def test_messages_and_packets_take_their_ways(
    transport: WebTransportTransport, sink: FakeSink
) -> None:
    packets: list[str | bytes] = ["4hello", b"\x00", "3", "4", "2probe"]
    data = b"".join(map(frame, packets))

    for index in range(len(data)):
        transport.received(data[index : index + 1])

    assert sink.told == [
        "hello",
        b"\x00",
        Packet(PacketType.PONG),
        "",
        Packet(PacketType.PING, "probe"),
    ]


@pytest.mark.parametrize("bad", [b"\x00", b"\x65", b"\x019", b"\x02\xff\xff"])
def test_a_bad_packet_ends_it(
    transport: WebTransportTransport, stream: FakeStream, sink: FakeSink, bad: bytes
) -> None:
    transport.received(frame("4good") + bad + frame("4late"))
    transport.received(frame("4later"))
    transport.ended()

    assert sink.told[0] == "good"
    assert [told[0] for told in sink.told[1:]] == ["parse error"]
    assert stream.closed == [True]


def test_a_wire_leaves_in_one_piece(
    transport: WebTransportTransport, stream: FakeStream
) -> None:
    assert transport.offer(Wire(("one", b"two")))
    assert transport.offer(PING)

    assert stream.written == b"\x044one\x83two\x012"


def test_a_wire_waits_while_the_stream_is_not_ready(
    transport: WebTransportTransport, stream: FakeStream, sink: FakeSink
) -> None:
    stream.ready = stream.writable = False
    stream.pending_size = 7

    assert not transport.offer(PING)
    transport.wake()
    transport.drained()

    assert stream.written == b""
    assert (transport.ready, transport.writable) == (False, False)
    assert transport.pending_size == 7
    assert sink.told == ["ready"]


def test_the_peers_end_is_a_transport_close(
    transport: WebTransportTransport, sink: FakeSink
) -> None:
    transport.ended()
    transport.ended()
    transport.drained()

    assert sink.told == [("transport close", None)]


@pytest.mark.parametrize("discard", [False, True])
def test_closing_is_done_at_once(
    transport: WebTransportTransport,
    stream: FakeStream,
    sink: FakeSink,
    discard: bool,
) -> None:
    done: list[bool] = []

    transport.close(lambda: done.append(True), discard=discard)
    transport.ended()

    assert (done, stream.closed, sink.told) == ([True], [True] * discard, [])


@pytest.mark.parametrize("paused", [False, True])
def test_the_session_ends_when_the_client_has_read_the_last_of_it(
    transport: WebTransportTransport, stream: FakeStream, sink: FakeSink, paused: bool
) -> None:
    if paused:
        transport.pause()
    transport.received(frame("4a"))

    transport.close(lambda: None)
    transport.received(frame("4b"))
    assert (stream.written, stream.finished, stream.closed) == (frame("2"), True, [])
    transport.received(frame("3"))
    gevent.idle()  # what was paused continues in the next pass of the loop

    assert stream.closed == [True]
    assert sink.told == ([] if paused else ["a"])


def test_nothing_is_delivered_behind_a_close(
    transport: WebTransportTransport, sink: FakeSink
) -> None:
    transport.received(frame("4close me") + frame("4late"))

    assert sink.told == ["close me"]


def test_a_wire_of_a_broadcast_is_framed_once() -> None:
    wire = Wire(("hello",))

    assert wire.webtransport is wire.webtransport


# ------------------------------------------------------------------ given away


def pause_at(transport: WebTransportTransport, sink: FakeSink, *more: bytes) -> Packet:
    """Receive a packet at which the sink pauses, and more; return the packet."""
    first = Packet(PacketType.OPEN, "{}")

    def on_packet(packet: Packet) -> None:
        assert packet == first
        transport.pause()

    sink.on_packet = on_packet  # type: ignore[method-assign]
    transport.received(encode_packet(first) + b"".join(more))
    return first


def test_all_that_was_read_goes_along(
    transport: WebTransportTransport, sink: FakeSink, stream: FakeStream
) -> None:
    rest = [frame("2probe"), frame(b"\x00"), frame("4half")[:3]]
    first = pause_at(transport, sink, *rest)

    given = transport.give_away(first)

    assert given == (stream, encode_packet(first) + b"".join(rest))
    assert stream.closed == []


@pytest.mark.parametrize("end", ["broken", "gone"])
def test_a_stream_that_has_ended_is_not_given_away(
    transport: WebTransportTransport, sink: FakeSink, stream: FakeStream, end: str
) -> None:
    first = pause_at(transport, sink, *([b"\x00"] if end == "broken" else []))
    if end == "gone":
        transport.ended()

    assert transport.give_away(first) is None
    assert stream.closed == [True]
