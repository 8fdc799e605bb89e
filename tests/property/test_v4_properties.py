from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.engineio import Packet, v4
from tests.support.strategies import eio_packets


@given(eio_packets(4), st.booleans())
def test_a_packet_comes_back(packet: Packet, binary: bool) -> None:
    frame = v4.encode_packet(packet, binary=binary)

    assert v4.decode_packet(frame) == packet
    assert v4.encode_packet(packet, binary=binary) == frame


@given(st.lists(eio_packets(4), min_size=1, max_size=6))
def test_a_payload_comes_back(packets: list[Packet]) -> None:
    text = v4.encode_payload(packets)

    assert list(v4.decode_payload(text)) == packets
    assert text == "\x1e".join(v4.encode_payload([packet]) for packet in packets)


@given(st.one_of(st.text(), st.binary(), st.text().map("b".__add__)))
def test_any_frame_is_a_packet_or_a_protocol_error(frame: str | bytes) -> None:
    try:
        packet = v4.decode_packet(frame)
    except ProtocolError:
        return

    assert v4.decode_packet(v4.encode_packet(packet, binary=True)) == packet


@given(st.text(st.sampled_from("0123456b=AQ\x1e\x00é")))
def test_any_payload_gives_packets_up_to_the_first_bad_one(text: str) -> None:
    packets = v4.decode_payload(text)
    good: list[Packet] = []

    with contextlib.suppress(ProtocolError):
        good.extend(packets)

    assert len(good) <= text.count("\x1e") + 1
