from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.websocket.deflate import Inflater
from sockio.protocol.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Control,
    FrameReader,
    Item,
    frame,
)

MASK = b"\x37\xfa\x21\x3d"
LIMIT = 1_000_000


def reader(limit: int = LIMIT, *, masked: bool = True) -> FrameReader:
    return FrameReader(max_payload=limit, masked=masked)


def masked(
    payload: str | bytes, opcode: int | None = None, *, fin: bool = True
) -> bytes:
    return frame(payload, opcode, mask=MASK, fin=fin)


def violation(items: list[Item]) -> tuple[str, int | None]:
    error = items[-1]
    assert isinstance(error, ProtocolError)
    return error.reason, error.code


# ------------------------------------------------------------------ RFC 6455, 5.7


@pytest.mark.parametrize(
    ("wire", "item"),
    [
        ("8105 48656c6c6f", "Hello"),
        ("0103 48656c 8002 6c6f", "Hello"),
        ("8905 48656c6c6f", Control(PING, b"Hello")),
        ("827e0100" + "ab" * 256, b"\xab" * 256),
        ("827f0000000000010000" + "ab" * 65536, b"\xab" * 65536),
    ],
)
def test_unmasked_examples_of_the_rfc(wire: str, item: Item) -> None:
    assert reader(masked=False).feed(bytes.fromhex(wire)) == [item]


@pytest.mark.parametrize(
    ("wire", "item"),
    [
        ("8185 37fa213d 7f9f4d5158", "Hello"),
        ("8a85 37fa213d 7f9f4d5158", Control(PONG, b"Hello")),
    ],
)
def test_masked_examples_of_the_rfc(wire: str, item: Item) -> None:
    assert reader().feed(bytes.fromhex(wire)) == [item]


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize("size", [0, 1, 125, 126, 4090, 4097, 65535, 65536, 200_000])
@pytest.mark.parametrize("piece", [1000, 70_000, LIMIT])
def test_messages_of_every_size_arrive_in_pieces(size: int, piece: int) -> None:
    message = bytes(n % 251 for n in range(size))
    wire = masked(message) + masked("behind")
    frames = reader()

    items = [
        item
        for at in range(0, len(wire), piece)
        for item in frames.feed(wire[at : at + piece])
    ]

    assert items == [message, "behind"]


def test_bytes_may_come_one_by_one() -> None:
    wire = masked("é" * 100) + masked("b", PING) + masked("c")
    frames = reader()

    items = [item for byte in wire for item in frames.feed(bytes((byte,)))]

    assert items == ["é" * 100, Control(PING, b"b"), "c"]


def test_many_messages_may_come_at_once() -> None:
    wire = masked("a") + masked("b" * 500) + masked(b"c") + masked("d")

    assert reader().feed(wire) == ["a", "b" * 500, b"c", "d"]


def test_nothing_gives_nothing() -> None:
    assert reader().feed(b"") == []


@pytest.mark.parametrize("is_masked", [True, False])
def test_the_rest_of_a_large_frame_goes_into_space(is_masked: bool) -> None:
    message = bytes(n % 251 for n in range(300_000))
    wire = masked(message) if is_masked else frame(message)
    frames = reader(masked=is_masked)
    items = frames.feed(wire[:100])
    at = 100

    while frames.space is not None:
        count = min(len(frames.space), 50_000)
        frames.space[:count] = wire[at : at + count]
        at += count
        items += frames.filled(count)

    assert at == len(wire)
    assert items == [message]
    quick = masked("x") if is_masked else frame("x")
    assert frames.feed(quick) == ["x"]


@pytest.mark.parametrize("size", [10, 3000, 5000, 200_000])
@pytest.mark.parametrize("fragments", [1, 2])
def test_bytes_of_a_message_that_is_not_whole_are_counted(
    size: int, fragments: int
) -> None:
    frames = reader()
    parts = [b"x" * size] * fragments
    wire = masked(parts[0], fin=fragments == 1)
    if fragments == 2:
        wire += masked(parts[1], CONTINUATION)

    items: list[Item] = []
    for at in range(1, len(wire) + 1):
        if (space := frames.space) is not None:
            space[:1] = wire[at - 1 : at]
            items += frames.filled(1)
        else:
            items += frames.feed(wire[at - 1 : at])
        if at < len(wire) and (at % 997 == 0 or at < 10):
            # The headers may be counted or not.
            assert at - 28 <= frames.unfinished <= at

    assert items == [b"x" * size * fragments]
    assert frames.unfinished == 0


def test_nothing_is_unfinished_behind_a_whole_message() -> None:
    frames = reader()

    assert len(frames.feed(masked("a") + masked("b" * 5000))) == 2

    assert frames.unfinished == 0


def test_a_header_alone_reserves_little_memory() -> None:
    frames = reader(limit=1 << 30)

    frames.feed(b"\x82\xff" + (1 << 30).to_bytes(8, "big") + MASK)

    assert frames.space is not None
    assert len(frames.space) <= 1 << 16


def test_small_frames_need_no_space() -> None:
    frames = reader()

    frames.feed(masked("x" * 4000)[:-1])

    assert frames.space is None


def test_fragments_are_joined_around_control_frames() -> None:
    frames = reader()
    wire = (
        masked("a", TEXT, fin=False)
        + masked(b"p", PING)
        + masked(b"b", CONTINUATION, fin=False)
        + masked(b"c", CONTINUATION)
        + masked("next")
    )

    assert frames.feed(wire) == [Control(PING, b"p"), "abc", "next"]


def test_a_character_may_be_divided_between_fragments() -> None:
    euro = "€".encode()
    frames = reader()

    items = frames.feed(masked(euro[:1], TEXT, fin=False))
    items += frames.feed(masked(euro[1:], CONTINUATION))

    assert items == ["€"]


def test_fragments_of_bytes_make_bytes() -> None:
    frames = reader()

    items = frames.feed(masked(b"a", BINARY, fin=False) + masked(b"b", CONTINUATION))

    assert items == [b"ab"]
    assert type(items[0]) is bytes


def test_compressed_messages_are_inflated_fragments_too() -> None:
    frames = FrameReader(max_payload=100, masked=False, inflate=Inflater())
    # RFC 7692, 7.2.3.1.
    whole = bytes.fromhex("c107f248cdc9c90700")
    parts = bytes.fromhex("4103f248cd 8004c9c90700")

    assert frames.feed(whole + parts + frame("plain")) == ["Hello", "Hello", "plain"]


def test_nothing_is_read_behind_a_close_frame() -> None:
    frames = reader()

    items = frames.feed(masked("a") + masked(b"\x03\xe8", CLOSE) + masked("b"))

    assert items == ["a", Control(CLOSE, b"\x03\xe8")]
    assert frames.feed(masked("c")) == []
    assert frames.feed(masked("c" * 500)) == []


# ------------------------------------------------------------------ violations


@pytest.mark.parametrize(
    ("wire", "reason", "code"),
    [
        (b"\x83\x80" + MASK, "unknown opcode 3", 1002),
        (b"\x8b\x80" + MASK, "unknown opcode 11", 1002),
        (b"\xa1\x80" + MASK, "reserved bits are set", 1002),
        (b"\xc1\x80" + MASK, "reserved bit 1 is set", 1002),
        (frame("a"), "the frame is not masked", 1002),
        (b"\x09\x80" + MASK, "a control frame is too long or in pieces", 1002),
        (b"\x89\xfe", "a control frame is too long or in pieces", 1002),
        (masked(b"a", CONTINUATION), "fragments are out of order", 1002),
        (masked("a", fin=False) + masked("b"), "fragments are out of order", 1002),
        (masked(b"\xff", TEXT), "invalid UTF-8", 1007),
        (masked(b"\xed\xa0\x80", TEXT), "invalid UTF-8", 1007),
        (masked(b"\xff" * 500, TEXT), "invalid UTF-8", 1007),
        (b"\x82\xfe\x03\xe9", "Max payload size exceeded", 1009),
        (b"\x82\xff" + b"\xff" * 8, "Max payload size exceeded", 1009),
    ],
)
def test_a_violation_ends_the_reading(wire: bytes, reason: str, code: int) -> None:
    frames = reader(limit=1000)

    items = frames.feed(masked("before") + wire + masked("behind"))

    assert items[0] == "before"
    assert violation(items) == (reason, code)
    assert frames.feed(masked("later")) == []
    assert frames.filled(0) == []


def test_the_only_frame_of_a_read_may_be_the_wrong_one() -> None:
    assert violation(reader().feed(masked(b"\xff", TEXT))) == ("invalid UTF-8", 1007)


def test_a_server_must_not_mask() -> None:
    items = reader(masked=False).feed(masked("a"))

    assert violation(items) == ("the frame is masked", 1002)


@pytest.mark.parametrize("opcode", [CONTINUATION, PING])
def test_only_the_start_of_a_message_says_that_it_is_compressed(opcode: int) -> None:
    frames = FrameReader(max_payload=100, inflate=Inflater())
    start = masked("a", fin=False) if opcode == CONTINUATION else b""

    items = frames.feed(start + frame(b"a", opcode, rsv1=True, mask=MASK))

    assert violation(items) == ("reserved bit 1 is set", 1002)


def test_the_limit_is_exact() -> None:
    assert reader(limit=50).feed(masked("a" * 50)) == ["a" * 50]
    assert violation(reader(limit=50).feed(masked("a" * 51)))[1] == 1009
    assert reader(limit=500).feed(masked("a" * 500)) == ["a" * 500]
    assert violation(reader(limit=500).feed(masked("a" * 501)))[1] == 1009


def test_the_limit_counts_all_fragments() -> None:
    part = masked(b"a" * 40, CONTINUATION, fin=False)

    items = reader(limit=100).feed(masked("a" * 40, fin=False) + part + part)

    assert violation(items) == ("Max payload size exceeded", 1009)


def test_control_frames_do_not_count_against_the_limit() -> None:
    ping = Control(PING, b"x" * 125)

    assert reader(limit=10).feed(masked(ping.payload, PING)) == [ping]


def test_the_limit_counts_inflated_bytes() -> None:
    frames = FrameReader(max_payload=4, masked=False, inflate=Inflater())
    hello = bytes.fromhex("c107f248cdc9c90700")

    assert violation(frames.feed(hello)) == ("Max payload size exceeded", 1009)


def test_a_large_frame_of_bad_text_is_refused_when_it_is_full() -> None:
    frames = reader()
    wire = masked(b"\xff" * 100_000, TEXT)

    items = frames.feed(wire[:10]) + frames.feed(wire[10:])

    assert violation(items) == ("invalid UTF-8", 1007)
    assert frames.space is None


# ------------------------------------------------------------------ writing


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, "8200"),
        (125, "827d"),
        (126, "827e007e"),
        (65535, "827effff"),
        (65536, "827f0000000000010000"),
    ],
)
def test_headers_are_as_short_as_they_can_be(size: int, header: str) -> None:
    assert frame(bytes(size)) == bytes.fromhex(header) + bytes(size)


def test_text_is_utf8() -> None:
    assert frame("€") == b"\x81\x03\xe2\x82\xac"
    assert frame("€" * 50)[:4] == b"\x81\x7e\x00\x96"


def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    assert frame("a\ud800b") == frame("a\ufffdb")


def test_frames_of_other_kinds() -> None:
    assert frame(b"p", PONG) == b"\x8a\x01p"
    assert frame("a", fin=False) == b"\x01\x01a"
    assert frame("a", CONTINUATION) == b"\x80\x01a"
    assert frame("a", rsv1=True) == b"\xc1\x01a"
    assert frame("Hello", mask=MASK).hex() == "818537fa213d7f9f4d5158"
