"""What saves a client whose pong is due: data that is read late, a long upload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gevent.monkey import get_original

from sockio.engine.transports import LISTENING_TIME
from sockio.protocol.websocket.frames import CONTINUATION, TEXT, frame
from tests.support.engine import RunningEngine
from tests.support.http_wire import HttpConnection
from tests.support.loopback import Kind
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import RawWebSocket
from tests.support.stopwatch import Stopwatch

from .conftest import Serve, StartEngine

TIMEOUT = ("ping timeout", None)
#: The ways to a WebSocket.
KINDS: list[Kind] = ["sockio", "tls", "pywsgi", "gevent-websocket", "werkzeug"]
#: Seconds that the kernel has for a connection.
TIME_LIMIT = 5.0
#: Seconds for which the process stands still beyond the deadline.
LATE = [0.005, 0.02, 0.045, 0.2, 3600]


#: Its calls let nobody else run, not even in a patched process.
KernelSocket = get_original("socket", "socket")


def knock(address: tuple[str, int]) -> Any:
    """Connect, as far as the kernel does that alone."""
    peer = KernelSocket()
    peer.settimeout(TIME_LIMIT)
    peer.connect(address)
    return peer


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


def stand_still(engine: RunningEngine, seconds: float, send: Any) -> None:
    assert isinstance(engine.clock, Stopwatch)
    engine.clock.stand_still(seconds, send)


def open_websocket(engine: RunningEngine, protocol: int) -> RawWebSocket:
    websocket = engine.client(protocol=protocol).websocket()
    # The first packets for old clients are held back a little.
    engine.clock.advance(LISTENING_TIME)
    assert str(websocket.receive()).startswith("0{")
    return websocket


def stays(engine: RunningEngine) -> bool:
    """Whether the pong has counted, so that the session outlives the old deadline."""
    engine.clock.advance(24.9)
    return engine.closes == []


# ------------------------------------------------------------------ a standstill


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [0, 30_000])
def test_a_pong_on_a_websocket_is_read_before_giving_up(
    start_engine: StartEngine, kind: Kind, late: float, before: int
) -> None:
    engine = start_engine(kind=kind)
    websocket, _ = engine.raw.open_websocket_session()
    engine.clock.advance(25 + 19)
    assert websocket.receive() == "2"

    def send() -> None:
        if before:
            websocket.send("4" + "x" * before)
            websocket.send("4" + "x" * before)
        websocket.send("3")

    stand_still(engine, 1 + late, send)

    assert stays(engine)


def request(session: PollingSession, body: str) -> bytes:
    data = body.encode()
    head = (
        f"POST {session.target()} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(data)}",
    )
    return "\r\n".join([*head, "", ""]).encode() + data


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
@pytest.mark.parametrize("body", ["3", "4" + "x" * 200_000 + "\x1e3"])
def test_a_post_that_waits_to_be_accepted_is_read_before_giving_up(
    start_engine: StartEngine, kind: Kind, late: float, body: str
) -> None:
    engine = start_engine(kind=kind)
    session = engine.raw.open_session()
    engine.clock.advance(25)
    assert session.poll().text == "2"
    engine.clock.advance(19)
    address = session.client.http().wire.socket.getpeername()
    peers = []

    def send() -> None:
        # The kernel accepts, and takes the bytes; the server does not know of it yet.
        peers.append(knock(address))
        peers[0].sendall(request(session, body))

    stand_still(engine, 1 + late, send)

    peers[0].close()
    assert stays(engine)


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("kind", ["sockio", "tls", "pywsgi"])
def test_a_post_on_an_open_connection_is_read_before_giving_up(
    start_engine: StartEngine, kind: Kind, late: float
) -> None:
    engine = start_engine(kind=kind)
    session = engine.raw.open_session()
    session.post("6")
    engine.clock.advance(25)
    assert session.poll().text == "2"
    connection = session.client.http()
    engine.clock.advance(19)

    stand_still(engine, 1 + late, lambda: connection.wire.send(request(session, "3")))

    assert stays(engine)


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize(("kind", "number"), [("sockio", 150), ("pywsgi", 40)])
def test_many_at_once_are_read_before_giving_up(
    start_engine: StartEngine, kind: Kind, number: int, late: float
) -> None:
    # One pass of the loop neither accepts so many nor reads them.
    engine = start_engine(kind=kind)
    sessions = [engine.raw.open_session() for _ in range(number)]
    engine.clock.advance(25)
    for session in sessions:
        assert session.poll().text == "2"
    engine.clock.advance(19)
    address = engine.raw.http().wire.socket.getpeername()
    peers = []

    def send() -> None:
        for session in sessions:
            peers.append(knock(address))
            peers[-1].sendall(request(session, "3"))

    stand_still(engine, 1 + late, send)

    for peer in peers:
        peer.close()
    assert stays(engine)


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_silent_is_given_up_all_the_same(
    start_engine: StartEngine, kind: Kind, late: float
) -> None:
    engine = start_engine(kind=kind)
    websocket, _ = engine.raw.open_websocket_session()
    engine.clock.advance(25 + 19)

    stand_still(engine, 1 + late, lambda: websocket.ping(b"no packet"))
    engine.clock.advance(1)

    assert engine.closes == [TIMEOUT]


def test_an_old_clients_ping_is_read_before_giving_up(
    start_engine: StartEngine,
) -> None:
    engine = start_engine(allow_eio3=True)
    websocket = open_websocket(engine, 3)
    engine.clock.advance(44)

    stand_still(engine, 1.02, lambda: websocket.send("2"))

    assert websocket.receive() == "3"
    assert stays(engine)


def test_an_upgrade_is_read_before_it_comes_too_late(
    start_engine: StartEngine,
) -> None:
    engine = start_engine(upgrade_timeout=3)
    session = engine.raw.open_session()
    websocket = session.websocket()
    websocket.send("2probe")
    assert websocket.receive() == "3probe"

    stand_still(engine, 3.02, lambda: websocket.send("5"))

    engine.session.send("there")
    assert websocket.receive() == "4there"
    assert engine.session.transport_name == "websocket"


def test_who_joins_is_read_before_it_comes_too_late(
    serve: Serve, clock: Stopwatch
) -> None:
    served = serve(clock=clock, connect_timeout=10)
    websocket, _ = served.raw.open_websocket_session()

    clock.stand_still(10.02, lambda: websocket.send("40"))

    assert str(websocket.receive()).startswith("40{")
    clock.advance(10)
    assert served.newest().connected


# ------------------------------------------------------------------ a long upload

#: Bytes of a message, nearly the largest that is allowed.
SIZE = 900_000
#: Bytes of it that come within each timeout, with the headers of frames.
PART = 1100


def upload(engine: RunningEngine, send: Callable[[bytes], None], data: bytes) -> None:
    """Send the first bytes slowly, then the rest."""
    for start in range(0, 20 * PART, PART):
        send(data[start : start + PART])
        engine.clock.advance(19)
        assert engine.closes == []
    send(data[20 * PART :])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pieces", [1, 3, 300])
@pytest.mark.parametrize("protocol", [3, 4])
def test_a_message_that_takes_long_to_arrive_is_not_cut_off(
    start_engine: StartEngine, kind: Kind, pieces: int, protocol: int
) -> None:
    engine = start_engine(kind=kind, allow_eio3=True)
    websocket = open_websocket(engine, protocol)
    message = "4" + "x" * SIZE
    size = len(message) // pieces + 1
    parts = [message[at : at + size] for at in range(0, len(message), size)]

    upload(engine, websocket.send_bytes, frames(parts))

    # Only now the client can answer the ping, or send its own.
    websocket.send("3" if protocol == 4 else "2")
    assert engine.messages == [message[1:]]
    assert stays(engine)


def frames(parts: list[str]) -> bytes:
    """Return the fragments of a message."""
    last = len(parts) - 1
    return b"".join(
        frame(part, CONTINUATION if at else TEXT, mask=b"abcd", fin=at == last)
        for at, part in enumerate(parts)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_trickler_on_a_websocket_does_not_live_for_ever(
    start_engine: StartEngine, kind: Kind
) -> None:
    engine = start_engine(kind=kind)
    websocket, _ = engine.raw.open_websocket_session()
    data = frames(["4" + "x" * SIZE])
    websocket.send_bytes(data[:500_000])
    engine.clock.advance(25)

    for at in range(20):
        assert engine.closes == []
        websocket.send_bytes(data[500_000 + 50 * at : 500_000 + 50 * (at + 1)])
        engine.clock.advance(1)

    assert engine.closes == [TIMEOUT]


def test_pings_of_the_websocket_are_no_message_under_way(
    engine: RunningEngine,
) -> None:
    websocket, _ = engine.raw.open_websocket_session()
    websocket.send_frame("4begun", fin=False)

    for _ in range(45):
        for _ in range(10):
            websocket.ping(b"x" * 125)
        engine.clock.advance(1)

    assert engine.closes == [TIMEOUT]


class Post:
    """A POST of a session, sent in pieces."""

    def __init__(self, session: PollingSession, size: int, chunked: bool) -> None:
        self.connection: HttpConnection = session.client.http()
        self._chunked = chunked
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        head = (
            f"POST {session.target()} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n"
        )
        self.connection.wire.send(head.encode())
        self.connection._method = "POST"

    def send(self, data: bytes) -> None:
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self.connection.wire.send(data)

    def end(self) -> str:
        if self._chunked:
            self.connection.wire.send(b"0\r\n\r\n")
        return self.connection.receive().text


@pytest.mark.parametrize("kind", ["sockio", "tls", "pywsgi"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("protocol", [3, 4])
def test_a_post_that_takes_long_to_arrive_is_not_cut_off(
    start_engine: StartEngine, kind: Kind, chunked: bool, protocol: int
) -> None:
    engine = start_engine(kind=kind, allow_eio3=True)
    session = engine.client(protocol=protocol).open_session()
    packet = "4" + "x" * SIZE
    data = (packet if protocol == 4 else f"{len(packet)}:{packet}").encode()
    post = Post(session, len(data), chunked)

    upload(engine, post.send, data)

    assert post.end() == "ok"
    assert engine.messages == ["x" * SIZE]
    session.post({3: "1:2", 4: "3"}[protocol])
    assert stays(engine)


@pytest.mark.parametrize("kind", ["sockio", "tls", "pywsgi"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_trickling_post_does_not_live_for_ever(
    start_engine: StartEngine, kind: Kind, chunked: bool
) -> None:
    engine = start_engine(kind=kind)
    session = engine.raw.open_session()
    post = Post(session, SIZE, chunked)
    post.send(b"4" + b"x" * 500_000)
    engine.clock.advance(25)

    for _ in range(20):
        assert engine.closes == []
        post.send(b"x" * 10)
        engine.clock.advance(1)

    assert engine.closes == [TIMEOUT]
