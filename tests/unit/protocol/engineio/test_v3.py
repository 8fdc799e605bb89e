from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.engineio import codec_for, v3
from sockio.protocol.engineio.packet import Packet, PacketType

MESSAGE = PacketType.MESSAGE
PING = PacketType.PING


def refusal(body: str | bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        list(v3.decode_payload(body))
    return caught.value.reason


# ------------------------------------------------------------------ packets


@pytest.mark.parametrize(
    ("packet", "frame"),
    [
        (Packet(PacketType.OPEN, "{}"), "0{}"),
        (Packet(PacketType.CLOSE), "1"),
        (Packet(PING, "probe"), "2probe"),
        (Packet(PacketType.NOOP), "6"),
        (Packet(MESSAGE, ""), "4"),
        (Packet(MESSAGE, "4€😀"), "44€😀"),
    ],
)
def test_text_packets(packet: Packet, frame: str) -> None:
    assert v3.encode_packet(packet, binary=True) == frame
    assert v3.encode_packet(packet, binary=False) == frame
    assert v3.decode_packet(frame) == packet


@pytest.mark.parametrize(
    ("data", "frame", "text"),
    [(b"\x01\xff", b"\x04\x01\xff", "b4Af8="), (b"", b"\x04", "b4")],
)
def test_bytes_have_their_type_in_front(data: bytes, frame: bytes, text: str) -> None:
    packet = Packet(MESSAGE, data)

    assert v3.encode_packet(packet, binary=True) == frame
    assert v3.encode_packet(packet, binary=False) == text
    assert v3.decode_packet(frame) == packet
    assert v3.decode_packet(text) == packet


def test_any_bytes_like_data_is_written() -> None:
    packet = Packet(MESSAGE, memoryview(b"\x01"))  # type: ignore[arg-type]

    assert v3.encode_packet(packet, binary=True) == b"\x04\x01"
    assert v3.encode_packet(packet, binary=False) == "b4AQ=="


def test_read_bytes_are_bytes() -> None:
    packet = v3.decode_packet(bytearray(b"\x04\x01"))  # type: ignore[arg-type]

    assert type(packet.data) is bytes


def test_a_message_without_data_is_an_empty_text() -> None:
    assert v3.encode_packet(Packet(MESSAGE), binary=True) == "4"


@pytest.mark.parametrize("text", ["AQL_", "AQL/", "A Q\nL_\r\n", "AQL_=", "*AQL_="])
def test_base64_is_read_as_node_does(text: str) -> None:
    assert v3.decode_packet("b4" + text) == Packet(MESSAGE, b"\x01\x02\xff")


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("", "the packet is empty"),
        (b"", "the packet is empty"),
        ("7", "unknown packet type '7'"),
        ("٤", "unknown packet type '٤'"),
        ("b", "bytes in a packet that is no message"),
        ("b2AQ==", "bytes in a packet that is no message"),
        (b"\x02probe", "bytes in a packet that is no message"),
        (b"4probe", "bytes in a packet that is no message"),
    ],
)
def test_bad_frames_are_refused(frame: str | bytes, reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        v3.decode_packet(frame)

    assert caught.value.reason == reason


# ------------------------------------------------------------------ payloads


@pytest.mark.parametrize(
    ("packets", "body"),
    [
        ([], "0:"),
        ([Packet(MESSAGE, "hello"), Packet(PING)], "6:4hello1:2"),
        ([Packet(MESSAGE, "é"), Packet(MESSAGE, "😀"), Packet(PING)], "2:4é3:4😀1:2"),
        ([Packet(MESSAGE, "1:2")], "4:41:2"),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_text_goes_as_text(packets: list[Packet], body: str, binary: bool) -> None:
    assert v3.encode_payload(packets, binary=binary) == body
    assert list(v3.decode_payload(body)) == packets


def test_bytes_go_as_base64_to_those_who_take_no_bytes() -> None:
    packets = [Packet(MESSAGE, "é"), Packet(MESSAGE, b"\x01\xff")]

    assert v3.encode_payload(packets) == "2:4é6:b4Af8="
    assert list(v3.decode_payload("2:4é6:b4Af8=")) == packets


def test_a_payload_with_bytes_in_it_is_bytes() -> None:
    packets = [Packet(MESSAGE, "é€😀"), Packet(MESSAGE, b"\x01\xff"), Packet(PING)]

    body = v3.encode_payload(packets, binary=True)

    # What engine.io-parser 2.2.1 writes for the same packets.
    assert body == (
        b"\x00\x01\x00\xff4\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
        b"\x01\x03\xff\x04\x01\xff"
        b"\x00\x01\xff2"
    )
    assert list(v3.decode_payload(body)) == packets
    read = bytearray(body)
    assert list(v3.decode_payload(read)) == packets  # type: ignore[arg-type]


def test_base64_inside_a_binary_payload_is_read() -> None:
    assert list(v3.decode_payload(b"\x00\x06\xffb4Af8=")) == [
        Packet(MESSAGE, b"\x01\xff")
    ]


def test_an_empty_binary_payload_has_no_packets() -> None:
    assert list(v3.decode_payload(b"")) == []


def test_surrogates_that_utf8_cannot_carry_are_replaced() -> None:
    packets = [Packet(MESSAGE, "x\ud800y"), Packet(MESSAGE, b"")]

    body = v3.encode_payload(packets, binary=True)

    assert body == b"\x00\x06\xff4x\xef\xbf\xbdy\x01\x01\xff\x04"


def test_a_length_of_nothing_is_no_packet() -> None:
    assert list(v3.decode_payload("0:1:2000:1:3")) == [
        Packet(PING),
        Packet(PacketType.PONG),
    ]


@pytest.mark.parametrize("body", ["2:4a1:72:4b", b"\x00\x02\xff4a\x00\x01\xff7"])
def test_the_packets_before_a_bad_one_are_given(body: str | bytes) -> None:
    packets = v3.decode_payload(body)

    assert next(packets) == Packet(MESSAGE, "a")
    with pytest.raises(ProtocolError):
        next(packets)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "the payload is empty"),
        ("4hello", "a packet has no length"),
        (":4", "a packet has no length"),
        ("-1:4", "a packet has no length"),
        ("1.0:4", "a packet has no length"),
        ("١:4", "a packet has no length"),
        ("1:24", "a packet has no length"),
        ("00000000001:2", "a packet has no length"),
        ("3:4é", "the payload ends inside a packet"),
        ("9999999999:4", "the payload ends inside a packet"),
        ("2:4😀", "a packet ends inside a character"),
        ("1:x", "unknown packet type 'x'"),
        (b"\x00", "a packet has no length"),
        (b"\x00\xff", "a packet has no length"),
        (b"\x00\x0a\xff4", "a packet has no length"),
        (b"\x00\x01", "a packet has no length"),
        (b"\x00" * 12 + b"\xff4", "a packet has no length"),
        (b"\x00\x02\xff4", "the payload ends inside a packet"),
        (b"\x00" + b"\x09" * 10 + b"\xff4", "the payload ends inside a packet"),
        (b"\x02\x01\xff4", "a packet is neither text nor bytes"),
        (b"\x00\x02\xff4\xff", "the packet is not UTF-8"),
        (b"\x00\x00\xff", "the packet is empty"),
        (b"\x01\x00\xff", "the packet is empty"),
    ],
)
def test_bad_payloads_are_refused(body: str | bytes, reason: str) -> None:
    assert refusal(body) == reason


def test_codecs_go_by_the_number_of_the_protocol() -> None:
    assert codec_for(3) is v3
    assert codec_for(3).PROTOCOL == 3


def test_a_payload_of_nothing_is_refused() -> None:
    assert list(v3.decode_payload("0:" * v3.MAX_EMPTY)) == []
    with pytest.raises(ProtocolError):
        list(v3.decode_payload("0:" * (v3.MAX_EMPTY + 1)))
