from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import example, given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.websocket.closing import close_frame, parse_close
from sockio.protocol.websocket.deflate import Deflate, Inflater, negotiate
from sockio.protocol.websocket.frames import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Control,
    FrameReader,
    Item,
    frame,
)
from tests.support.reading import fed, filled
from tests.support.strategies import cut, divisions

LIMIT = 20_000
MASK = b"\x12\x00\xff\x80"

long_texts = st.builds(lambda text, times: text * times, st.text(), st.integers(1, 300))
long_bytes = st.builds(
    lambda data, times: data * times, st.binary(), st.integers(1, 300)
)
messages = (long_texts | long_bytes).filter(
    lambda m: len(m.encode() if isinstance(m, str) else m) <= LIMIT
)
controls = st.builds(Control, st.sampled_from([PING, PONG]), st.binary(max_size=125))


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Item]]:
    """Draw bytes, and the items that a reader must make of them."""
    masked = b""
    items: list[Item] = draw(st.lists(messages | controls, max_size=6))
    for item in items:
        if isinstance(item, Control):
            masked += frame(item.payload, item.opcode, mask=MASK)
            continue
        assert isinstance(item, (str, bytes))
        data = item.encode() if isinstance(item, str) else item
        opcode = TEXT if isinstance(item, str) else BINARY
        sizes = draw(divisions) if draw(st.booleans()) else [LIMIT]
        *parts, last = cut(data, sizes) or [data]
        for part in parts:
            masked += frame(part, opcode, mask=MASK, fin=False)
            opcode = CONTINUATION
        masked += frame(last, opcode, mask=MASK)
    return masked, items


def read(reader: FrameReader, pieces: list[bytes]) -> list[Item]:
    return [item for piece in pieces for item in fed(reader, piece)]


def receive(reader: FrameReader, data: bytes) -> list[Item]:
    """Read as a stream does: into ``space`` if there is one."""
    items: list[Item] = []
    at = 0
    while at < len(data):
        space = reader.space
        if space is None:
            items += fed(reader, data[at : at + 100])
            at += 100
        else:
            count = min(len(space), len(data) - at, 3000)
            space[:count] = data[at : at + count]
            items += filled(reader, count)
            at += count
    return items


@contextmanager
def only_codes(*codes: int) -> Iterator[None]:
    """Let protocol errors of these codes pass."""
    try:
        yield
    except ProtocolError as exc:
        if exc.code not in codes:
            raise


def plain(items: list[Item]) -> list[object]:
    return [
        (item.reason, item.code) if isinstance(item, ProtocolError) else item
        for item in items
    ]


@given(streams(), divisions)
def test_messages_come_back_however_they_are_divided(
    stream: tuple[bytes, list[Item]], sizes: list[int]
) -> None:
    data, items = stream

    assert read(FrameReader(max_payload=LIMIT), cut(data, sizes)) == items
    assert receive(FrameReader(max_payload=LIMIT), data) == items


#: Bytes that are frames more often than random ones.
noise = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.builds(
            lambda first, length, rest: bytes((first, 0x80 | length)) + rest,
            st.sampled_from([0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0xC1, 0xF1]),
            st.integers(0, 127),
            st.binary(max_size=140),
        ),
        messages.map(lambda message: frame(message, mask=MASK)),
    ),
    max_size=8,
).map(b"".join)


@given(noise, divisions)
@example(b"\x81\x81\x00\x00\x00\x00\xff", [1])
def test_any_bytes_give_items_and_division_does_not_matter(
    data: bytes, sizes: list[int]
) -> None:
    whole = fed(FrameReader(max_payload=1000, inflate=Inflater()), data)
    reader = FrameReader(max_payload=1000, inflate=Inflater())

    pieces = read(reader, cut(data, sizes))

    assert plain(pieces) == plain(whole)
    errors = [item for item in whole if isinstance(item, ProtocolError)]
    assert errors == whole[len(whole) - len(errors) :]
    assert len(errors) <= 1
    assert all(error.code in (1002, 1007, 1009) for error in errors)


@given(noise)
def test_no_message_is_longer_than_the_limit(data: bytes) -> None:
    for item in fed(FrameReader(max_payload=30, inflate=Inflater()), data):
        if isinstance(item, (str, bytes)):
            assert len(item.encode() if isinstance(item, str) else item) <= 30


@given(st.integers(1000, 1003) | st.integers(3000, 4999), st.text(max_size=200))
def test_a_close_frame_comes_back(code: int, reason: str) -> None:
    wire = close_frame(code, reason)

    assert len(wire) <= 127
    got_code, got_reason = parse_close(wire[2:])
    assert got_code == code
    assert reason.startswith(got_reason)


@given(st.binary(max_size=125))
def test_any_close_payload_is_read_or_refused(payload: bytes) -> None:
    with only_codes(1002, 1007):
        code, _ = parse_close(payload)
        assert (code is None) is (payload == b"")


@given(st.lists(messages, max_size=5), st.booleans(), st.integers(9, 15))
def test_compressed_messages_come_back(
    sent: list[str | bytes], alone: bool, bits: int
) -> None:
    options = Deflate(
        threshold=0,
        server_no_context_takeover=alone,
        client_no_context_takeover=alone,
        server_max_window_bits=bits,
    )
    agreed = negotiate("permessage-deflate", options)
    assert agreed is not None
    deflater = agreed.deflate()
    # The other side's window is ours.
    inflate = Inflater(agreed.server_max_window_bits, takeover=not alone)
    reader = FrameReader(max_payload=LIMIT, masked=False, inflate=inflate)

    items = [item for message in sent for item in reader.feed(deflater.frame(message))]

    assert items == sent


@given(st.binary(max_size=300), st.integers(1, 1000))
def test_any_bytes_are_inflated_within_the_limit_or_refused(
    data: bytes, limit: int
) -> None:
    with only_codes(1007, 1009):
        assert len(Inflater().message(data, limit)) <= limit


@given(st.text(st.sampled_from('permessage-deflate;,= "08915_client_max_window_bits')))
def test_any_offer_is_agreed_on_or_declined(offer: str) -> None:
    agreed = negotiate(offer, Deflate())

    assert agreed is None or agreed.header.startswith("permessage-deflate")
