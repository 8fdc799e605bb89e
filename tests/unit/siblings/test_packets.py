from __future__ import annotations

import pytest

from sockio.errors import EncodeError, ProtocolError
from sockio.siblings import packets
from sockio.siblings.link import PACKET
from sockio.siblings.packets import ASKED, HERE, LARGEST, Reader, count, join, pack


def test_short_messages_share_a_packet() -> None:
    packed = [pack(b"one"), pack(b""), pack(b"three")]

    packet = join([each for each in packed if isinstance(each, bytes)], asks=False)

    assert Reader().read(packet) == ([b"one", b"", b"three"], False)
    assert count([packet]) == 3


def test_a_packet_may_ask_for_an_answer() -> None:
    assert Reader().read(join([b"\0\0\0\1x"], asks=True)) == ([b"x"], True)
    assert Reader().read(ASKED) == ([], True)


@pytest.mark.parametrize("size", [PACKET - 5, PACKET - 4, PACKET, 2 * PACKET - 2])
def test_a_long_message_is_cut(size: int) -> None:
    message = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    reader = Reader()

    packed = pack(message)

    parts = packed if isinstance(packed, tuple) else (join([packed], asks=False),)
    assert max(map(len, parts)) <= PACKET
    assert count(parts) == 1
    found = [message for part in parts for message in reader.read(part)[0]]
    assert found == [message]
    assert reader.read(join([b"\0\0\0\1x"], asks=False)) == ([b"x"], False)


def test_a_message_that_is_too_long_is_an_error_of_who_says_it() -> None:
    with pytest.raises(EncodeError, match="siblings take at most"):
        pack(bytes(LARGEST + 1))


@pytest.mark.parametrize(
    "sent",
    [
        [HERE],
        [b"\x04"],
        [b"\x7f"],
        [b"\0\0"],
        [b"\0\0\0\0\5four"],
        [b"\0\xff\xff\xff\xff"],
        [b"\1part", b"\0\0\0\0\1x"],
        [b"\1part", HERE],
    ],
)
def test_what_no_sibling_sends_is_an_error(sent: list[bytes]) -> None:
    reader = Reader()
    for packet in sent[:-1]:
        reader.read(packet)

    with pytest.raises(ProtocolError):
        reader.read(sent[-1])


def test_a_message_without_an_end_is_an_error() -> None:
    reader = Reader()
    part = b"\1" + bytes(1 << 20)
    for _ in range(LARGEST >> 20):
        reader.read(part)

    with pytest.raises(ProtocolError, match="a message of more than"):
        reader.read(part)


def test_the_kinds_are_those_of_this_release() -> None:
    # Who changes them has to change the kind of the links, too.
    assert (packets.HERE, packets.ASKED) == (b"\3", b"\x80")
    assert join([b"\0\0\0\1x"], asks=False) == b"\0\0\0\0\1x"
