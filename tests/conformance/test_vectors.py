"""The examples of both protocol documents, read and written by us and by Node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sockio.errors import ProtocolError
from sockio.protocol import engineio, socketio
from sockio.protocol.engineio import v4
from tests.support.json_process import from_wire
from tests.support.node import Driver

FOLDER = Path(__file__).parent / "vectors"

Vector = dict[str, Any]


def load(name: str) -> list[Vector]:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    vectors: list[Vector] = from_wire(json.loads(text)["vectors"])
    return vectors


def each(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", load(name), ids=lambda v: str(v["wire"]))


def engine_packets(vectors: list[Vector]) -> list[engineio.Packet]:
    return [
        engineio.Packet(engineio.PacketType[v["type"].upper()], v.get("data"))
        for v in vectors
    ]


def socket_packet(vector: Vector) -> socketio.Packet:
    kind = socketio.PacketType[vector["type"]]
    return socketio.Packet(kind, **{k: v for k, v in vector.items() if k != "type"})


# ------------------------------------------------------------------ ours


@each("engineio_v4")
def test_engineio_v4(vector: Vector) -> None:
    packets = engine_packets(vector["packets"])

    if vector["form"] == "payload":
        assert list(v4.decode_payload(vector["wire"])) == packets
        assert v4.encode_payload(packets) == vector["wire"]
    else:
        assert [v4.decode_packet(vector["wire"])] == packets
        assert v4.encode_packet(packets[0], binary=True) == vector["wire"]


@each("socketio_v5")
def test_socketio_v5(vector: Vector) -> None:
    parser = socketio.JsonParser()
    decoder = parser.decoder()
    packet = socket_packet(vector["packet"])

    decoded = [decoder.feed(frame) for frame in vector["wire"]]

    assert decoded == [None] * (len(decoded) - 1) + [packet]
    assert parser.encode(packet) == vector["wire"]


@each("socketio_v5_refused")
def test_socketio_v5_refused(vector: Vector) -> None:
    decoder = socketio.JsonParser().decoder()
    *first, last = vector["wire"]
    for frame in first:
        decoder.feed(frame)

    with pytest.raises(ProtocolError) as caught:
        decoder.feed(last)

    assert caught.value.reason == vector["reason"]


def test_the_sample_session() -> None:
    decoder = socketio.JsonParser().decoder()
    for vector in load("sample_session"):
        wire = vector["wire"]
        is_payload = vector["form"] == "payload"
        packets = (
            list(v4.decode_payload(wire)) if is_payload else [v4.decode_packet(wire)]
        )
        assert packets == engine_packets(vector["engine"])

        messages = [p.data for p in packets if p.type == engineio.PacketType.MESSAGE]
        decoded = [decoder.feed(data) for data in messages if data is not None]

        expected = [socket_packet(packet) for packet in vector["socket"]]
        assert [packet for packet in decoded if packet is not None] == expected


# ------------------------------------------------------------------ Node's


def test_node_reads_and_writes_the_same_engineio(node: Driver) -> None:
    vectors = [v for v in load("engineio_v4") if isinstance(v["wire"], str)]

    decoded = node.codec("engine", "decode", [v["wire"] for v in vectors])
    encoded = node.codec("engine", "encode", [v["packets"] for v in vectors])

    for vector, theirs in zip(vectors, decoded, strict=True):
        # In a message without data, Node has none, and we have an empty text.
        packets = [{"data": None, **packet} for packet in vector["packets"]]
        assert [
            {"data": "" if p["type"] == "message" else None, **p} for p in theirs["ok"]
        ] == packets
    assert [theirs["ok"] for theirs in encoded] == [v["wire"] for v in vectors]


def test_node_reads_and_writes_the_same_socketio(node: Driver) -> None:
    vectors = load("socketio_v5")
    kinds = socketio.PacketType
    packets = [{**v["packet"], "type": kinds[v["packet"]["type"]]} for v in vectors]

    decoded = node.codec("json", "decode", [v["wire"] for v in vectors])
    encoded = node.codec("json", "encode", packets)

    for packet, theirs in zip(packets, decoded, strict=True):
        [read] = theirs["ok"]
        assert {k: v for k, v in read.items() if v is not None} == packet
    assert [theirs["ok"] for theirs in encoded] == [v["wire"] for v in vectors]


def test_node_refuses_the_same_socketio(node: Driver) -> None:
    vectors = load("socketio_v5_refused")

    answers = node.codec("json", "decode", [v["wire"] for v in vectors])

    assert [theirs.get("error") for theirs in answers] == [v["reason"] for v in vectors]
