from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from sockio.engine.outbox import Outbox
from sockio.engine.transports.websocket import WebSocketTransport
from sockio.engine.websockets.websocket import Receiver
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire


class FakeWebSocket:
    """A WebSocket that takes everything and remembers it."""

    writable = True
    ready = True
    pending_size = 7
    unfinished = 0

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.closed: tuple[int | None, str] | None = None
        self.receiver: Receiver

    def start(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def offer(self, wire: Wire) -> bool:
        self.sent += wire.messages
        return True

    def pause(self) -> None: ...
    def resume(self) -> None: ...

    def close(self, code: int | None = None, reason: str = "") -> None:
        self.closed = (code, reason)

    def finish(self, start_response: Any) -> Iterable[bytes]:
        return []


class Bench:
    """A transport on a fake WebSocket; notes what it reports to its session."""

    def __init__(self) -> None:
        self.websocket = FakeWebSocket()
        self.transport = WebSocketTransport(self.websocket)
        self.transport.bind(Outbox(), self)
        self.transport.start()
        self.got: list[str | bytes | Packet] = []
        self.lost: list[tuple[str, object]] = []
        self.ready_calls = 0

    def on_message(self, data: str | bytes) -> None:
        self.got.append(data)

    def on_packet(self, packet: Packet) -> None:
        self.got.append(packet)

    def on_ready(self) -> None:
        self.ready_calls += 1

    def on_flushed(self, wires: list[Wire]) -> None:
        raise AssertionError("a WebSocket takes nothing by itself")

    def unless_silent(self, fn: Callable[[], None]) -> None:
        fn()

    def on_lost(self, reason: str, description: object = None) -> None:
        self.lost.append((reason, description))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_packet_is_a_message(bench: Bench) -> None:
    bench.transport.offer(Wire(("a", b"\1")))
    bench.transport.offer(Wire(packets=(Packet(PacketType.PING),)))

    assert bench.websocket.sent == ["4a", b"\1", "2"]


def test_each_message_is_a_packet(bench: Bench) -> None:
    for message in ("4a", b"4", "4", "3probe", b""):
        bench.websocket.receiver.on_message(message)

    assert bench.got == ["a", b"4", "", Packet(PacketType.PONG, "probe"), b""]


@pytest.mark.parametrize("message", ["", "x", "7", " 4"])
def test_a_bad_packet_closes_the_websocket(bench: Bench, message: str) -> None:
    bench.websocket.receiver.on_message(message)

    assert bench.websocket.closed == (None, "")
    ((reason, _),) = bench.lost
    assert reason == "parse error"


def test_the_state_is_that_of_the_websocket(bench: Bench) -> None:
    transport = bench.transport

    assert (transport.writable, transport.ready) == (True, True)
    assert transport.pending_size == 7
    assert transport.upgrades_to == ()


def test_when_the_kernel_takes_bytes_again_the_session_is_told(bench: Bench) -> None:
    bench.transport.wake()
    assert bench.ready_calls == 0

    bench.websocket.receiver.on_drained()

    assert bench.ready_calls == 1


@pytest.mark.parametrize("discard", [False, True])
def test_closing_does_not_wait_for_the_peer(bench: Bench, discard: bool) -> None:
    done: list[bool] = []

    bench.transport.close(lambda: done.append(True), discard=discard)

    assert bench.websocket.closed == (None, "")
    assert done == [True]


def test_a_peer_that_goes_is_no_error(bench: Bench) -> None:
    bench.websocket.receiver.on_closed(None)

    assert bench.lost == [("transport close", None)]


def test_a_peer_that_breaks_the_protocol_is_one(bench: Bench) -> None:
    bench.websocket.receiver.on_closed("Max payload size exceeded")

    assert bench.lost == [("transport error", "Max payload size exceeded")]
