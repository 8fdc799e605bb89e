"""MessagePack: Node reads what we write, and the other way round."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.protocol.socketio import Packet, PacketType
from sockio.protocol.socketio.msgpack_parser import MsgpackParser
from tests.conformance.test_differential import MAX_INTEGER, as_javascript, few_calls
from tests.property.test_msgpack_parser_properties import carried
from tests.support.node import Driver
from tests.support.strategies import sio_packets

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
parser = MsgpackParser()


def sound(tree: Any) -> bool:
    """Tell whether notepack writes the tree as it is.

    In JavaScript ``__proto__`` sets the prototype of an object; and notepack cuts
    integers down to 64 bits, where large floats are integers, too.
    """
    if isinstance(tree, int | float):
        return abs(tree) <= MAX_INTEGER
    if isinstance(tree, dict):
        return "__proto__" not in tree and all(map(sound, tree.values()))
    return not isinstance(tree, list) or all(map(sound, tree))


packets = sio_packets.map(lambda packet: packet._replace(data=carried(packet.data)))
batches = st.lists(
    packets.filter(lambda packet: sound(packet.data)), min_size=20, max_size=50
)


def as_object(packet: Packet) -> dict[str, Any]:
    fields = {**packet._asdict(), "data": as_javascript(packet.data)}
    return {name: value for name, value in fields.items() if value is not None}


@few_calls
@given(batches)
def test_node_reads_what_we_write(node: Driver, packets: list[Packet]) -> None:
    frames = [parser.encode(packet) for packet in packets]

    answers = node.codec("msgpack", "decode", frames)

    for packet, answer in zip(packets, answers, strict=True):
        [theirs] = answer["ok"]
        assert as_javascript(theirs) == as_object(packet)


@few_calls
@given(batches)
def test_we_read_what_node_writes(node: Driver, packets: list[Packet]) -> None:
    options = {"options": {"compress": True}}
    items = [{**as_object(packet), **options} for packet in packets]

    answers = node.codec("msgpack", "encode", items)

    for packet, answer in zip(packets, answers, strict=True):
        [frame] = answer["ok"]
        assert as_object(parser.decoder().feed(frame)) == as_object(packet)


#: Values that only JavaScript has: in the form for Node, and as they arrive here.
def _array_buffer(data: bytes) -> tuple[Any, Any]:
    return {"$arrayBuffer": base64.b64encode(data).decode()}, data


def _date(milliseconds: int) -> tuple[Any, Any]:
    return {"$date": milliseconds}, EPOCH + timedelta(milliseconds=milliseconds)


javascript_values = st.one_of(
    st.just(({"$undefined": True}, None)),
    st.binary(max_size=300).map(_array_buffer),
    st.binary(min_size=1, max_size=1).map(_array_buffer),
    st.binary(min_size=8, max_size=8).map(_array_buffer),
    st.integers(-62_135_596_800_000, 253_402_300_799_999).map(_date),
)


@few_calls
@given(st.lists(javascript_values, min_size=50, max_size=100))
def test_we_read_what_only_javascript_has(
    node: Driver, values: list[tuple[Any, Any]]
) -> None:
    items = [{"type": 2, "nsp": "/", "data": ["e", theirs]} for theirs, _ in values]

    answers = node.codec("msgpack", "encode", items)

    for (_, ours), answer in zip(values, answers, strict=True):
        [frame] = answer["ok"]
        packet = parser.decoder().feed(frame)
        assert packet == Packet(PacketType.EVENT, data=["e", ours])


def test_a_connection_without_data_is_undefined(node: Driver) -> None:
    [answer] = node.codec(
        "msgpack", "encode", [{"type": 0, "nsp": "/", "data": {"$undefined": True}}]
    )

    [frame] = answer["ok"]
    assert parser.decoder().feed(frame) == Packet(PacketType.CONNECT)
