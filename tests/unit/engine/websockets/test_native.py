from __future__ import annotations

import logging
import os
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.socket
import pytest

from sockio.engine.http.client_socket import TakenSocket
from sockio.engine.websockets.native import NativeWebSocket
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.websocket import deflate
from sockio.protocol.websocket.frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Control,
    FrameReader,
    Item,
    frame,
)
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.reading import fed

MAX_PAYLOAD = 1 << 20
#: More than the kernel keeps for one connection.
LARGE = 8 << 20


class Bench:
    """A WebSocket on one end of a connection, and the other end; notes its reports."""

    def __init__(self, *, released: bool = True, early: bytes = b"") -> None:
        ours, theirs = gevent.socket.socketpair()
        self.theirs = theirs
        self.theirs.settimeout(2)
        self.clock = FakeClock()
        self.reactor = Reactor(self.clock)
        self.reactor.start()
        plain = ours if not released else _plain(ours)
        self.taken = TakenSocket(plain, early, released=released)
        self.agreed: deflate.Agreed | None = None
        self.messages: list[str | bytes] = []
        self.closed: list[object] = []
        self.drained = 0
        #: Whether taking a message raises, as a bug of ours would.
        self.broken = False
        self.websocket: NativeWebSocket
        self._reader = FrameReader(max_payload=2 * LARGE, masked=False)

    def start(self) -> Bench:
        self.websocket = NativeWebSocket(
            self.taken, self.reactor, max_payload=MAX_PAYLOAD, agreed=self.agreed
        )
        self.websocket.start(self)
        self.clock.settle()
        return self

    def send(self, *frames: bytes) -> None:
        """Let the peer send frames, and the WebSocket receive them."""
        self.theirs.sendall(b"".join(frames))
        self.clock.settle()

    def receive(self) -> list[Item]:
        """Return what the peer receives; an empty list: the connection has ended."""
        return fed(self._reader, self.theirs.recv(1 << 16))

    def receive_until(self, last: Callable[[Item], bool]) -> list[Item]:
        items: list[Item] = []
        while not items or not last(items[-1]):
            got = self.theirs.recv(1 << 20)
            assert got, items[-3:]
            items += fed(self._reader, got)
        self.clock.settle()
        return items

    def block(self) -> None:
        """Fill the connection until the kernel takes no more."""
        self.websocket.offer(Wire(("x" * LARGE,)))
        assert not self.websocket.ready

    @property
    def open(self) -> bool:
        """Whether the connection is still there, as the peer sees it."""
        self.clock.settle()
        self.theirs.settimeout(0)
        try:
            return bool(self.theirs.recv(1))
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.theirs.settimeout(2)

    # what a receiver must have

    def on_message(self, data: str | bytes) -> None:
        if self.broken:
            raise ZeroDivisionError
        self.messages.append(data)

    def on_drained(self) -> None:
        self.drained += 1

    def on_closed(self, error: object) -> None:
        self.closed.append(error)

    def end(self) -> None:
        self.theirs.close()
        self.clock.settle()
        assert self.clock.armed == 0


def _plain(sock: Any) -> Any:
    plain = socket.socket(sock.family, sock.type, sock.proto, fileno=sock.detach())
    plain.setblocking(False)
    return plain


def masked(payload: str | bytes, opcode: int | None = None, **how: Any) -> bytes:
    return frame(payload, opcode, mask=os.urandom(4), **how)


def is_close(item: Item) -> bool:
    return isinstance(item, Control) and item.opcode == CLOSE


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench().start()
    yield bench
    bench.end()


# ------------------------------------------------------------------ messages


def test_messages_arrive_in_order(bench: Bench) -> None:
    bench.send(masked("a"), masked(b""), masked("€"))

    assert bench.messages == ["a", b"", "€"]


def test_a_large_message_arrives_whole(bench: Bench) -> None:
    data = os.urandom(MAX_PAYLOAD)
    sender = gevent.spawn(bench.theirs.sendall, masked(data) + masked("after"))

    bench.clock.settle()

    sender.get()
    assert bench.messages == [data, "after"]


def test_what_the_server_had_read_already_comes_first() -> None:
    bench = Bench(early=masked("early"))
    bench.theirs.sendall(masked("later"))

    bench.start()

    assert bench.messages == ["early", "later"]
    bench.end()


def test_an_early_piece_of_a_frame_is_continued() -> None:
    whole = masked("in two pieces")
    bench = Bench(early=whole[:5])
    bench.theirs.sendall(whole[5:])

    bench.start()

    assert bench.messages == ["in two pieces"]
    bench.end()


def test_packets_leave_one_frame_each(bench: Bench) -> None:
    bench.websocket.offer(Wire(("a", b"\0")))

    assert bench.receive() == ["4a", b"\0"]


def test_a_large_wire_leaves_as_the_kernel_takes_it(bench: Bench) -> None:
    bench.block()
    assert bench.websocket.pending_size > 0
    assert not bench.websocket.writable

    items = bench.receive_until(lambda item: isinstance(item, str))

    assert items == ["4" + "x" * LARGE]
    assert bench.websocket.ready
    assert bench.websocket.pending_size == 0
    assert bench.drained == 1


def test_nothing_is_writable_until_the_loop_has_come_round(bench: Bench) -> None:
    # Volatile packets depend on that.
    assert bench.websocket.writable

    bench.websocket.offer(Wire(("a",)))
    assert bench.websocket.ready
    assert not bench.websocket.writable

    bench.clock.settle()
    assert bench.websocket.writable


# ------------------------------------------------------------------ ping and pong


def test_pings_are_answered(bench: Bench) -> None:
    bench.send(masked("1", PING), masked("", PING))

    assert bench.receive() == [Control(PONG, b"1"), Control(PONG, b"")]


def test_pongs_are_ignored(bench: Bench) -> None:
    bench.send(masked("", PONG), masked("a"))

    assert bench.messages == ["a"]


def test_a_peer_that_does_not_read_gets_one_pong_in_the_end(bench: Bench) -> None:
    bench.block()
    waiting = bench.websocket.pending_size

    bench.send(*(masked(str(number), PING) for number in range(100)))

    assert bench.websocket.pending_size == waiting
    items = bench.receive_until(lambda item: isinstance(item, Control))
    assert items[1:] == [Control(PONG, b"99")]
    assert bench.drained == 1


# ------------------------------------------------------------------ the peer closes


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"\x03\xe8bye", b"\x03\xe8"), (b"\x0f\xa0", b"\x0f\xa0"), (b"", b"")],
)
def test_a_close_frame_is_answered_and_ends_the_connection(
    bench: Bench, sent: bytes, answer: bytes
) -> None:
    bench.send(masked(sent, CLOSE), masked("late"))

    assert bench.closed == [None]
    assert bench.messages == []
    assert bench.receive() == [Control(CLOSE, answer)]
    assert not bench.open


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe8\xff", 1007)],
)
def test_a_wrong_close_frame_is_an_error(
    bench: Bench, payload: bytes, code: int
) -> None:
    bench.send(masked(payload, CLOSE))

    (answer,) = bench.receive()
    assert isinstance(answer, Control)
    assert int.from_bytes(answer.payload[:2], "big") == code
    assert bench.closed != [None]


def test_a_close_frame_waits_behind_what_is_being_written(bench: Bench) -> None:
    bench.block()

    bench.send(masked(b"", CLOSE))
    assert bench.closed == [None]
    items = bench.receive_until(is_close)

    assert items == ["4" + "x" * LARGE, Control(CLOSE, b"")]
    assert not bench.open


def test_a_peer_that_closes_and_does_not_read_is_cut_after_a_while(
    bench: Bench,
) -> None:
    bench.block()
    bench.send(masked(b"", CLOSE))

    bench.clock.advance(30)

    assert bench.websocket.pending_size == 0
    assert bench.clock.armed == 0


def test_a_connection_that_ends_is_a_close(bench: Bench) -> None:
    bench.theirs.close()
    bench.clock.settle()

    assert bench.closed == [None]


def test_a_connection_that_ends_while_we_write_is_a_close(bench: Bench) -> None:
    bench.theirs.close()

    bench.websocket.offer(Wire(("a",)))
    bench.clock.settle()

    assert bench.closed == [None]
    bench.websocket.offer(Wire(("b",)))
    bench.websocket.close()


# ------------------------------------------------------------------ we close


@pytest.mark.parametrize(
    ("how", "sent"),
    [((), b""), ((1008, "no"), b"\x03\xf0no"), ((1000,), b"\x03\xe8")],
)
def test_close_sends_one_frame_and_waits_for_the_peers(
    bench: Bench, how: tuple[Any, ...], sent: bytes
) -> None:
    bench.websocket.close(*how)
    bench.websocket.close(1011)
    assert bench.receive() == [Control(CLOSE, sent)]
    assert bench.open

    bench.send(masked("late"), masked(sent, CLOSE))

    assert not bench.open
    assert bench.messages == []
    assert bench.closed == []


def test_a_peer_that_never_answers_the_close_is_cut(bench: Bench) -> None:
    bench.websocket.close()

    bench.clock.advance(29)
    assert bench.receive() == [Control(CLOSE, b"")]
    assert bench.open
    bench.clock.advance(1)

    assert not bench.open
    assert bench.closed == []


def test_after_the_close_pings_mean_nothing(bench: Bench) -> None:
    bench.websocket.close()
    assert bench.receive() == [Control(CLOSE, b"")]

    bench.send(masked("", PING))

    assert bench.open
    assert bench.closed == []


@pytest.mark.parametrize("wrong", [frame("not masked"), masked(b"\x03", CLOSE)])
def test_a_violation_after_the_close_is_the_end(bench: Bench, wrong: bytes) -> None:
    bench.websocket.close()
    assert bench.receive() == [Control(CLOSE, b"")]

    bench.send(wrong)

    assert not bench.open
    assert bench.closed == []


def test_a_close_from_both_sides_waits_for_what_is_being_written(bench: Bench) -> None:
    bench.block()
    bench.websocket.close()

    bench.send(masked(b"", CLOSE))
    items = bench.receive_until(is_close)

    assert items == ["4" + "x" * LARGE, Control(CLOSE, b"")]
    assert not bench.open


def test_a_peer_that_has_said_all_still_gets_what_is_being_written(
    bench: Bench,
) -> None:
    bench.block()
    bench.websocket.close()

    bench.theirs.shutdown(socket.SHUT_WR)
    items = bench.receive_until(is_close)

    assert items == ["4" + "x" * LARGE, Control(CLOSE, b"")]
    assert not bench.open


def test_a_close_goes_behind_what_is_being_written(bench: Bench) -> None:
    bench.block()

    bench.websocket.close()
    items = bench.receive_until(is_close)

    assert items == ["4" + "x" * LARGE, Control(CLOSE, b"")]
    assert bench.open
    assert bench.drained == 0


# ------------------------------------------------------------------ violations


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame("not masked"), 1002),
        (masked("x", 3), 1002),
        (masked("compressed", rsv1=True), 1002),
        (masked(b"\xff", TEXT), 1007),
        (b"\x82\xff" + (MAX_PAYLOAD + 1).to_bytes(8, "big"), 1009),
    ],
)
def test_a_violation_closes_with_its_code(bench: Bench, data: bytes, code: int) -> None:
    bench.send(masked("before"), data, masked("after"))

    assert bench.receive() == [Control(CLOSE, code.to_bytes(2, "big"))]
    assert bench.messages == ["before"]
    (error,) = bench.closed
    assert error


VIOLATION = frame("not masked")
CLOSED_FOR_IT = Control(CLOSE, b"\x03\xea")


def test_after_a_violation_the_server_says_no_more(bench: Bench) -> None:
    bench.send(VIOLATION)

    assert bench.receive() == [CLOSED_FOR_IT]
    assert bench.receive() == []


def test_after_a_violation_nothing_is_heard(bench: Bench) -> None:
    bench.send(VIOLATION)

    bench.send(masked("late"), masked(b"", CLOSE), b"\xff" * 100_000)

    assert bench.messages == []
    assert len(bench.closed) == 1
    # There was no reset, which would have dropped what was still to be read.
    assert bench.receive() == [CLOSED_FOR_IT]
    assert bench.receive() == []


def test_after_a_violation_the_connection_ends_with_the_peer(bench: Bench) -> None:
    bench.send(VIOLATION)
    assert bench.clock.armed

    bench.theirs.shutdown(socket.SHUT_WR)
    bench.clock.settle()

    assert not bench.clock.armed
    with pytest.raises(ConnectionError):
        bench.theirs.sendall(b"nobody is there")


def test_a_peer_that_goes_on_after_a_violation_is_cut_after_2_seconds(
    bench: Bench,
) -> None:
    bench.send(VIOLATION)

    bench.clock.advance(1.9)
    bench.send(b"still there")
    bench.clock.advance(0.2)

    assert not bench.clock.armed
    with pytest.raises(ConnectionError):
        bench.theirs.sendall(b"nobody is there")


def test_what_is_being_written_at_a_violation_leaves_before_the_close(
    bench: Bench,
) -> None:
    bench.block()

    bench.send(VIOLATION, masked("late"))
    items = bench.receive_until(is_close)

    assert items == ["4" + "x" * LARGE, CLOSED_FOR_IT]
    assert bench.receive() == []
    assert bench.messages == []


def test_a_peer_that_does_not_read_is_cut_2_seconds_after_its_violation(
    bench: Bench,
) -> None:
    bench.block()
    bench.send(VIOLATION)
    assert bench.websocket.pending_size

    bench.clock.advance(2)

    assert bench.websocket.pending_size == 0
    assert not bench.clock.armed


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"\x82\xff" + (1 << 62).to_bytes(8, "big"), 1 << 62),
        (
            masked(bytes(1000), fin=False)
            + b"\x80\xff"
            + MAX_PAYLOAD.to_bytes(8, "big"),
            MAX_PAYLOAD + 1000,
        ),
    ],
    ids=["one frame", "fragments"],
)
def test_an_oversize_is_logged_with_its_size_and_the_limit(
    bench: Bench, data: bytes, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    bench.send(data)

    ((_, level, text),) = caplog.record_tuples
    assert level == logging.INFO
    assert str(size) in text
    assert f"max_http_buffer_size={MAX_PAYLOAD}" in text


def test_a_bug_met_while_reading_ends_that_connection(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.broken = True

    bench.send(masked("a"))

    assert "ZeroDivisionError" in caplog.text
    assert bench.closed == [None]
    assert not bench.open


# ------------------------------------------------------------------ compression


@pytest.fixture
def compressed() -> Iterator[Bench]:
    bench = Bench()
    bench.agreed = deflate.negotiate("permessage-deflate", deflate.Deflate())
    yield bench.start()
    bench.end()


def squeeze(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_compressed_messages_arrive(compressed: Bench) -> None:
    compressed.send(masked(squeeze("hé".encode()), TEXT, rsv1=True), masked("plain"))

    assert compressed.messages == ["hé", "plain"]


def test_long_messages_leave_compressed(compressed: Bench) -> None:
    compressed.websocket.offer(Wire(("x" * 5000,)))
    compressed.websocket.offer(Wire(("x" * 5000,), compress=False))
    compressed.websocket.offer(Wire(("short",)))

    data = compressed.theirs.recv(1 << 16)

    first, plain = data[: data.index(b"\x81")], data[data.index(b"\x81") :]
    assert first[0] == 0xC1  # final, compressed, text
    assert len(first) < 100
    assert compressed._reader.feed(plain) == ["4" + "x" * 5000, "4short"]


def test_a_message_that_inflates_beyond_the_limit_is_1009(compressed: Bench) -> None:
    compressed.send(masked(squeeze(bytes(MAX_PAYLOAD + 1)), 2, rsv1=True))

    assert compressed.receive() == [Control(CLOSE, b"\x03\xf1")]
    assert compressed.closed == ["Max payload size exceeded"]


# ------------------------------------------------------------------ the WSGI side


def test_a_released_connection_lets_its_request_end(bench: Bench) -> None:
    assert bench.websocket.finish(lambda *_: None) == []


def test_a_kept_connection_holds_its_request_until_the_close() -> None:
    bench = Bench(released=False)
    bench.taken.sock.settimeout(0)
    bench.start()
    request = gevent.spawn(bench.websocket.finish, lambda *_: None)
    bench.send(masked("a"))
    assert not request.dead

    bench.send(masked(b"", CLOSE))
    bench.theirs.close()

    assert request.get(timeout=2) == []
    assert bench.messages == ["a"]
    bench.end()
