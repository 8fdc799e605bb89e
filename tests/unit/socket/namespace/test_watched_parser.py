from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.socketio.json_parser import JsonParser
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.socket.namespace.watched_parser import WatchedDecoder, WatchedParser, is_on


@pytest.fixture(autouse=True)
def _on(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG, "sockio.parser"):
        yield


@pytest.fixture
def parser() -> WatchedParser:
    return WatchedParser(JsonParser(), "abc")


@pytest.mark.parametrize(
    ("packet", "line"),
    [
        (
            Packet(PacketType.EVENT, "/", ["hi", 1, "x"], 3),
            "sid=abc out EVENT 'hi' namespace='/' args=2 ack=3 size=14",
        ),
        (
            Packet(PacketType.ACK, "/a", ["hi"], 3),
            "sid=abc out ACK namespace='/a' args=1 ack=3 size=11",
        ),
        (
            Packet(PacketType.CONNECT, "/", {"sid": "x"}),
            "sid=abc out CONNECT namespace='/' size=12",
        ),
        (
            Packet(PacketType.DISCONNECT, "/a"),
            "sid=abc out DISCONNECT namespace='/a' size=4",
        ),
        (
            Packet(PacketType.EVENT, "/", ["hi", b"123"]),
            "sid=abc out EVENT 'hi' namespace='/' args=1 ack=None size=42",
        ),
    ],
)
def test_what_goes_out_is_told_and_encoded(
    parser: WatchedParser,
    packet: Packet,
    line: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert parser.encode(packet) == JsonParser().encode(packet)
    assert caplog.messages == [line]


def test_what_comes_in_is_told_when_it_is_whole(
    parser: WatchedParser, caplog: pytest.LogCaptureFixture
) -> None:
    frames = JsonParser().encode(Packet(PacketType.EVENT, "/", ["hi", b"123"]))
    decoder = parser.decoder()

    assert decoder.feed(frames[0]) is None
    assert caplog.messages == []
    packet = decoder.feed(frames[1])
    assert packet is not None
    assert packet.data == ["hi", b"123"]
    assert decoder.feed('2["a"]') is not None

    assert caplog.messages == [
        "sid=abc in EVENT 'hi' namespace='/' args=1 ack=None size=42",
        "sid=abc in EVENT 'a' namespace='/' args=0 ack=None size=6",
    ]


def test_a_refusal_passes(caplog: pytest.LogCaptureFixture) -> None:
    decoder = WatchedDecoder(JsonParser().decoder(), "abc")

    with pytest.raises(ProtocolError):
        decoder.feed("9")

    assert caplog.messages == []


def test_payloads_are_there_on_request(
    parser: WatchedParser,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOCKIO_DEBUG_DATA", "1")

    parser.encode(Packet(PacketType.EVENT, "/", ["hi", "a\n"]))
    parser.encode(Packet(PacketType.DISCONNECT, "/"))

    assert caplog.messages == [
        r"sid=abc out EVENT 'hi' namespace='/' args=1 ack=None size=13 ['a\n']",
        "sid=abc out DISCONNECT namespace='/' size=1",
    ]


def test_it_is_on_with_the_debug_lines_of_its_scope(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert is_on()
    with caplog.at_level(logging.INFO, "sockio.parser"):
        assert not is_on()
