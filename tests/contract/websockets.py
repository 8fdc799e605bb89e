"""WebSocketContract: what every backend must do, whichever server it comes from.

A subclass provides ``host``: a server in which each upgrade request becomes a WebSocket
whose receiver is the test's. The peer speaks over real TCP.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Iterable
from typing import Any

import gevent
import gevent.queue
import pytest

from sockio.engine import websockets
from sockio.engine.http.request import Request
from sockio.engine.options import EngineOptions
from sockio.engine.websockets.websocket import WebSocket
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.websocket.frames import CLOSE, PING, PONG, TEXT, Control, frame
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.http_wire import TIMEOUT, HttpConnection
from tests.support.raw_websocket import ABNORMAL, NO_CODE, RawWebSocket

MAX_PAYLOAD = 5 << 20
#: More than the kernel keeps for one connection.
LARGE = 8 << 20


NEVER = float("inf")
#: What breaks the protocol, and the code of the close frame that answers it.
VIOLATIONS = {
    "mask": (frame("not masked"), 1002),
    "opcode": (frame("opcode", 3, mask=b"abcd"), 1002),
    "utf-8": (frame(b"\xff\xfe", TEXT, mask=b"abcd"), 1007),
    "fragment": (frame("fragment of nothing", 0, mask=b"abcd"), 1002),
    "long ping": (frame("x" * 200, PING, mask=b"abcd"), 1002),
    "close code": (frame(b"\x03\xed", CLOSE, mask=b"abcd"), 1002),
    "half a close code": (frame(b"\x03", CLOSE, mask=b"abcd"), 1002),
}


class Side:
    """The server's side of one WebSocket, and the calls that it got."""

    def __init__(self, clock: FakeClock, websocket: WebSocket) -> None:
        self.websocket = websocket
        self._clock = clock
        self._messages: list[str | bytes] = []
        self._closed: list[object] = []
        self.drained = 0
        #: The message after which the receiver pauses for a while.
        self.pauses_at: int | None = None
        #: Whether the WSGI callable has returned.
        self.finished = False

    def offer(self, *frames: str | bytes) -> bool:
        return self.websocket.offer(Wire(frames))

    @property
    def messages(self) -> list[str | bytes]:
        self._clock.settle()
        return self._messages

    @property
    def closed(self) -> list[object]:
        """What ``on_closed`` was called with."""
        self._clock.settle()
        return self._closed

    # what a receiver must have

    def on_message(self, data: str | bytes) -> None:
        self._messages.append(data)
        if len(self._messages) == self.pauses_at:
            self.websocket.pause()

    def on_drained(self) -> None:
        self.drained += 1

    def on_closed(self, error: object) -> None:
        self._closed.append(error)


class Host:
    """A server whose every request is a WebSocket; a subclass makes it listen."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._reactor = Reactor(self.clock)
        self._reactor.start()
        self._options = EngineOptions(max_http_buffer_size=MAX_PAYLOAD)
        self._sides: Any = gevent.queue.Queue()
        self._peers: list[HttpConnection] = []

    def app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        answer = websockets.check(request)
        websocket = websockets.accept(request, self._reactor, self._options, answer)
        assert websocket is not None
        side = Side(self.clock, websocket)
        websocket.start(side)
        self._sides.put(side)
        try:
            return websocket.finish(start_response)
        finally:
            side.finished = True

    def open_connection(self) -> HttpConnection:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def connection(self) -> HttpConnection:
        self._peers.append(self.open_connection())
        return self._peers[-1]

    def connect(self) -> tuple[RawWebSocket, Side]:
        """Return both ends of a new WebSocket."""
        peer = RawWebSocket(self.connection(), "/")
        return peer, self.newest_side()

    def newest_side(self) -> Side:
        side: Side = self._sides.get(timeout=TIMEOUT)
        return side

    def close(self) -> None:
        for peer in self._peers:
            peer.close()
        self.clock.settle()
        self.stop()
        assert not self.clock.armed


class WebSocketContract:
    """Any backend must pass this. Subclasses provide a ``host``."""

    # -------------------------------------------------------------- messages

    @pytest.mark.parametrize("data", ["text", "", "€ 😀", b"bytes", b"", b"4"])
    def test_messages_arrive(self, host: Host, data: str | bytes) -> None:
        peer, side = host.connect()

        peer.send(data)

        assert side.messages == [data]

    @pytest.mark.parametrize(
        ("data", "framed"), [("text", "4text"), ("", "4"), (b"bytes", b"bytes")]
    )
    def test_messages_leave(
        self, host: Host, data: str | bytes, framed: str | bytes
    ) -> None:
        peer, side = host.connect()

        assert side.offer(data)

        assert peer.receive() == framed

    def test_an_empty_binary_message_leaves(self, host: Host) -> None:
        peer, side = host.connect()

        side.offer(b"", "after")

        assert [peer.receive(), peer.receive()] == [b"", "4after"]

    def test_messages_keep_their_order(self, host: Host) -> None:
        peer, side = host.connect()
        numbers = [str(number) for number in range(300)]

        peer.send_bytes(b"".join(frame(n, mask=os.urandom(4)) for n in numbers))
        for number in numbers:
            side.offer(number)

        assert side.messages == numbers
        assert [peer.receive() for _ in numbers] == [f"4{n}" for n in numbers]

    def test_a_large_message_arrives(self, host: Host) -> None:
        peer, side = host.connect()
        data = os.urandom(4 << 20)

        peer.send(data)

        assert side.messages == [data]

    def test_a_large_message_leaves(self, host: Host) -> None:
        peer, side = host.connect()
        data = os.urandom(4 << 20)

        side.offer(data)

        assert peer.receive() == data

    def test_fragments_make_one_message(self, host: Host) -> None:
        peer, side = host.connect()

        peer.send_frame("one ", TEXT, fin=False)
        peer.ping()
        peer.send_frame("two", 0)

        assert side.messages == ["one two"]

    # -------------------------------------------------------------- a slow receiver

    def test_a_paused_receiver_gets_nothing_until_it_resumes(self, host: Host) -> None:
        peer, side = host.connect()
        side.websocket.pause()

        peer.send_bytes(
            frame("a", mask=b"abcd")
            + frame("b", mask=b"abcd")
            + frame(b"\x03\xe8", CLOSE, mask=b"abcd")
        )
        assert side.messages == []
        assert side.closed == []
        side.websocket.resume()

        while not side.closed:
            gevent.idle()
        assert side.messages == ["a", "b"]
        assert side.closed == [None]

    @pytest.mark.parametrize("count", [3, 500])
    def test_a_receiver_may_pause_at_any_message(self, host: Host, count: int) -> None:
        peer, side = host.connect()
        side.pauses_at = 2

        peer.send_bytes(b"".join(frame(str(n), mask=b"abcd") for n in range(count)))
        while len(side.messages) < 2:
            gevent.idle()
        assert side.messages == ["0", "1"]
        side.websocket.resume()

        while len(side.messages) < count:
            gevent.idle()
        assert side.messages == [str(n) for n in range(count)]

    def test_a_paused_receiver_can_be_closed(self, host: Host) -> None:
        peer, side = host.connect()
        side.websocket.pause()
        peer.send("late")

        side.websocket.close()

        assert peer.wait_closed().code in (NO_CODE, 1000)
        assert side.messages == []

    # -------------------------------------------------------------- a slow peer

    def test_a_peer_that_does_not_read_is_not_ready(self, host: Host) -> None:
        peer, side = host.connect()
        host.clock.settle()
        assert side.websocket.ready
        assert side.websocket.writable

        side.offer("x" * LARGE)
        host.clock.settle()

        assert not side.websocket.ready
        assert not side.websocket.writable
        assert not side.offer("more")
        assert 0 < side.websocket.pending_size <= LARGE + 16
        assert len(peer.receive()) == LARGE + 1
        host.clock.settle()
        assert side.websocket.ready
        assert side.websocket.pending_size == 0

    def test_when_the_peer_has_read_the_receiver_is_told(self, host: Host) -> None:
        peer, side = host.connect()
        side.offer("x" * LARGE)
        host.clock.settle()
        before = side.drained

        peer.receive()
        host.clock.settle()

        assert side.drained == before + 1
        assert side.offer("next")
        assert peer.receive() == "4next"

    def test_a_message_is_followed_by_a_pause_in_being_writable(
        self, host: Host
    ) -> None:
        _, side = host.connect()
        host.clock.settle()

        side.offer("x")
        assert not side.websocket.writable

        host.clock.settle()
        assert side.websocket.writable

    # -------------------------------------------------------------- ping and pong

    def test_a_ping_is_answered(self, host: Host) -> None:
        peer, side = host.connect()

        peer.ping(b"there?")
        host.clock.settle()
        side.offer("after")

        assert peer.receive() == "4after"
        assert peer.controls == [Control(PONG, b"there?")]
        assert side.messages == []

    def test_a_ping_while_sending_is_answered(self, host: Host) -> None:
        peer, side = host.connect()
        side.offer("x" * LARGE)
        host.clock.settle()

        peer.ping(b"there?")
        host.clock.settle()

        assert len(peer.receive()) == LARGE + 1
        host.clock.settle()
        side.offer("after")
        assert peer.receive() == "4after"
        assert peer.controls == [Control(PONG, b"there?")]

    def test_a_pong_is_ignored(self, host: Host) -> None:
        peer, side = host.connect()

        peer.send_frame(b"", PONG)
        peer.send("after")

        assert side.messages == ["after"]

    # -------------------------------------------------------------- the peer ends it

    @pytest.mark.parametrize("code", [1000, 1001, 4000])
    def test_a_close_frame_is_answered(self, host: Host, code: int) -> None:
        peer, side = host.connect()

        peer.send_frame(code.to_bytes(2, "big") + b"bye", CLOSE)

        assert peer.wait_closed().code == code
        assert side.closed == [None]
        assert side.finished

    def test_messages_before_a_close_frame_arrive(self, host: Host) -> None:
        peer, side = host.connect()

        peer.send_bytes(
            frame("last", mask=b"abcd") + frame(b"\x03\xe8", CLOSE, mask=b"abcd")
        )

        assert side.messages == ["last"]
        assert side.closed == [None]

    @pytest.mark.parametrize("how", ["cut", "reset"])
    def test_a_connection_that_ends_is_a_close(self, host: Host, how: str) -> None:
        peer, side = host.connect()

        peer.cut() if how == "cut" else peer.wire.reset()

        assert side.closed == [None]
        assert side.finished

    def test_a_connection_that_ends_in_a_message_is_a_close(self, host: Host) -> None:
        peer, side = host.connect()

        peer.send_bytes(frame("x" * 5000, mask=b"abcd")[:3000])
        peer.cut()

        assert side.closed == [None]
        assert side.messages == []

    def test_a_connection_that_ends_while_sending_is_a_close(self, host: Host) -> None:
        peer, side = host.connect()
        side.offer("x" * LARGE)
        host.clock.settle()

        peer.wire.reset()

        assert side.closed == [None]
        assert side.finished
        side.offer("late")
        side.websocket.close()

    # -------------------------------------------------------------- violations

    def test_a_message_beyond_the_limit_is_1009(self, host: Host) -> None:
        peer, side = host.connect()

        peer.send_bytes(b"\x82\xff" + (MAX_PAYLOAD + 1).to_bytes(8, "big") + b"mask")
        # Some backends count what has arrived, not what was announced.
        sender = gevent.spawn(peer.wire.socket.sendall, bytes(MAX_PAYLOAD + 1))

        assert peer.wait_closed().code == 1009
        ((error),) = side.closed
        assert error == "Max payload size exceeded"
        sender.kill()

    @pytest.mark.parametrize(
        "data",
        [
            frame("not masked"),
            frame("opcode", 3, mask=b"abcd"),
            frame(b"\xff\xfe", TEXT, mask=b"abcd"),
            frame("fragment of nothing", 0, mask=b"abcd"),
            frame("x" * 200, PING, mask=b"abcd"),
        ],
        ids=["mask", "opcode", "utf-8", "fragment", "long ping"],
    )
    def test_a_violation_is_an_error(self, host: Host, data: bytes) -> None:
        peer, side = host.connect()

        peer.send_bytes(frame("before", mask=b"abcd") + data)

        assert peer.wait_closed().code in (1002, 1007)
        (error,) = side.closed
        assert error is not None
        assert side.messages == ["before"]

    @pytest.mark.parametrize("name", VIOLATIONS)
    def test_after_a_violation_the_server_ends_first(
        self, host: Host, name: str
    ) -> None:
        peer, side = host.connect()
        data, code = VIOLATIONS[name]

        peer.send_bytes(data)

        # The close frame has a code and no reason.
        last = frame(code.to_bytes(2, "big"), CLOSE)
        assert peer.wire.take_rest(NEVER) == last
        peer.cut()
        assert len(side.closed) == 1
        assert side.finished

    def test_what_follows_a_violation_does_not_hide_the_close(self, host: Host) -> None:
        peer, side = host.connect()

        peer.send_bytes(VIOLATIONS["mask"][0])
        host.clock.settle()
        for _ in range(10):
            peer.send_bytes(frame("late", mask=b"abcd") * 1000)
            host.clock.settle()

        assert peer.wire.take_rest(NEVER) == b"\x88\x02\x03\xea"
        assert side.messages == []

    def test_a_peer_that_goes_on_after_a_violation_is_cut(self, host: Host) -> None:
        peer, side = host.connect()
        peer.send_bytes(VIOLATIONS["mask"][0])
        assert peer.wire.take_rest(NEVER)

        host.clock.advance(1.9)
        peer.send_bytes(b"still there")
        host.clock.advance(0.1)

        assert side.closed != []
        assert not host.clock.armed
        with pytest.raises((ConnectionError, ssl.SSLError)):
            peer.wire.socket.sendall(bytes(LARGE))

    def test_a_peer_that_takes_no_close_frame_is_cut(self, host: Host) -> None:
        peer, side = host.connect()
        side.offer("x" * LARGE)
        host.clock.settle()

        peer.send_bytes(VIOLATIONS["mask"][0])
        assert side.closed != []
        host.clock.advance(2)

        assert side.finished
        assert side.websocket.pending_size == 0
        assert not host.clock.armed

    def test_what_was_sent_before_a_violation_arrives(self, host: Host) -> None:
        peer, side = host.connect()
        side.offer("x" * LARGE)
        host.clock.settle()

        peer.send_bytes(VIOLATIONS["mask"][0])
        assert side.closed != []

        assert len(peer.receive()) == LARGE + 1
        assert peer.wait_closed().code == 1002

    def test_an_oversize_is_logged_with_size_and_limit(
        self, host: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "sockio")
        peer, _ = host.connect()

        peer.send_bytes(b"\x82\xff" + (MAX_PAYLOAD + 1).to_bytes(8, "big") + b"mask")
        sender = gevent.spawn(peer.wire.socket.sendall, bytes(MAX_PAYLOAD + 1))
        peer.wait_closed()

        ((_, level, text),) = caplog.record_tuples
        assert level == logging.INFO
        assert re.search(rf"{MAX_PAYLOAD + 1} bytes.*={MAX_PAYLOAD};", text)
        sender.kill()

    # -------------------------------------------------------------- we end it

    @pytest.mark.parametrize(
        ("how", "code", "reason"),
        [((), NO_CODE, ""), ((1000,), 1000, ""), ((1008, "no"), 1008, "no")],
    )
    def test_close_says_why(
        self, host: Host, how: tuple[Any, ...], code: int, reason: str
    ) -> None:
        peer, side = host.connect()

        side.websocket.close(*how)
        side.websocket.close(1011)

        closed = peer.wait_closed()
        assert closed.code in (code, 1000 if code == NO_CODE else code)
        assert closed.reason == reason
        # The side that closes is not notified of it.
        assert side.closed == []
        assert side.finished

    def test_what_was_sent_before_the_close_arrives(self, host: Host) -> None:
        peer, side = host.connect()

        side.offer("x" * LARGE)
        side.websocket.close()

        assert len(peer.receive()) == LARGE + 1
        assert peer.wait_closed().code != ABNORMAL

    def test_nothing_is_delivered_after_the_close(self, host: Host) -> None:
        peer, side = host.connect()
        side.websocket.close()

        peer.send("late")
        peer.ping()

        assert side.messages == []

    def test_a_peer_that_never_answers_the_close_is_cut(self, host: Host) -> None:
        peer, side = host.connect()
        side.websocket.close()

        host.clock.advance(30)

        assert peer.wire.take_rest(float("inf")).startswith(b"\x88")
        assert side.finished

    def test_a_peer_that_closes_and_never_reads_is_cut(self, host: Host) -> None:
        peer, side = host.connect()
        side.offer("x" * LARGE)
        host.clock.settle()
        peer.send_frame(b"\x03\xe8", CLOSE)
        assert side.closed == [None]

        host.clock.advance(30)

        assert side.finished
        assert side.websocket.pending_size == 0
