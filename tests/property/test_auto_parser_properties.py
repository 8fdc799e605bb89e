from __future__ import annotations

from hypothesis import given

from sockio.protocol.socketio import AutoParser, Packet
from sockio.protocol.socketio.own_frames import read
from tests.property.test_msgpack_parser_properties import carried
from tests.support.strategies import sio_packets

auto = AutoParser()


@given(sio_packets)
def test_what_we_wrote_can_be_read_again(packet: Packet) -> None:
    assert read(auto.encode(packet)) == packet


@given(sio_packets)
def test_a_translation_says_the_same(packet: Packet) -> None:
    [frame] = auto.translate(auto.encode(packet))

    assert auto.msgpack.decoder().feed(frame) == packet._replace(
        data=carried(packet.data)
    )


@given(sio_packets)
def test_either_form_shows_itself(packet: Packet) -> None:
    for parser in (auto.json, auto.msgpack):
        decoder = auto.decoder()

        *_, last = [decoder.feed(frame) for frame in parser.encode(packet)]

        assert last is not None
        assert last._replace(data=None) == packet._replace(data=None)
        assert decoder.settle()[0] is parser
