"""What can be fuzzed: a parser, read in several ways that must agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sockio.engine.transports.jsonp import payload_of, script
from sockio.errors import ProtocolError
from sockio.protocol import engineio
from sockio.protocol.engineio import v3, v4
from sockio.protocol.engineio.stream import StreamDecoder, encode_packet
from sockio.protocol.socketio import JsonParser, Packet, PacketType
from sockio.protocol.socketio.msgpack_parser import MsgpackParser
from sockio.protocol.socketio.msgpack_reader import read
from sockio.protocol.websocket.deflate import Inflater
from sockio.protocol.websocket.frames import FrameReader, frame
from tests.support.reading import fed, filled

CORPUS = Path(__file__).parent / "corpus"
#: Divides the input of a target that reads one frame after the other.
SEPARATOR = b"\x1e"

#: What a parser made of an input: its items, and the reason why it stopped, if it did.
Outcome = list[Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test."""

    name: str
    #: Ways to read the same input; all must come to the same outcome.
    readings: tuple[Callable[[bytes], Outcome], ...]
    #: Pieces that make random input likelier to get somewhere.
    words: tuple[bytes, ...]
    #: Inputs to begin with, beside those in the corpus.
    seeds: tuple[bytes, ...]

    @property
    def folder(self) -> Path:
        """Where its corpus is."""
        return CORPUS / self.name

    def corpus(self) -> list[bytes]:
        """Return all inputs to begin with."""
        files = sorted(self.folder.glob("*")) if self.folder.is_dir() else []
        return [*self.seeds, *(file.read_bytes() for file in files)]

    def check(self, data: bytes) -> None:
        """Read ``data`` in every way.

        Raises:
            AssertionError: Two ways disagree.
            Exception: Whatever a parser raised that is no ProtocolError.
        """
        first, *others = (reading(data) for reading in self.readings)
        for other in others:
            assert other == first, f"{other!r} is not {first!r}"


def _collect(items: Iterator[Any]) -> Outcome:
    """Run a parser to its end, or to the protocol error that ends it."""
    outcome: Outcome = []
    try:
        outcome.extend(items)
    except ProtocolError as exc:
        outcome.append((exc.reason, exc.code))
    return outcome


# ------------------------------------------------------------------ Engine.IO 4


def _payload(data: bytes) -> Outcome:
    return _collect(v4.decode_payload(data.decode("utf-8", "replace")))


def _payload_packet_by_packet(data: bytes) -> Outcome:
    frames = data.decode("utf-8", "replace").split(v4.SEPARATOR)
    return _collect(map(v4.decode_packet, frames))


def _payload_written_again(data: bytes) -> Outcome:
    outcome = _payload(data)
    packets = [item for item in outcome if isinstance(item, engineio.Packet)]
    if not packets:
        return outcome
    again = _collect(v4.decode_payload(v4.encode_payload(packets)))
    return again + outcome[len(packets) :]


# ------------------------------------------------------------------ Engine.IO 3


def _old_payload(data: bytes) -> Outcome:
    is_binary = data[:1] in (b"", b"\x00", b"\x01")
    return _collect(
        v3.decode_payload(data if is_binary else data.decode("utf-8", "replace"))
    )


def _old_payload_written_again(data: bytes) -> Outcome:
    outcome = _old_payload(data)
    packets = [item for item in outcome if isinstance(item, engineio.Packet)]
    as_text, as_bytes = (
        _collect(v3.decode_payload(v3.encode_payload(packets, binary=binary)))
        for binary in (False, True)
    )
    assert as_text == as_bytes
    return as_text + outcome[len(packets) :]


# ------------------------------------------------------------------ JSONP


def _form(data: bytes) -> Outcome:
    payload = payload_of(data.decode("utf-8", "replace"))
    return ["no payload"] if payload is None else [payload]


def _form_in_the_words_of_the_reference(data: bytes) -> Outcome:
    """Read it in two steps, as Node does."""
    fields = parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True)
    found = [value for name, value in fields if name == "d"]
    if len(found) != 1:
        return ["no payload"]
    text = re.sub(r"(\\)?\\n", lambda m: m[0] if m[1] else "\n", found[0])
    return [text.replace("\\\\n", "\\n")]


def _form_written_again(data: bytes) -> Outcome:
    [payload] = _form(data)
    called = script("0", payload)
    assert called.startswith("___eio[0](")
    assert "\u2028" not in called
    back = json.loads(called[len("___eio[0](") : -2])
    assert back == payload
    return [back]


# ------------------------------------------------------------------ WebTransport


def _stream(data: bytes) -> Outcome:
    return _plain(fed(StreamDecoder(MAX_PAYLOAD), data))


def _stream_byte_by_byte(data: bytes) -> Outcome:
    decoder = StreamDecoder(MAX_PAYLOAD)
    return _plain([item for byte in data for item in decoder.feed(bytes((byte,)))])


def _stream_written_again(data: bytes) -> Outcome:
    outcome = _stream(data)
    packets = [item for item in outcome if isinstance(item, engineio.Packet)]
    again = _stream(b"".join(map(encode_packet, packets)))
    return again + outcome[len(packets) :]


# ------------------------------------------------------------------ Socket.IO


def _frames(data: bytes) -> Iterator[str | bytes]:
    for piece in data.split(SEPARATOR):
        if piece.startswith(b"b"):
            yield piece[1:]
        else:
            yield piece.decode("utf-8", "surrogateescape")


def _packets(data: bytes) -> Outcome:
    decoder = JsonParser().decoder()
    return _collect(map(decoder.feed, _frames(data)))


def _packets_written_again(data: bytes) -> Outcome:
    parser = JsonParser()
    outcome: Outcome = []
    for item in _packets(data):
        outcome.append(item)
        if isinstance(item, Packet) and _comes_back(item):
            decoder = parser.decoder()
            *_, outcome[-1] = map(decoder.feed, parser.encode(item))
    return outcome


def _comes_back(packet: Packet) -> bool:
    """Tell whether a packet that was read is read again when it is written."""
    if packet.type == PacketType.EVENT and not packet.data:
        return False  # it had no payload; we write an empty one
    shown = repr(packet.data)
    # Infinity is written as null; beside attachments, a placeholder is taken for one.
    return "inf" not in shown and "_placeholder" not in shown


# ------------------------------------------------------------------ MessagePack


def _map(data: bytes) -> Outcome:
    try:
        packet = MsgpackParser().decoder().feed(data)
    except ProtocolError:
        return []
    return [_comparable(packet)]


def _map_written_again(data: bytes) -> Outcome:
    try:
        packet = MsgpackParser().decoder().feed(data)
    except ProtocolError:
        return []
    shown = repr(packet)
    if re.search(r"datetime|nan|inf", shown):
        # Dates become text; numbers that are none become nil.
        return [_comparable(packet)]
    [frame] = MsgpackParser().encode(packet)
    return [_comparable(MsgpackParser().decoder().feed(frame))]


def _map_by_our_own_reader(data: bytes) -> Outcome:
    theirs = _map(data)
    try:
        value = read(data)
    except ProtocolError:
        return []
    if not theirs:
        return theirs  # what was read is no packet
    fields = value["type"], value["nsp"], value.get("data"), value.get("id")
    return [_comparable(fields)]


def _comparable(fields: tuple[Any, ...]) -> str:
    # As text, in which NaN is NaN, and an integer no float.
    kind, *others = fields
    return repr([int(kind), *others])


# ------------------------------------------------------------------ WebSocket

MAX_PAYLOAD = 2000


def _reader() -> FrameReader:
    return FrameReader(max_payload=MAX_PAYLOAD, inflate=Inflater())


def _plain(items: list[Any]) -> Outcome:
    errors = [item for item in items if isinstance(item, ProtocolError)]
    return [item for item in items if item not in errors] + [
        (error.reason, error.code) for error in errors
    ]


def _whole(data: bytes) -> Outcome:
    return _plain(fed(_reader(), data))


def _byte_by_byte(data: bytes) -> Outcome:
    reader = _reader()
    return _plain([item for byte in data for item in fed(reader, bytes((byte,)))])


def _into_space(data: bytes) -> Outcome:
    reader = _reader()
    items = []
    at = 0
    while at < len(data):
        space = reader.space
        if space is None:
            items += fed(reader, data[at : at + 13])
            at += 13
        else:
            count = min(len(space), len(data) - at, 700)
            space[:count] = data[at : at + count]
            items += filled(reader, count)
            at += count
    return _plain(items)


_MASK = b"\x01\x02\x03\x04"
_HELLO = bytes.fromhex("f248cdc9c90700")

TARGETS = {
    target.name: target
    for target in (
        Target(
            "engineio_v4",
            (_payload, _payload_packet_by_packet, _payload_written_again),
            words=(b"\x1e", b"4", b"b", b"bAQIDBA==", b"=", b"2probe", "é".encode()),
            seeds=(b"4hello\x1e2\x1e4world", b"4hello\x1ebAQIDBA==", b'0{"sid":"x"}'),
        ),
        Target(
            "engineio_v3",
            (_old_payload, _old_payload_written_again),
            words=(
                b"2:",
                b"3:4",
                b"0:",
                b"6:b4Af8=",
                b"\x00\x02\xff4",
                b"\x01\x02\xff\x04",
                "😀".encode(),
                b"\xed\xa0\x80",
            ),
            seeds=(
                "6:4hello3:4😀1:2".encode(),
                b"\x00\x06\xff4hello\x01\x03\xff\x04\x01\xff",
                b"2:4a6:b4Af8=",
            ),
        ),
        Target(
            "jsonp",
            (_form, _form_in_the_words_of_the_reference, _form_written_again),
            words=(b"d=", b"&", b"%5C", b"\\n", b"\\\\n", b"%0A", b"+", b"%", b"\xff"),
            seeds=(
                b"d=4hello%1e4world",
                b"d=16:420%5B%22a%5Cn%22%5D&x=1",
                b"d=a%5C%5Cnb\\n",
                b"d=%E2%80%A8",
            ),
        ),
        Target(
            "stream",
            (_stream, _stream_byte_by_byte, _stream_written_again),
            words=(b"\x014", b"\x81\x00", b"\x7e\x00", b"\x7f", b"\xff" + bytes(7)),
            seeds=(
                b"\x064hello\x83\x01\x02\x03\x012",
                b"\x7e\x01\x004" + b"a" * 255,
                b"\xff\x00\x00\x00\x00\x00\x00\x00\x02ab",
                b"\x01b",
            ),
        ),
        Target(
            "socketio_json",
            (_packets, _packets_written_again),
            words=(
                SEPARATOR,
                b"51-",
                b"/admin,",
                b'{"_placeholder":true,"num":0}',
                b'["e"]',
                b'"\\ud800"',
                b"12345678901234567",
                b"[",
                b"1e400",
                b"null",
            ),
            seeds=(
                b'2["hello",1]',
                b'2/admin,456["project:delete",123]',
                b'51-["img",{"_placeholder":true,"num":0}]\x1eb\x01\x02',
                b'61-/admin,456[{"_placeholder":true,"num":0}]\x1eb',
                b'0/admin,{"token":"1"}',
                b'4{"message":"no"}',
                b"1",
            ),
        ),
        Target(
            "socketio_msgpack",
            (_map, _map_written_again, _map_by_our_own_reader),
            words=(
                b"\xd4\x00\x00",
                b"\xc7\x01\x00\x00",
                b"\xd7\x00" + bytes(8),
                b"\xd6\xff" + bytes(4),
                b"\xdd\xff\xff\xff\xff",
                b"\xdf\x00\x00\x00\x02",
                b"\x91",
                b"\xc0",
                b"\xcb\x7f\xf8" + bytes(6),
                b"\xa4type",
                b"\xa1\xff",
            ),
            seeds=(
                b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa1e\x01\xc4\x01\x00",
                b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\xd4\x00\x00",
                b"\x84\xa4type\x03\xa3nsp\xa2/a\xa4data\x92\xc7\x08\x00"
                + bytes(8)
                + b"\xd7\x00"
                + bytes(8)
                + b"\xa2id\x05",
                b"\x82\xa4type\x01\xa3nsp\xa1/",
            ),
        ),
        Target(
            "websocket",
            (_whole, _byte_by_byte, _into_space),
            words=(
                b"\x81\x80" + _MASK,
                b"\x01\x81" + _MASK,
                b"\x80\x81" + _MASK,
                b"\x82\xfe\x01\x00",
                b"\x82\xff" + bytes(7) + b"\xff",
                frame(_HELLO, 1, rsv1=True, mask=_MASK),
                frame(b"", 9, mask=_MASK),
            ),
            seeds=(
                frame("hello", mask=_MASK),
                frame("a" * 300, mask=_MASK) + frame(b"p", 9, mask=_MASK),
                frame("a", fin=False, mask=_MASK) + frame("b", 0, mask=_MASK),
                frame(_HELLO, 1, rsv1=True, mask=_MASK),
                frame(b"\x03\xe8", 8, mask=_MASK),
                frame(b"x" * MAX_PAYLOAD, mask=_MASK),
            ),
        ),
    )
}
