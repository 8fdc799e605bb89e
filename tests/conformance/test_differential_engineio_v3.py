"""Engine.IO 3: Node reads what we write, and the other way round."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.engineio import Packet, v3
from tests.conformance.test_differential import few_calls
from tests.support.node import Driver
from tests.support.strategies import eio_packets

payloads = st.lists(eio_packets(3), max_size=6)
batches = st.lists(payloads, min_size=30, max_size=60)


def as_object(packet: Packet) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": packet.type.label, "data": packet.data}
    return {name: value for name, value in fields.items() if value not in (None, "")}


@few_calls
@given(batches, st.booleans())
def test_node_reads_what_we_write(
    node: Driver, payloads: list[list[Packet]], binary: bool
) -> None:
    bodies = [v3.encode_payload(packets, binary=binary) for packets in payloads]

    answers = node.codec("engine3", "decode", bodies)

    for packets, answer in zip(payloads, answers, strict=True):
        assert answer["ok"] == [as_object(packet) for packet in packets]


@few_calls
@given(batches, st.booleans())
def test_node_writes_what_we_write(
    node: Driver, payloads: list[list[Packet]], binary: bool
) -> None:
    items = [
        {"packets": [as_object(packet) for packet in packets], "binary": binary}
        for packets in payloads
    ]

    answers = node.codec("engine3", "encode", items)

    for packets, answer in zip(payloads, answers, strict=True):
        assert answer["ok"] == v3.encode_payload(packets, binary=binary)
        assert list(v3.decode_payload(answer["ok"])) == packets


@few_calls
@given(st.lists(st.text("012346:b=AQ x😀é"), min_size=100, max_size=200))
def test_node_refuses_what_we_refuse(node: Driver, bodies: list[str]) -> None:
    answers = node.codec("engine3", "decode", bodies)

    for body, answer in zip(bodies, answers, strict=True):
        theirs = answer["ok"]
        ours, reason = read(body)
        if reason is None:
            assert theirs == ours
        elif reason not in NODE_READS and not JAVASCRIPT_NUMBER.search(body):
            assert theirs[-1]["type"] == "error"


#: What Node reads and we refuse; no client writes it.
NODE_READS = {
    "bytes in a packet that is no message",
    "a packet ends inside a character",
}


#: Lengths that JavaScript takes for numbers although they are not digits; a blank is 0.
JAVASCRIPT_NUMBER = re.compile(r" |0[xb]")


def read(body: str) -> tuple[list[dict[str, Any]], str | None]:
    packets = []
    try:
        for packet in v3.decode_payload(body):
            packets.append(as_object(packet))
    except ProtocolError as exc:
        return packets, exc.reason
    return packets, None
