"""simple-websocket's backend on a real connection, of a server that keeps it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import gevent
import gevent.event
import gevent.queue
import gevent.server
import pytest

from sockio.engine.websockets import simple_websocket
from sockio.engine.websockets.simple_websocket import SimpleWebSocket
from sockio.errors import ProtocolError
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.websocket.frames import CLOSE, PONG
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.http_wire import HttpConnection
from tests.support.raw_websocket import RawWebSocket

MAX_PAYLOAD = 8 << 20
#: More than a kernel keeps for a peer that does not read.
MUCH = 16 << 20


class Side:
    """The server's side of one WebSocket; notes what is reported to it."""

    def __init__(self) -> None:
        self.websocket: SimpleWebSocket
        self.messages: gevent.queue.Queue[Any] = gevent.queue.Queue()
        self.drained = gevent.event.Event()
        self.closed: gevent.event.AsyncResult[Any] = gevent.event.AsyncResult()
        #: What the WSGI callable returned, and how it called start_response.
        self.finished: gevent.event.AsyncResult[Any] = gevent.event.AsyncResult()
        self.started: list[Any] = []

    def on_message(self, data: str | bytes) -> None:
        self.messages.put(data)

    def on_drained(self) -> None:
        self.drained.set()

    def on_closed(self, error: object) -> None:
        self.closed.set(error)

    def start_response(self, *args: Any) -> None:
        self.started.append(args)


class Host:
    """A server like Werkzeug's: its socket is in environ, and it closes that itself."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.reactor = Reactor(self.clock)
        self.reactor.start()
        self.sides: gevent.queue.Queue[Side] = gevent.queue.Queue()
        self.answer: bytes | None = None
        self.server = gevent.server.StreamServer(("127.0.0.1", 0), self._serve)
        self.server.start()
        self._peers: list[HttpConnection] = []

    def _serve(self, sock: Any, address: Any) -> None:
        environ = {"werkzeug.socket": sock, **read_head(sock)}
        side = Side()
        side.websocket = simple_websocket.accept(
            environ, self.reactor, max_payload=MAX_PAYLOAD, answer=self.answer
        )
        side.websocket.start(side)
        self.sides.put(side)
        result = side.websocket.finish(side.start_response)
        sock.close()
        side.finished.set(result)

    def connect(self) -> tuple[RawWebSocket, Side]:
        connection = HttpConnection(self.server.address, "localhost")
        self._peers.append(connection)
        peer = RawWebSocket(connection, "/")
        return peer, self.sides.get(timeout=30)

    def close(self) -> None:
        for peer in self._peers:
            peer.close()
        self.server.stop()


def read_head(sock: Any) -> dict[str, str]:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    fields = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2]]
    return {"HTTP_" + name.upper().replace("-", "_"): value for name, value in fields}


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


def text(message: str) -> Wire:
    return Wire((message,))


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    "message", ["", "hi", "smile 😀", "x" * (4 << 20), b"", b"\0\xff", b"x" * (4 << 20)]
)
def test_a_message_arrives_whole(host: Host, message: str | bytes) -> None:
    peer, side = host.connect()

    gevent.spawn(peer.send, message)

    assert side.messages.get(timeout=30) == message


def test_fragments_are_joined(host: Host) -> None:
    peer, side = host.connect()

    peer.send_fragments("one ", "two ", "three")
    peer.send_fragments(b"one ", b"two")

    assert side.messages.get(timeout=30) == "one two three"
    assert side.messages.get(timeout=30) == b"one two"


def test_packets_leave_in_order_one_message_each(host: Host) -> None:
    peer, side = host.connect()

    side.websocket.offer(Wire(("2_", b"", b"\1")))
    side.websocket.offer(text("x" * (4 << 20)))

    assert peer.receive() == "42_"
    assert peer.receive() == b""
    assert peer.receive() == b"\1"
    assert peer.receive(timeout=30) == "4" + "x" * (4 << 20)


def test_a_ping_is_answered_behind_what_is_being_sent(host: Host) -> None:
    peer, side = host.connect()
    side.websocket.offer(text("x" * MUCH))
    peer.ping(b"there?")
    peer.send("go")
    assert side.messages.get(timeout=30) == "go"

    assert not side.websocket.offer(text("refused"))

    assert peer.receive(timeout=30) == "4" + "x" * MUCH
    peer.send_frame(b"", CLOSE)
    peer.wait_closed()
    assert peer.waiting == []
    assert [control.opcode for control in peer.controls] == [PONG]


def test_the_answer_to_the_handshake_may_be_given(host: Host) -> None:
    host.answer = b"HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: io=1\r\n\r\n"

    peer, _ = host.connect()

    assert peer.answer.headers["set-cookie"] == "io=1"


def test_extensions_are_declined(host: Host) -> None:
    connection = HttpConnection(host.server.address, "localhost")
    host._peers.append(connection)

    offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    peer = RawWebSocket(connection, "/", offer)

    assert "sec-websocket-extensions" not in peer.answer.headers


# ------------------------------------------------------------------ a slow peer


def test_sending_never_waits_for_a_peer_that_does_not_read(host: Host) -> None:
    peer, side = host.connect()
    websocket = side.websocket
    side.drained.wait(timeout=30)  # the 101
    assert (websocket.writable, websocket.ready, websocket.pending_size) == (
        True,
        True,
        0,
    )

    websocket.offer(text("x" * MUCH))

    assert not websocket.writable
    assert websocket.pending_size > MUCH
    peer.send("the worker has run")
    side.messages.get(timeout=30)
    assert not websocket.ready
    assert 0 < websocket.pending_size < MUCH

    side.drained.clear()
    peer.receive(timeout=30)
    assert side.drained.wait(timeout=30)
    assert (websocket.writable, websocket.ready, websocket.pending_size) == (
        True,
        True,
        0,
    )


def test_what_a_peer_left_unread_is_forgotten(host: Host) -> None:
    peer, side = host.connect()
    side.websocket.offer(text("x" * MUCH))
    peer.send("stuck")
    side.messages.get(timeout=30)

    peer.cut()

    assert side.finished.get(timeout=30) == []
    assert side.websocket.pending_size == 0


# ------------------------------------------------------------------ the end


def test_the_peer_closes(host: Host) -> None:
    peer, side = host.connect()
    peer.send("last")

    peer.send_frame(b"\x03\xe8bye", CLOSE)

    assert side.messages.get(timeout=30) == "last"
    assert side.closed.get(timeout=30) is None
    assert peer.wait_closed().code == 1000
    assert side.finished.get(timeout=30) == []
    assert side.started == [("101 Switching Protocols", [])]


def test_the_peer_is_cut_off(host: Host) -> None:
    peer, side = host.connect()

    peer.cut()

    assert side.closed.get(timeout=30) is None
    assert side.finished.get(timeout=30) == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"payload": "unmasked", "masked": False}, 1002),
        ({"payload": b"\xff", "opcode": 1}, 1007),
        ({"payload": b"x" * (MAX_PAYLOAD + 1)}, 1009),
    ],
    ids=["unmasked", "not UTF-8", "too long"],
)
def test_a_violation_closes(host: Host, frame: dict[str, Any], code: int) -> None:
    peer, side = host.connect()

    gevent.spawn(peer.send_frame, **frame)

    assert peer.wait_closed(timeout=30).code == code
    assert isinstance(side.closed.get(timeout=30), str)
    assert side.finished.get(timeout=30) == []


def test_we_close(host: Host) -> None:
    peer, side = host.connect()
    side.websocket.offer(text("x" * MUCH))

    side.websocket.close(1008, "why")
    side.websocket.close()

    assert not side.websocket.offer(text("refused"))

    closed = peer.wait_closed(timeout=30)
    assert (closed.code, closed.reason) == (1008, "why")
    assert peer.waiting == ["4" + "x" * MUCH]
    assert side.finished.get(timeout=30) == []
    assert not side.closed.ready()


def test_nothing_is_delivered_after_our_close(host: Host) -> None:
    peer, side = host.connect()

    side.websocket.close()
    peer.send("too late")

    assert peer.wait_closed().code == 1000
    assert side.finished.get(timeout=30) == []
    assert side.messages.empty()


def test_a_peer_that_does_not_answer_our_close_is_cut_off(host: Host) -> None:
    _, side = host.connect()

    side.websocket.close()
    host.clock.advance(simple_websocket.CLOSE_TIMEOUT)

    assert side.finished.get(timeout=30) == []


def test_a_peer_that_closes_and_does_not_read_is_cut_off(host: Host) -> None:
    peer, side = host.connect()
    side.websocket.offer(text("x" * MUCH))

    peer.send_frame(b"", CLOSE)

    assert side.closed.get(timeout=30) is None
    host.clock.advance(simple_websocket.CLOSE_TIMEOUT)
    assert side.finished.get(timeout=30) == []


def test_closing_a_connection_that_has_ended_does_nothing(host: Host) -> None:
    peer, side = host.connect()
    peer.cut()
    side.finished.get(timeout=30)

    side.websocket.close()

    assert not side.websocket.offer(text("nobody"))
    assert side.websocket.pending_size == 0


# ------------------------------------------------------------------ the handshake


def test_no_handshake_is_a_protocol_error(host: Host) -> None:
    ours, theirs = gevent.socket.socketpair()
    environ = {"werkzeug.socket": ours, "HTTP_HOST": "localhost"}

    with ours, theirs, pytest.raises(ProtocolError, match="invalid handshake"):
        simple_websocket.accept(environ, host.reactor, max_payload=1000)


def test_only_sockets_of_gevent_are_recognised() -> None:
    ours, theirs = gevent.socket.socketpair()

    with ours, theirs:
        assert simple_websocket.recognises({"werkzeug.socket": ours})
        assert not simple_websocket.recognises({"gunicorn.socket": ours})
        assert not simple_websocket.recognises({"werkzeug.socket": ours._sock})
        assert not simple_websocket.recognises({})


def test_no_thread_is_started(host: Host) -> None:
    before = threading.active_count()

    peer, side = host.connect()
    peer.send("hi")
    side.messages.get(timeout=30)

    assert threading.active_count() == before
