from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.engineio import stream
from sockio.protocol.engineio.packet import Packet, PacketType

MESSAGE = PacketType.MESSAGE
LIMIT = 100_000


def read(*pieces: bytes, limit: int = LIMIT) -> list[Packet | str]:
    """Feed pieces to a new decoder; return packets, and errors by their reason."""
    decoder = stream.StreamDecoder(limit)
    items = [item for piece in pieces for item in decoder.feed(piece)]
    return [item.reason if isinstance(item, ProtocolError) else item for item in items]


@pytest.mark.parametrize(
    ("packet", "data"),
    [
        (Packet(PacketType.OPEN), b"\x010"),
        (Packet(MESSAGE, "é"), b"\x034\xc3\xa9"),
        (Packet(MESSAGE, b"\x01\x02\x03"), b"\x83\x01\x02\x03"),
        (Packet(MESSAGE, b"x" * 125), b"\xfd" + b"x" * 125),
        (Packet(MESSAGE, "x" * 125), b"\x7e\x00\x7e4" + b"x" * 125),
        (Packet(MESSAGE, b"x" * 65535), b"\xfe\xff\xff" + b"x" * 65535),
        (
            Packet(MESSAGE, b"x" * 65536),
            b"\xff\x00\x00\x00\x00\x00\x01\x00\x00" + b"x" * 65536,
        ),
        (Packet(MESSAGE, b""), b"\x01b"),
    ],
)
def test_packets_and_their_bytes(packet: Packet, data: bytes) -> None:
    assert stream.encode_packet(packet) == data
    assert read(data) == [packet]


def test_packets_come_in_one_piece() -> None:
    packets = [Packet(MESSAGE, "a"), Packet(MESSAGE, b"b"), Packet(PacketType.PONG)]

    assert read(b"".join(map(stream.encode_packet, packets))) == packets


def test_packets_come_byte_by_byte() -> None:
    packets = [Packet(MESSAGE, b"x" * 70_000), Packet(MESSAGE, "y" * 200)]
    data = b"".join(map(stream.encode_packet, packets))

    assert read(*(data[i : i + 1] for i in range(len(data)))) == packets


def test_bytes_of_a_packet_that_is_not_whole_are_counted() -> None:
    data = stream.encode_packet(Packet(MESSAGE, b"x" * 1000))
    decoder = stream.StreamDecoder(LIMIT)

    counts = []
    for at in range(0, 2 * len(data), 401):
        decoder.feed((data + data)[at : at + 401])
        counts.append(decoder.unfinished)

    assert counts == [401, 802, 1203 - len(data), 1604 - len(data), 2005 - len(data), 0]


def test_nothing_comes_of_nothing() -> None:
    assert read(b"", b"") == []


def test_what_is_fed_may_be_any_buffer() -> None:
    [packet] = read(memoryview(b"\x81\x01"))  # type: ignore[arg-type]

    assert packet == Packet(MESSAGE, b"\x01")


OUT_OF_RANGE = "the length of a packet is out of range"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x00", OUT_OF_RANGE),
        (b"\x80", OUT_OF_RANGE),
        (b"\x7e\x00\x00", OUT_OF_RANGE),
        (b"\x0b", OUT_OF_RANGE),
        (b"\x7e\x00\x0b", OUT_OF_RANGE),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", OUT_OF_RANGE),
        (b"\x017", "unknown packet type '7'"),
        (b"\x024\xff", "the packet is not UTF-8"),
    ],
)
def test_violations_come_last(data: bytes, reason: str) -> None:
    before = Packet(PacketType.PING)

    assert read(b"\x012" + data + b"\x012", b"\x012", limit=10) == [before, reason]


def test_a_length_is_judged_before_its_packet_comes() -> None:
    assert read(b"\x7e\x00", b"\x0b", limit=10) == [OUT_OF_RANGE]


def test_the_longest_packet() -> None:
    assert read(b"\x8a" + b"x" * 10, limit=10) == [Packet(MESSAGE, b"x" * 10)]
