"""WebSockets of clients that speak another dialect than the usual one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sockio.engine.http.request import Request
from sockio.engine.outbox import Outbox
from sockio.engine.transports import LISTENING_TIME, websocket_for
from sockio.engine.transports.websocket import (
    TranslatedWebSocketTransport,
    WebSocketTransport,
)
from sockio.protocol.engineio.dialect import V3, V3_BASE64, V4_BASE64, Dialect
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.unit.engine.transports.test_websocket import FakeWebSocket


class Bench:
    """A transport on a fake WebSocket; notes what it reports to its session."""

    def __init__(self, dialect: Dialect | None = None, query: str = "") -> None:
        self.clock = FakeClock()
        self.websocket = FakeWebSocket()
        self.transport: WebSocketTransport
        if dialect is None:
            request = Request({"REQUEST_METHOD": "GET", "QUERY_STRING": query})
            reactor = Reactor(self.clock)
            self.transport = websocket_for(request, self.websocket, reactor)
        else:
            self.transport = TranslatedWebSocketTransport(self.websocket, dialect)
        self.transport.bind(Outbox(), self)
        self.transport.start()
        self.got: list[Any] = []
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


@pytest.mark.parametrize(
    ("dialect", "sent"), [(V4_BASE64, "bAQ=="), (V3, b"\4\1"), (V3_BASE64, "b4AQ==")]
)
def test_bytes_leave_as_the_client_reads_them(
    dialect: Dialect, sent: str | bytes
) -> None:
    bench = Bench(dialect)

    assert bench.transport.offer(Wire(("51-", b"\1")))

    assert bench.websocket.sent == ["451-", sent]


@pytest.mark.parametrize(
    ("message", "got"),
    [
        ("4hello", "hello"),
        ("4", ""),
        (b"\4\1\2", b"\1\2"),
        (b"\4", b""),
        ("b4AQI=", b"\1\2"),
        ("2probe", Packet(PacketType.PING, "probe")),
        ("5", Packet(PacketType.UPGRADE)),
    ],
)
def test_what_an_old_client_sends(message: str | bytes, got: object) -> None:
    bench = Bench(V3)

    bench.transport.on_message(message)

    assert bench.got == [got]


@pytest.mark.parametrize("message", ["x", "", b"", b"\1\2", "b2!"])
def test_what_is_no_packet_closes(message: str | bytes) -> None:
    bench = Bench(V3)

    bench.transport.on_message(message)

    assert bench.websocket.closed == (None, "")
    [(reason, _)] = bench.lost
    assert reason == "parse error"


# ------------------------------------------------------------------ by request


@pytest.mark.parametrize("query", ["EIO=4", "EIO=4&sid=abc", "EIO=4&b64="])
def test_most_clients_need_no_translation(query: str) -> None:
    bench = Bench(query=query)

    assert type(bench.transport) is WebSocketTransport


@pytest.mark.parametrize(
    ("query", "sent"),
    [("EIO=4&b64=1", "bAQ=="), ("EIO=3&sid=a", b"\4\1"), ("sid=a&b64=1", "b4AQ==")],
)
def test_the_dialect_is_that_of_the_request(query: str, sent: str | bytes) -> None:
    bench = Bench(query=query)

    bench.transport.offer(Wire((b"\1",)))

    assert bench.websocket.sent == [sent]
    assert not bench.clock.armed


def test_an_old_client_is_told_nothing_before_it_listens() -> None:
    bench = Bench(query="EIO=3")

    assert not bench.transport.ready
    assert not bench.transport.writable
    assert not bench.transport.offer(Wire(("0",)))

    bench.clock.advance(LISTENING_TIME)

    assert bench.ready_calls == 1
    assert bench.transport.ready
    assert bench.transport.writable
    assert bench.transport.offer(Wire(("0",)))


@pytest.mark.parametrize("end", ["we close", "it closes", "it breaks the protocol"])
def test_the_pause_ends_with_the_websocket(end: str) -> None:
    bench = Bench(query="EIO=3")

    if end == "we close":
        bench.transport.close(lambda: None)
    elif end == "it closes":
        bench.transport.on_closed(None)
    else:
        bench.transport.on_message("x")

    assert not bench.clock.armed
    assert not bench.ready_calls
