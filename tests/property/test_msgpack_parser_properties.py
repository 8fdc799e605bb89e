from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.socketio import Packet
from sockio.protocol.socketio.msgpack_parser import MsgpackParser
from sockio.protocol.socketio.msgpack_reader import read
from sockio.protocol.socketio.msgpack_scan import is_simple
from tests.support.strategies import sio_packets, well_formed

parser = MsgpackParser()


def carried(value: Any) -> Any:
    """Return what MessagePack carries of a value: no surrogates."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [carried(item) for item in value]
    if isinstance(value, dict):
        return {carried(key): carried(item) for key, item in value.items()}
    return value


@given(sio_packets)
def test_a_packet_comes_back(packet: Packet) -> None:
    [frame] = parser.encode(packet)

    assert parser.decoder().feed(frame) == packet._replace(data=carried(packet.data))
    assert parser.encode(packet) == [frame]


@given(sio_packets)
def test_there_is_nothing_where_there_was_nothing(packet: Packet) -> None:
    frame = parser.encode(packet)[0]
    assert isinstance(frame, bytes)
    message = msgspec.msgpack.decode(frame)

    assert {"type", "nsp"} <= message.keys() <= {"type", "nsp", "data", "id"}
    assert None not in message.values()


@given(sio_packets)
def test_our_own_reader_reads_what_the_library_writes(packet: Packet) -> None:
    [frame] = parser.encode(packet)
    assert isinstance(frame, bytes)

    assert read(frame) == msgspec.msgpack.decode(frame)


_head = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e"
_markers = st.sampled_from([*range(0x80, 0x84), *range(0x90, 0x94), *range(0xC0, 0xE0)])
_pieces = st.lists(st.binary(max_size=4) | _markers.map(lambda m: bytes((m,))))


@given(st.binary() | _pieces.map(lambda pieces: _head + b"".join(pieces)))
@example(b"\x91" * 100_000)
@example(_head + b"\xd4\x00\x00")
@example(_head + b"\xd7\x00" + b"\xff" * 8)
@example(_head + b"\xd7\x00\x7f" + b"\xff" * 7)
def test_any_frame_is_a_packet_or_a_protocol_error(frame: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        packet = parser.decoder().feed(frame)

        assert packet.type in (0, 1, 2, 3, 4)
        assert packet.nsp.startswith("/")
        assert packet.id is None or 0 <= packet.id <= 2**53


_any_data = _pieces.map(b"".join) | st.binary(max_size=20)


@given(_any_data)
@example(b"\x81\xd4\x00\x00\x01")
@example(b"\x82\x01\x02\xa1a\x03")
def test_our_own_reader_agrees_with_the_library_where_that_is_asked(
    data: bytes,
) -> None:
    ours = theirs = "refused"
    with contextlib.suppress(ProtocolError):
        ours = repr(read(data))

    try:
        asked = is_simple(data)
    except ProtocolError:
        assert ours == "refused"
        return

    if asked:
        with contextlib.suppress(ValueError):
            theirs = repr(msgspec.msgpack.Decoder(ext_hook=in_a_list).decode(data))
        assert ours == theirs


def in_a_list(kind: int, content: memoryview) -> Any:
    return [kind, bytes(content)] if kind else bytes(content)


@given(_any_data)
@example(b"\x91\x81\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01")
def test_keys_are_text_in_either_reader(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert all(type(key) is str for key in keys_in(read(data)))
    frame = _head + data
    with contextlib.suppress(ProtocolError):
        packet = parser.decoder().feed(frame)
        assert all(type(key) is str for key in keys_in(packet.data))


def keys_in(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        yield from tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for item in tree:
            yield from keys_in(item)
