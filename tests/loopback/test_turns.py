"""Turns: a client with much to parse does not keep the loop from the others."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.protocol.websocket.frames import TEXT, frame
from sockio.runtime.clock import Clock
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Heard, Served

from .conftest import Serve

#: Messages of a flood: many times what a turn can parse.
MANY = 30_000


class FastClock(Clock):
    """A clock that runs thirty times as fast, as if the machine were that much slower.

    Otherwise compiled code would parse a flood in a turn or two; and a flood that takes
    longer would come in so many parts that nobody could tell turns from parts.
    """

    def now(self) -> float:
        return time.monotonic() * 30


def masked(text: str) -> bytes:
    return frame(text, mask=os.urandom(4))


def while_flooded(served: Served, flood: Callable[[], Any]) -> int:
    """Return how many echoes another client gets while ``flood`` is being handled.

    Blocks:
        Until it is.
    """
    other, socket = served.connect()
    socket.on("echo", lambda: None)
    flooding = gevent.spawn(flood)
    echoes = 0
    while not flooding.ready():
        other.send('420["echo"]')
        assert other.receive_message() == "430[]"
        echoes += 1
    flooding.get()
    return echoes


def post(session: PollingSession, packets: list[str]) -> Callable[[], None]:
    body = "\x1e".join(packets)

    def send() -> None:
        assert session.post(body).status == 200

    return send


@pytest.mark.parametrize("way", ["direct", "WSGI"])
def test_a_post_of_many_packets(serve: Serve, way: str) -> None:
    served = serve(clock=FastClock(), max_http_buffer_size=10_000_000)
    if way == "WSGI":
        served.engine.on("headers", lambda headers, request: None)
    session, socket = served.poll()
    heard = Heard()
    socket.on("a", heard)
    packets = [f'42["a",{number}]' for number in range(MANY)]

    assert while_flooded(served, post(session, packets)) >= 10

    assert [heard.next() for _ in range(MANY)] == [(n,) for n in range(MANY)]


def test_a_post_of_many_connects(serve: Serve) -> None:
    served = serve(clock=FastClock(), max_http_buffer_size=10_000_000)
    session = served.raw.open_session()
    packets = [f"40/{number}," for number in range(MANY)]

    assert while_flooded(served, post(session, packets)) >= 20


def test_a_post_of_many_old_pings(serve: Serve) -> None:
    served = serve(
        clock=FastClock(),
        max_http_buffer_size=10_000_000,
        allow_eio3=True,
        buffer=None,
    )
    session = served.raw.open_session(EIO=3)

    assert while_flooded(served, lambda: session.post("1:2" * MANY)) >= 10


def through(websocket: RawWebSocket, heard: Heard, data: bytes) -> Callable[[], None]:
    def send() -> None:
        websocket.send_bytes(data)
        assert heard.next(60) == ("last",)

    return send


@pytest.mark.parametrize("fill", ["events", "pings", "pieces"])
def test_many_frames(serve: Serve, fill: str) -> None:
    served = serve(clock=FastClock())
    websocket, socket = served.connect()
    heard = Heard()
    socket.on("last", lambda: heard("last"))
    socket.on("a", lambda: None)
    if fill == "events":
        data = masked('42["a"]') * 10_000  # two or three reads
    elif fill == "pings":
        data = frame(b"", 9, mask=b"abcd") * MANY
    else:
        empty = frame(b"", 0, mask=b"abcd", fin=False) * MANY
        start = frame(b'42["a"', TEXT, mask=b"abcd", fin=False)
        data = start + empty + frame(b"]", 0, mask=b"abcd")

    flood = through(websocket, heard, data + masked('42["last"]'))

    assert while_flooded(served, flood) >= 5


def test_a_message_that_takes_long_to_inflate(serve: Serve) -> None:
    # Each block describes a code and holds no data.
    served = serve(clock=FastClock(), per_message_deflate=True)
    websocket = served.raw.websocket({"Sec-WebSocket-Extensions": "permessage-deflate"})
    websocket.receive()
    websocket.send("40")
    websocket.receive_message()
    socket = served.newest()
    heard = Heard()
    socket.on("last", lambda: heard("last"))
    block = empty_dynamic_block()
    text = zlib.compressobj(wbits=-15)
    message = text.compress(b'42["last"]') + text.flush(zlib.Z_SYNC_FLUSH)
    deflated = block * (900_000 // len(block)) + message[:-4]

    flood = through(websocket, heard, frame(deflated, TEXT, mask=b"abcd", rsv1=True))

    assert while_flooded(served, flood) >= 10


def empty_dynamic_block() -> bytes:
    """Return a block with Huffman codes of its own and no data, in whole bytes."""
    bits: list[int] = []

    def put(value: int, count: int) -> None:
        bits.extend(value >> place & 1 for place in range(count))

    put(0, 1)  # not the last block
    put(2, 2)  # with codes of its own
    put(29, 5)  # 286 codes for literals and lengths
    put(29, 5)  # 30 codes for distances
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
    codes = {4: (0, 0), 5: (0, 1), 8: (1, 0), 9: (1, 1)}
    put(len(order) - 4, 4)
    for symbol in order:
        put(2 if symbol in codes else 0, 3)
    literals = [8] * 226 + [9] * 60
    for length in literals + [5] * 28 + [4] * 2:
        bits.extend(codes[length])
    code = _code_of(literals, 256)
    bits.extend(code)  # the end of the block
    put(0, 3)  # a stored block, which begins with a whole byte
    bits.extend([0] * (-len(bits) % 8))
    whole = bytes(
        sum(bit << place for place, bit in enumerate(bits[at : at + 8]))
        for at in range(0, len(bits), 8)
    )
    return whole + b"\x00\x00\xff\xff"


def _code_of(lengths: list[int], symbol: int) -> list[int]:
    """Return the bits of a symbol in the canonical Huffman code of these lengths."""
    code = 0
    for size in range(1, 16):
        code <<= 1
        for each, length in enumerate(lengths):
            if length == size:
                if each == symbol:
                    return [code >> place & 1 for place in reversed(range(size))]
                code += 1
    raise AssertionError("it has no code")


def test_the_upgrade_comes_behind_what_was_posted(serve: Serve) -> None:
    served = serve(clock=FastClock(), max_http_buffer_size=10_000_000)
    session, socket = served.poll()
    heard = Heard()
    socket.on("a", heard)
    websocket = session.websocket()
    websocket.send("2probe")
    assert websocket.receive() == "3probe"

    body = "\x1e".join(f'42["a",{number}]' for number in range(MANY))
    posting = gevent.spawn(session.post, body)
    assert heard.next() == (0,)
    websocket.send("5")
    websocket.send(f'42["a",{MANY}]')

    assert [heard.next() for _ in range(MANY)] == [(n + 1,) for n in range(MANY)]
    assert posting.get(timeout=10).status == 200


def test_the_end_comes_behind_what_was_sent(serve: Serve) -> None:
    served = serve(clock=FastClock())
    websocket, socket = served.connect()
    heard = Heard()
    socket.on("a", heard)
    socket.on("disconnect", lambda: heard("gone"))

    websocket.send_bytes(
        b"".join(masked(f'42["a",{number}]') for number in range(MANY))
    )
    websocket.cut()

    assert [heard.next() for _ in range(MANY)] == [(n,) for n in range(MANY)]
    assert heard.next() == ("gone",)


def test_a_handler_that_computes_lets_others_run(served: Served) -> None:
    # Each takes a millisecond; together they would hold the loop for half a second.
    websocket, socket = served.connect()
    heard = Heard()
    socket.on("last", lambda: heard("last"))

    @socket.on("a")
    def compute() -> None:
        sum(range(50_000))

    flood = through(websocket, heard, masked('42["a"]') * 500 + masked('42["last"]'))

    assert while_flooded(served, flood) >= 5
