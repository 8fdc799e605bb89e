"""Node reads what we write, and the other way round, for random packets."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sockio.protocol.socketio import JsonParser, Packet, PacketType
from tests.support.node import Driver
from tests.support.strategies import sio_packets

#: JavaScript cannot represent all integers beyond this.
MAX_INTEGER = 2**53
#: Few calls with many packets each: what takes time is the way to Node and back.
batches = st.lists(sio_packets, min_size=20, max_size=50)
few_calls = settings(
    max_examples=10,
    deadline=None,
    # Shrinking a batch adds nothing: the assertion shows the packet.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


def as_javascript(value: Any) -> Any:
    """Return what is left of a value in a language that has only floats."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= MAX_INTEGER else float(value)
    if isinstance(value, list):
        return [as_javascript(item) for item in value]
    if isinstance(value, dict):
        return {key: as_javascript(item) for key, item in value.items()}
    return value


def as_object(packet: Packet) -> dict[str, Any]:
    fields = {**packet._asdict(), "data": as_javascript(packet.data)}
    return {name: value for name, value in fields.items() if value is not None}


@few_calls
@given(batches)
def test_node_reads_what_we_write(node: Driver, packets: list[Packet]) -> None:
    frames = [JsonParser().encode(packet) for packet in packets]

    answers = node.codec("json", "decode", frames)

    for packet, answer in zip(packets, answers, strict=True):
        [theirs] = answer["ok"]
        fields = {k: v for k, v in as_javascript(theirs).items() if v is not None}
        assert fields == as_object(packet)


@few_calls
@given(batches)
def test_we_read_what_node_writes(node: Driver, packets: list[Packet]) -> None:
    answers = node.codec("json", "encode", [as_object(packet) for packet in packets])

    for packet, answer in zip(packets, answers, strict=True):
        decoder = JsonParser().decoder()
        *_, ours = [decoder.feed(frame) for frame in answer["ok"]]
        assert ours is not None
        assert ours.type is PacketType(ours.type)
        assert as_object(ours) == as_object(packet)
