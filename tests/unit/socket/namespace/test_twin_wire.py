from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest

from sockio.errors import EncodeError
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio import AutoParser, Packet, PacketType
from sockio.socket.namespace.twin_wire import TwinWire, twin_of


def twin_wire(*args: Any, compress: bool = True) -> TwinWire:
    packet = Packet(PacketType.EVENT, data=["e", *args])
    return TwinWire(AutoParser(), packet, compress=compress)


def message(wire: Wire) -> Any:
    [packet] = wire.packets
    assert isinstance(packet.data, bytes)
    return msgspec.msgpack.decode(packet.data)


def test_it_is_json_and_has_a_twin_in_msgpack() -> None:
    wire = twin_wire(1, b"x")

    assert [packet.data for packet in wire.packets] == [
        '51-["e",1,{"_placeholder":true,"num":0}]',
        b"x",
    ]
    assert message(wire.twin) == {"type": 2, "nsp": "/", "data": ["e", 1, b"x"]}


def test_the_twin_is_made_once() -> None:
    wire = twin_wire(1)

    assert twin_of(wire) is twin_of(wire) is wire.twin


def test_another_wire_is_its_own_twin() -> None:
    wire = Wire(["2"])

    assert twin_of(wire) is wire


def test_the_twin_is_compressed_or_not_as_it_is() -> None:
    assert twin_wire().twin.compress
    assert not twin_wire(compress=False).twin.compress


def test_a_file_is_read_for_both() -> None:
    wire = twin_wire(io.BytesIO(b"file"))

    assert wire.packets[1].data == b"file"
    assert message(wire.twin)["data"] == ["e", b"file"]


def test_what_the_caller_changes_later_does_not_matter() -> None:
    numbers = [1, 2]
    wire = twin_wire(numbers)

    numbers.clear()

    assert message(wire.twin)["data"] == ["e", [1, 2]]


def test_an_error_belongs_to_the_caller() -> None:
    with pytest.raises(EncodeError):
        twin_wire(object())
