"""The framing of WebTransport: Node reads what we write, and the other way round."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.protocol.engineio import Packet
from sockio.protocol.engineio.stream import StreamDecoder, encode_packet
from tests.conformance.test_differential import few_calls
from tests.support.node import Driver
from tests.support.reading import fed
from tests.support.strategies import cut, divisions, eio_packets

LIMIT = 1000
batches = st.lists(st.lists(eio_packets(3), max_size=6), min_size=20, max_size=40)


def as_object(packet: Packet) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": packet.type.label, "data": packet.data}
    return {name: value for name, value in fields.items() if value not in (None, "")}


@few_calls
@given(batches, divisions)
def test_node_reads_what_we_write(
    node: Driver, streams: list[list[Packet]], sizes: list[int]
) -> None:
    written = [b"".join(map(encode_packet, packets)) for packets in streams]
    items = [{"chunks": cut(data, sizes), "limit": LIMIT} for data in written]

    answers = node.codec("stream", "decode", items)

    for packets, answer in zip(streams, answers, strict=True):
        assert answer["ok"] == [as_object(packet) for packet in packets]


@few_calls
@given(batches)
def test_we_read_what_node_writes(node: Driver, streams: list[list[Packet]]) -> None:
    # Node writes a message without bytes in a form that Node itself does not read.
    streams = [[p for p in packets if p.data != b""] for packets in streams]
    items = [[as_object(packet) for packet in packets] for packets in streams]

    answers = node.codec("stream", "encode", items)

    for packets, answer in zip(streams, answers, strict=True):
        written = b"".join(answer["ok"])
        assert fed(StreamDecoder(LIMIT), written) == packets
        assert b"".join(map(encode_packet, packets)) == written
