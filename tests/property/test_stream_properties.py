from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.engineio import Packet
from sockio.protocol.engineio.stream import MAX_HEADER, StreamDecoder, encode_packet
from tests.support.strategies import cut, divisions, eio_packets

LIMIT = 300


def read(pieces: list[bytes]) -> list[Any]:
    """Feed pieces to a new decoder; return packets, and errors by their reason."""
    decoder = StreamDecoder(LIMIT)
    items: list[Any] = []
    for piece in pieces:
        items += decoder.feed(piece)
        assert len(decoder._buffer) <= LIMIT + MAX_HEADER
    return [item.reason if isinstance(item, ProtocolError) else item for item in items]


# Packets of version 3 are the same, and their text is what UTF-8 can carry.
@given(st.lists(eio_packets(3), max_size=8), divisions)
def test_packets_come_back_however_divided(
    packets: list[Packet], sizes: list[int]
) -> None:
    data = b"".join(map(encode_packet, packets))

    assert read(cut(data, sizes)) == packets


#: Bytes that resemble headers.
header_like = st.sampled_from([b"\x00", b"\x014", b"\x7e\x00\x01", b"\xff" + bytes(7)])


@given(st.lists(st.binary(max_size=50) | header_like).map(b"".join), divisions)
def test_division_does_not_matter_whatever_the_bytes(
    data: bytes, sizes: list[int]
) -> None:
    whole = read([data])

    assert read(cut(data, sizes)) == whole
    assert all(isinstance(item, Packet) for item in whole[:-1])
