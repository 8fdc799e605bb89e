from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.socketio import JsonParser, Packet, PacketType
from sockio.protocol.socketio.attachments import Attachments, restore
from tests.support.strategies import json_with_bytes, look_alikes, sio_packets

parser = JsonParser()


def decode(frames: list[str | bytes]) -> list[Packet | None]:
    decoder = parser.decoder()
    return [decoder.feed(frame) for frame in frames]


@given(sio_packets)
def test_a_packet_comes_back(packet: Packet) -> None:
    frames = parser.encode(packet)

    assert decode(frames) == [None] * (len(frames) - 1) + [packet]
    assert parser.encode(packet) == frames
    assert all(type(frame) is bytes for frame in frames[1:])


@given(sio_packets)
def test_text_can_always_be_written_as_utf8(packet: Packet) -> None:
    text = parser.encode(packet)[0]

    assert isinstance(text, str)
    text.encode()


@given(st.lists(look_alikes | st.just({"_placeholder": True, "num": 0}), max_size=3))
def test_user_data_that_looks_like_a_placeholder_stays(data: list[Any]) -> None:
    packet = Packet(PacketType.EVENT, data=["e", *data])

    assert decode(parser.encode(packet)) == [packet]


def extract(tree: Any, found: Attachments) -> Any:
    """Replace bytes by placeholders, in the plainest way."""
    if isinstance(tree, bytes):
        return found.take(tree)
    if isinstance(tree, list):
        return [extract(item, found) for item in tree]
    if isinstance(tree, dict):
        return {key: extract(item, found) for key, item in tree.items()}
    return tree


@given(json_with_bytes)
def test_bytes_that_were_taken_out_are_put_back(tree: Any) -> None:
    found = Attachments()

    assert restore(extract(tree, found), found) == tree


#: Text that resembles packets.
heads = st.from_regex(
    r"[0-9](\d{0,3}-)?(/[a-z,]{0,5},?)?[0-9]{0,20}", fullmatch=True
) | st.sampled_from(["2", "51-", "62-/a,1", "3", "0"])
bodies = st.sampled_from(
    [
        "",
        "[]",
        "{}",
        '["e"]',
        '["connect"]',
        "[1]",
        '"x"',
        '["e",{"_placeholder":true,"num":0}]',
        '["e",{"_placeholder":true,"num":9}]',
        '["\\ud800"]',
        "[NaN]",
        "[" * 2000,
        "null",
    ]
) | st.text(max_size=10)
frame_like = st.builds(str.__add__, heads, bodies)


@given(st.lists(frame_like | st.text(max_size=20) | st.binary(max_size=5), max_size=6))
@example(["2" + "[" * 100_000])
@example(["2/" * 1000])
@example(['2"\ud800"', "51-[\ud800]"])
def test_any_frames_give_packets_or_a_protocol_error(frames: list[str | bytes]) -> None:
    decoder = parser.decoder()
    packets = []

    with contextlib.suppress(ProtocolError):
        for frame in frames:
            packets.append(decoder.feed(frame))

    for packet in filter(None, packets):
        assert packet.type in (0, 1, 2, 3, 4)
        assert packet.nsp.startswith("/")
        assert packet.id is None or 0 <= packet.id <= 2**53
