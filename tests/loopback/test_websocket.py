"""Sessions on a WebSocket: frames, messages, and what ends them."""

from __future__ import annotations

import os
from typing import Any

import pytest

from sockio.protocol.websocket.frames import CLOSE, PING, PONG, TEXT, Control, frame
from tests.support.engine import RunningEngine
from tests.support.raw_websocket import NO_CODE, RawWebSocket

from .conftest import StartEngine


@pytest.fixture
def websocket(engine: RunningEngine) -> RawWebSocket:
    return engine.raw.open_websocket_session()[0]


# ------------------------------------------------------------------ messages


# One frame per packet, text or binary: no type byte on binary
@pytest.mark.parametrize("data", ["hello", "", "€ 😀", b"\1\2", b"4", b""])
def test_messages_go_both_ways(
    engine: RunningEngine, websocket: RawWebSocket, data: str | bytes
) -> None:
    framed = "4" + data if isinstance(data, str) else data

    websocket.send(framed)
    engine.session.send(data)

    assert engine.messages == [data]
    assert websocket.receive() == framed


def test_messages_keep_their_order(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    burst = [frame(f"4{number}", mask=os.urandom(4)) for number in range(1000)]

    websocket.send_bytes(b"".join(burst))
    for number in range(1000):
        engine.session.send(str(number))

    assert engine.messages == [str(number) for number in range(1000)]
    assert [websocket.receive() for _ in range(1000)] == [
        f"4{number}" for number in range(1000)
    ]


def test_a_message_may_come_in_fragments(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    websocket.send_fragments("4one ", "two ", "three")

    assert engine.messages == ["one two three"]


def test_a_large_message_goes_both_ways(start_engine: StartEngine) -> None:
    engine = start_engine(max_http_buffer_size=5 << 20)
    websocket, _ = engine.raw.open_websocket_session()
    data = os.urandom(4 << 20)

    websocket.send(data)
    engine.session.send(data)

    assert websocket.receive() == data
    assert engine.messages == [data]


# The first frames may travel with the handshake
def test_frames_right_behind_the_handshake_are_read(engine: RunningEngine) -> None:
    http = engine.raw.http()
    head = (
        f"GET {engine.raw.target(transport='websocket')} HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )

    http.wire.send(head.encode() + frame("4early", mask=b"abcd"))

    assert http.receive().status == 101
    assert engine.messages == ["early"]


# An empty packet and an unknown type: parse error
@pytest.mark.parametrize("bad", ["", "x", "7", " 4a"])
def test_a_bad_packet_ends_the_session(
    engine: RunningEngine, websocket: RawWebSocket, bad: str
) -> None:
    websocket.send("4good")
    websocket.send(bad)
    websocket.send("4late")

    assert websocket.wait_closed().code == NO_CODE
    assert engine.messages == ["good"]
    ((reason, _),) = engine.closes
    assert reason == "parse error"


# Packets that mean nothing here are ignored
@pytest.mark.parametrize("packet", ["0", "1", "3", "5", "6", "0{}", "6x"])
def test_packets_without_a_meaning_are_ignored(
    engine: RunningEngine, websocket: RawWebSocket, packet: str
) -> None:
    websocket.send(packet)
    websocket.send("4still here")

    assert engine.messages == ["still here"]
    assert engine.closes == []


# ------------------------------------------------------------------ RFC 6455


# RFC 6455 5.5.2
def test_websocket_pings_are_answered(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    websocket.ping(b"are you there?")
    websocket.send("4x")
    engine.clock.settle()
    engine.session.send("y")

    assert websocket.receive() == "4y"
    assert websocket.controls == [Control(PONG, b"are you there?")]


# RFC 6455 5.5: control frames between fragments
def test_a_ping_between_fragments_is_answered(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    websocket.send_frame("4a", TEXT, fin=False)
    websocket.send_frame(b"", PING)
    websocket.send_frame("b", 0)

    assert engine.messages == ["ab"]


# Transport error for a violation of the WebSocket protocol
@pytest.mark.parametrize(
    ("send", "code"),
    [
        (lambda ws: ws.send_frame("4a", masked=False), 1002),
        (lambda ws: ws.send_frame("4a", 3), 1002),
        (lambda ws: ws.send_frame("4a", rsv1=True), 1002),
        (lambda ws: ws.send_frame("4a", 0), 1002),
        (lambda ws: ws.send_frame("x" * 126, PING), 1002),
        (lambda ws: ws.send_frame(b"4\xff", TEXT), 1007),
        (lambda ws: ws.send_bytes(b"\xc1\xff\xff garbage"), 1002),
    ],
    ids=["not masked", "opcode", "rsv1", "fragment", "long ping", "utf-8", "garbage"],
)
def test_a_violation_is_a_transport_error(
    engine: RunningEngine, websocket: RawWebSocket, send: Any, code: int
) -> None:
    send(websocket)

    assert websocket.wait_closed().code == code
    ((reason, description),) = engine.closes
    assert reason == "transport error"
    assert description


@pytest.mark.parametrize(
    "end",
    [
        lambda ws: ws.close(),
        lambda ws: ws.close(4000, "bye"),
        lambda ws: ws.send_frame(b"", CLOSE),
        lambda ws: ws.cut(),
        lambda ws: ws.wire.reset(),
    ],
    ids=["1000", "4000", "no code", "cut", "reset"],
)
def test_a_peer_that_goes_is_a_transport_close(
    engine: RunningEngine, websocket: RawWebSocket, end: Any
) -> None:
    websocket.send("4last")
    end(websocket)

    assert engine.closes == [("transport close", None)]
    assert engine.messages in (["last"], [])  # a reset may overtake what was sent
    assert engine.engine.clients_count == 0


# What was sent before the close frame counts
def test_messages_before_the_close_frame_arrive(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    websocket.send_bytes(
        frame("4last", mask=b"abcd") + frame(b"\x03\xe8", CLOSE, mask=b"abcd")
    )

    assert websocket.wait_closed().code == 1000
    assert engine.messages == ["last"]
    assert engine.closes == [("transport close", None)]


# A connection that ends in the middle of a frame
def test_a_connection_cut_in_a_frame_is_a_transport_close(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    websocket.send_bytes(frame("4" + "x" * 5000, mask=b"abcd")[:3000])
    websocket.cut()

    assert engine.closes == [("transport close", None)]
    assert engine.messages == []


def test_the_server_does_not_wait_for_the_peers_close_frame(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.session.close()

    assert engine.closes == [("forced close", None)]
    assert websocket.wait_closed().code == NO_CODE


# Hard kill after 30 s
def test_a_peer_that_ignores_the_close_is_cut(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.session.close()

    engine.clock.advance(30)

    # The close frame, then the end without any answer of ours.
    assert websocket.wire.take(2, float("inf")) == b"\x88\x00"
    assert websocket.wire.take_rest(float("inf")) == b""


def test_sessions_do_not_meet(engine: RunningEngine) -> None:
    first, _ = engine.raw.open_websocket_session()
    ours = engine.session
    second, _ = engine.raw.open_websocket_session()

    ours.send("for the first")
    engine.session.send("for the second")
    second.cut()

    assert first.receive() == "4for the first"
    assert ours.ready_state == "open"
