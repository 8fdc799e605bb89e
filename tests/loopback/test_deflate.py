"""permessage-deflate on WebSockets."""

from __future__ import annotations

import os
import zlib
from typing import Any

import pytest

import sockio
from sockio.protocol.websocket.frames import BINARY, TEXT
from tests.support.engine import RunningEngine
from tests.support.raw_websocket import RawWebSocket

from .conftest import StartEngine

EXTENSIONS = "Sec-WebSocket-Extensions"
OFFER = "permessage-deflate; client_max_window_bits"
LIMIT = 100_000


def squeeze(data: bytes) -> bytes:
    """Compress one message as a client does."""
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def expand(data: bytes) -> bytes:
    return zlib.decompressobj(-15).decompress(data + b"\0\0\xff\xff")


def connect(engine: RunningEngine, offer: str | None = OFFER) -> RawWebSocket:
    """Open a session, and read its open packet."""
    headers = {} if offer is None else {EXTENSIONS: offer}
    websocket = engine.raw.websocket(headers)
    assert str(websocket.receive()).startswith("0{")
    return websocket


def receive_frame(websocket: RawWebSocket) -> tuple[int, bytes]:
    """Return the first byte and the payload of the next frame, as they came."""
    wire, deadline = websocket.wire, float("inf")
    first, second = wire.take(2, deadline)
    size = second
    if second == 126:
        size = int.from_bytes(wire.take(2, deadline), "big")
    return first, wire.take(size, deadline)


@pytest.fixture
def engine(start_engine: StartEngine) -> RunningEngine:
    return start_engine(per_message_deflate=True, max_http_buffer_size=LIMIT)


# ------------------------------------------------------------------ negotiation


@pytest.mark.parametrize("option", [False, None])
def test_compression_is_off_by_default(start_engine: StartEngine, option: Any) -> None:
    websocket = connect(start_engine(per_message_deflate=option))

    assert EXTENSIONS.lower() not in websocket.answer.headers


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (OFFER, "permessage-deflate"),
        ("permessage-deflate", "permessage-deflate"),
        ("x-other, permessage-deflate; server_max_window_bits=10", "bits=10"),
        ("x-webkit-deflate-frame", None),
        ("permessage-deflate; unknown=1", None),
        ("; ,;=", None),
        (None, None),
    ],
)
def test_compression_is_agreed_on_where_the_client_offers_it(
    engine: RunningEngine, offer: str | None, answer: str | None
) -> None:
    websocket = connect(engine, offer)

    found = websocket.answer.headers.get(EXTENSIONS.lower())

    assert (found is None) == (answer is None)
    assert answer is None or answer in str(found)
    websocket.send("4hello")
    assert engine.messages == ["hello"]


# Without it, a compressed frame is a violation
def test_a_compressed_frame_needs_an_agreement(engine: RunningEngine) -> None:
    websocket = connect(engine, None)

    websocket.send_frame(squeeze(b"4hello"), TEXT, rsv1=True)

    assert websocket.wait_closed().code == 1002


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    ("payload", "opcode", "message"),
    [
        ("4héllo".encode(), TEXT, "héllo"),
        (b"\0" * 50_000, BINARY, b"\0" * 50_000),
        (b"", BINARY, b""),
    ],
)
def test_compressed_messages_arrive(
    engine: RunningEngine, payload: bytes, opcode: int, message: str | bytes
) -> None:
    websocket = connect(engine)

    websocket.send_frame(squeeze(payload), opcode, rsv1=True)
    websocket.send("4plain")

    assert engine.messages == [message, "plain"]


def test_a_compressed_message_may_come_in_fragments(engine: RunningEngine) -> None:
    websocket = connect(engine)
    packed = squeeze(b"4in three pieces")

    websocket.send_frame(packed[:4], TEXT, rsv1=True, fin=False)
    websocket.send_frame(packed[4:9], 0, fin=False)
    websocket.send_frame(packed[9:], 0)

    assert engine.messages == ["in three pieces"]


# The threshold is 1024 by default; the compress flag counts, too
@pytest.mark.parametrize(
    ("option", "length", "compress", "packed"),
    [
        (True, 1022, True, False),
        (True, 1023, True, True),
        (True, 5000, False, False),
        (sockio.Deflate(threshold=200), 199, True, True),
        (sockio.Deflate(threshold=200), 198, True, False),
    ],
)
def test_long_messages_leave_compressed(
    start_engine: StartEngine, option: Any, length: int, compress: bool, packed: bool
) -> None:
    engine = start_engine(per_message_deflate=option)
    websocket = connect(engine)

    engine.session.send("x" * length, compress=compress)

    first, payload = receive_frame(websocket)
    assert first == (0xC1 if packed else 0x81)
    assert (expand(payload) if packed else payload) == b"4" + b"x" * length


def test_long_binary_messages_leave_compressed(engine: RunningEngine) -> None:
    websocket = connect(engine)

    engine.session.send(bytes(5000))

    first, payload = receive_frame(websocket)
    assert first == 0xC2
    assert expand(payload) == bytes(5000)


# Each message stands for itself, so that a broadcast may be packed once
def test_messages_do_not_refer_to_those_before(engine: RunningEngine) -> None:
    websocket = connect(engine)

    for _ in range(3):
        engine.session.send("x" * 2000)

    for _ in range(3):
        assert expand(receive_frame(websocket)[1]) == b"4" + b"x" * 2000


# ------------------------------------------------------------------ bombs


@pytest.mark.parametrize("size", [LIMIT + 1, 500 * LIMIT])
def test_a_message_that_inflates_beyond_the_limit_ends_the_session(
    engine: RunningEngine, size: int
) -> None:
    websocket = connect(engine)

    websocket.send_frame(squeeze(bytes(size)), BINARY, rsv1=True)

    assert websocket.wait_closed().code == 1009
    assert engine.closes == [("transport error", "Max payload size exceeded")]
    assert engine.messages == []


def test_a_message_that_inflates_to_the_limit_arrives(engine: RunningEngine) -> None:
    websocket = connect(engine)

    websocket.send_frame(squeeze(bytes(LIMIT)), BINARY, rsv1=True)

    assert engine.messages == [bytes(LIMIT)]


def test_a_bomb_in_fragments_ends_the_session(engine: RunningEngine) -> None:
    websocket = connect(engine)
    packed = squeeze(bytes(100 * LIMIT))
    half = len(packed) // 2

    websocket.send_frame(packed[:half], BINARY, rsv1=True, fin=False)
    websocket.send_frame(packed[half:], 0)

    assert websocket.wait_closed().code == 1009


def test_a_message_that_is_no_deflated_data_ends_the_session(
    engine: RunningEngine,
) -> None:
    websocket = connect(engine)

    websocket.send_frame(b"\xff" * 10 + os.urandom(20), BINARY, rsv1=True)

    assert websocket.wait_closed().code == 1007
    assert engine.closes[0][0] == "transport error"


# RFC 7692 6: control frames are never compressed
def test_a_compressed_ping_ends_the_session(engine: RunningEngine) -> None:
    websocket = connect(engine)

    websocket.send_frame(b"", 9, rsv1=True)

    assert websocket.wait_closed().code == 1002


def test_a_session_that_moves_is_compressed_as_well(engine: RunningEngine) -> None:
    session = engine.raw.open_session()
    websocket = session.websocket({EXTENSIONS: OFFER})
    websocket.send("2probe")
    assert websocket.receive() == "3probe"
    websocket.send("5")
    engine.clock.settle()

    engine.session.send("x" * 5000)

    first, payload = receive_frame(websocket)
    assert first == 0xC1
    assert expand(payload) == b"4" + b"x" * 5000
