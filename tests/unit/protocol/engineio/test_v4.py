from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.engineio import codec_for, v4
from sockio.protocol.engineio.packet import Packet, PacketType

MESSAGE = PacketType.MESSAGE


@pytest.mark.parametrize(
    ("packet", "frame"),
    [
        (Packet(PacketType.OPEN, "{}"), "0{}"),
        (Packet(PacketType.CLOSE), "1"),
        (Packet(PacketType.PING, "probe"), "2probe"),
        (Packet(PacketType.NOOP), "6"),
        (Packet(MESSAGE, ""), "4"),
        (Packet(MESSAGE, "4€"), "44€"),
    ],
)
def test_text_packets(packet: Packet, frame: str) -> None:
    assert v4.encode_packet(packet, binary=True) == frame
    assert v4.encode_packet(packet, binary=False) == frame
    assert v4.decode_packet(frame) == packet


def test_bytes_travel_as_they_are_where_the_transport_can() -> None:
    packet = Packet(MESSAGE, b"\x01\x02")

    frame = v4.encode_packet(packet, binary=True)

    assert frame == b"\x01\x02"
    assert v4.decode_packet(frame) == packet


def test_bytes_travel_as_base64_elsewhere() -> None:
    packet = Packet(MESSAGE, b"\x01\x02\x03\x04")

    frame = v4.encode_packet(packet, binary=False)

    assert frame == "bAQIDBA=="
    assert v4.decode_packet(frame) == packet


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("AQIDBA", b"\x01\x02\x03\x04"),  # no padding
        ("-_8", b"\xfb\xff"),  # the alphabet for URLs
        ("-_+/", b"\xfb\xff\xbf"),  # both
        ("AAEC\nAwQ=\n", b"\0\1\2\3\4"),  # lines, as Java breaks them
        (" A\tA\r\nEC\u00a0", b"\0\1\2"),
        ("*AA!E.C\0", b"\0\1\2"),  # characters of no alphabet
        ("Zg==Zg==", b"f"),  # it ends at the first padding
        ("=Zg==", b""),
        ("Zm9v====", b"foo"),
        ("Zm9vZ", b"foo"),  # six bits are no byte
        ("Zh==", b"f"),
        ("Z", b""),
        ("", b""),
        ("é", b""),
        ("\u0141m9v", b"\2oo"),  # the lower byte of the first character is an A
    ],
)
def test_base64_is_read_as_node_does(text: str, data: bytes) -> None:
    assert v4.decode_packet("b" + text) == Packet(MESSAGE, data)


def test_a_message_without_data_is_an_empty_text() -> None:
    frame = v4.encode_packet(Packet(MESSAGE), binary=True)

    assert frame == "4"
    assert v4.decode_packet(frame) == Packet(MESSAGE, "")


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("", "the packet is empty"),
        ("7", "unknown packet type '7'"),
        ("x", "unknown packet type 'x'"),
        ("٤", "unknown packet type '٤'"),
    ],
)
def test_bad_frames_are_refused(frame: str, reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        v4.decode_packet(frame)

    assert caught.value.reason == reason


def test_a_payload_holds_packets_in_order() -> None:
    packets = [
        Packet(MESSAGE, "hello"),
        Packet(PacketType.PING),
        Packet(MESSAGE, b"\x1e"),
    ]

    text = v4.encode_payload(packets)

    assert text == "4hello\x1e2\x1ebHg=="
    assert list(v4.decode_payload(text)) == packets


def test_the_packets_before_a_bad_one_are_given() -> None:
    packets = v4.decode_payload("4a\x1ex\x1e4b")

    assert next(packets) == Packet(MESSAGE, "a")
    with pytest.raises(ProtocolError):
        next(packets)


def test_an_empty_payload_is_an_empty_packet() -> None:
    with pytest.raises(ProtocolError, match="empty"):
        list(v4.decode_payload(""))


def test_codecs_go_by_the_number_of_the_protocol() -> None:
    assert codec_for(4) is v4
    with pytest.raises(KeyError):
        codec_for(5)


def test_a_payload_of_bytes_is_refused() -> None:
    with pytest.raises(ProtocolError, match="is text"):
        v4.decode_payload(b"4a")
