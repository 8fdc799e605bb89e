from __future__ import annotations

from typing import Any

import pytest

from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio import AutoParser, JsonParser, MsgpackParser
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.socket.namespace.carriage import Carriage
from sockio.socket.namespace.twin_wire import TwinWire, twin_of

PACKET = Packet(PacketType.EVENT, "/", ["e", 1, b"\x00\xff"])


@pytest.mark.parametrize("parser", [JsonParser(), MsgpackParser()])
def test_a_wire_arrives_as_it_was(parser: Any) -> None:
    wire = Wire(parser.encode(PACKET), compress=False)

    unloaded = Carriage(parser).unload(Carriage(parser).load(wire))

    assert unloaded is not None
    assert unloaded.websocket == wire.websocket
    assert unloaded.compress is False


def test_both_forms_arrive() -> None:
    wire = TwinWire(AutoParser(), PACKET, compress=True)

    unloaded = Carriage(AutoParser()).unload(Carriage(AutoParser()).load(wire))

    assert unloaded is not None
    assert unloaded.websocket == wire.websocket
    assert twin_of(unloaded).websocket == twin_of(wire).websocket


def test_another_format_is_not_unloaded() -> None:
    load = Carriage(JsonParser()).load(Wire(JsonParser().encode(PACKET)))

    assert Carriage(MsgpackParser()).unload(load) is None


@pytest.mark.parametrize("load", [None, [], ["x"], {}, 1])
def test_what_cannot_be_read_is_not_unloaded(load: Any) -> None:
    name = Carriage(JsonParser()).load(Wire(["2"]))[0]

    assert Carriage(JsonParser()).unload(load) is None
    assert Carriage(JsonParser()).unload([name, True]) is None
    assert Carriage(JsonParser()).unload([name, True, 7]) is None
