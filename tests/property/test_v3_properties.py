from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.engineio import Packet, utf8, v3
from sockio.protocol.websocket.payload import encode_text
from tests.support.strategies import eio_packets, well_formed

packets_of_a_payload = st.lists(eio_packets(3), max_size=6)


@given(eio_packets(3), st.booleans())
def test_a_packet_comes_back(packet: Packet, binary: bool) -> None:
    frame = v3.encode_packet(packet, binary=binary)

    assert v3.decode_packet(frame) == packet
    assert v3.encode_packet(packet, binary=binary) == frame


@given(packets_of_a_payload)
def test_both_forms_of_a_payload_hold_the_same_packets(packets: list[Packet]) -> None:
    text = v3.encode_payload(packets)
    best = v3.encode_payload(packets, binary=True)

    assert isinstance(text, str)
    assert isinstance(best, bytes) == any(isinstance(p.data, bytes) for p in packets)
    assert list(v3.decode_payload(text)) == packets
    assert list(v3.decode_payload(best)) == packets


@given(packets_of_a_payload)
def test_lengths_are_utf16_code_units(packets: list[Packet]) -> None:
    frames = [v3.encode_packet(packet, binary=False) for packet in packets]

    written = "".join(
        f"{len(frame.encode('utf-16-le')) // 2}:{frame}"
        for frame in frames
        if isinstance(frame, str)
    )

    assert v3.encode_payload(packets) == (written or "0:")


@given(st.one_of(st.text(), st.binary(), st.text().map("b4".__add__)))
def test_any_frame_is_a_packet_or_a_protocol_error(frame: str | bytes) -> None:
    try:
        packet = v3.decode_packet(frame)
    except ProtocolError:
        return

    assert v3.decode_packet(v3.encode_packet(packet, binary=True)) == packet


@given(
    st.text()
    | st.text(st.sampled_from("0123456:b=AQ\x00é😀\ud800"))
    | st.binary()
    | st.lists(st.sampled_from([0, 1, 2, 4, 9, 50, 52, 98, 195, 169, 255])).map(bytes)
)
def test_any_payload_gives_packets_up_to_the_first_bad_one(body: str | bytes) -> None:
    packets = []

    with contextlib.suppress(ProtocolError):
        for packet in v3.decode_payload(body):
            packets.append(packet)

    # Each packet has a length and a type, so the body bounds what is read.
    held = sum(len(packet.data or "") + 3 for packet in packets)
    assert held <= len(body)


@given(st.text(st.characters(categories=["L", "Cs", "So"]) | st.just("😀")))
def test_text_of_a_binary_payload_is_what_utf8_can_carry(text: str) -> None:
    assert utf8.decode(encode_text(text)) == well_formed(text)
