"""What a session offers its user: attributes, events, sending."""

from __future__ import annotations

from functools import partial
from typing import Any

import gevent
import pytest

import sockio
from sockio.protocol.engineio.packet import Packet, PacketType
from tests.support.engine import RunningEngine
from tests.support.raw_websocket import RawWebSocket

MESSAGE, PING, PONG = PacketType.MESSAGE, PacketType.PING, PacketType.PONG
EVENTS = (
    "open",
    "packet",
    "packet_create",
    "data",
    "message",
    "flush",
    "drain",
    "heartbeat",
    "upgrading",
    "upgrade",
    "error",
    "close",
)


class Log:
    """Every event of a session and of its server, in order."""

    def __init__(self, engine: RunningEngine) -> None:
        self._engine = engine
        self._heard: list[tuple[Any, ...]] = []
        for event in ("flush", "drain"):
            engine.engine.on(event, self._listener(f"server {event}"))

    def listen(self, session: sockio.EngineSession) -> None:
        for event in EVENTS:
            session.on(event, self._listener(event))

    def _listener(self, event: str) -> Any:
        return lambda *args: self._heard.append((event, *args))

    def take(self) -> list[tuple[Any, ...]]:
        """Return what was heard since the last time."""
        self._engine.clock.settle()
        heard, self._heard = self._heard, []
        return heard

    def names(self) -> list[str]:
        return [entry[0] for entry in self.take()]


@pytest.fixture
def log(engine: RunningEngine) -> Log:
    log = Log(engine)
    engine.engine.on("connection", log.listen)
    return log


@pytest.fixture
def websocket(engine: RunningEngine, log: Log) -> RawWebSocket:
    websocket, _ = engine.raw.open_websocket_session()
    log.take()
    return websocket


# ------------------------------------------------------------------ attributes


def test_a_session_shows_what_it_is(engine: RunningEngine) -> None:
    client = engine.raw.open_session()
    conn = engine.session

    assert conn.id == client.sid
    assert conn.protocol == 4
    assert conn.ready_state == "open"
    assert conn.transport.name == "polling"
    assert not conn.transport.writable
    assert (conn.upgrading, conn.upgraded) == (False, False)
    assert conn.write_buffer == []
    assert conn.remote_address == "127.0.0.1"
    assert isinstance(conn.request, sockio.Request)


def test_the_request_may_be_forgotten(engine: RunningEngine) -> None:
    websocket, _ = engine.raw.open_websocket_session()

    engine.session.request = None
    websocket.send("4still here")

    assert engine.messages == ["still here"]


def test_a_transport_is_writable_while_a_packet_would_leave_at_once(
    engine: RunningEngine,
) -> None:
    client = engine.raw.open_session()
    transport = engine.session.transport
    assert not transport.writable

    poll = client.start_poll()
    engine.clock.settle()
    assert transport.writable
    engine.session.send("a")
    assert not transport.writable

    assert poll.receive().text == "4a"


# ------------------------------------------------------------------ events in


def test_a_message_is_a_packet_data_and_a_message(
    websocket: RawWebSocket, log: Log
) -> None:
    websocket.send("4hello")

    assert log.take() == [
        ("packet", Packet(MESSAGE, "hello")),
        ("data", "hello"),
        ("message", "hello"),
    ]


def test_bytes_are_a_message_too(websocket: RawWebSocket, log: Log) -> None:
    websocket.send(b"\1\2")

    assert ("message", b"\1\2") in log.take()


def test_a_post_has_the_same_events(engine: RunningEngine, log: Log) -> None:
    client = engine.raw.open_session()
    log.take()

    client.post("4a\x1e4b")

    assert log.names() == ["packet", "data", "message"] * 2


def test_other_packets_are_told_as_well(websocket: RawWebSocket, log: Log) -> None:
    websocket.send("6")
    websocket.send("5")

    assert log.take() == [
        ("packet", Packet(PacketType.NOOP)),
        ("packet", Packet(PacketType.UPGRADE)),
    ]


def test_a_connection_listener_misses_no_message(
    engine: RunningEngine, log: Log
) -> None:
    http = engine.raw.http()
    client = engine.raw.open_session()

    http.send("POST", client.target(), "4first")
    http.receive()

    assert ("message", "first") in log.take()


# ------------------------------------------------------------------ events out


# flush and drain fire on the session and on the server
def test_sending_is_create_flush_drain(
    engine: RunningEngine, websocket: RawWebSocket, log: Log
) -> None:
    conn = engine.session

    conn.send("hi", compress=False)

    packet = Packet(MESSAGE, "hi", False)
    assert log.take() == [
        ("packet_create", packet),
        ("flush", [packet]),
        ("server flush", conn, [packet]),
        ("drain",),
        ("server drain", conn),
    ]


# One flush per GET
def test_a_poll_flushes_all_that_waits_at_once(engine: RunningEngine, log: Log) -> None:
    client = engine.raw.open_session()
    log.take()
    engine.session.send("a").send("b")
    assert log.names() == ["packet_create"] * 2

    client.poll()

    flush, *rest = log.take()
    assert flush == ("flush", [Packet(MESSAGE, "a"), Packet(MESSAGE, "b")])
    assert [entry[0] for entry in rest] == ["server flush", "drain", "server drain"]


def test_a_slow_websocket_flushes_when_it_can(
    engine: RunningEngine, websocket: RawWebSocket, log: Log
) -> None:
    engine.session.send("x" * (8 << 20)).send("a").send("b")
    names = log.names()
    assert names.count("packet_create") == 3
    assert names.count("flush") == 1

    assert len(websocket.receive()) == (8 << 20) + 1
    assert websocket.receive() == "4a"

    assert log.names() == ["flush", "server flush", "drain", "server drain"]


def test_the_server_hears_of_sessions_that_nobody_listens_to(
    engine: RunningEngine,
) -> None:
    websocket, _ = engine.raw.open_websocket_session()
    log = Log(engine)

    engine.session.send("a")

    assert log.names() == ["server flush", "server drain"]
    assert websocket.receive() == "4a"


def test_a_heartbeat_is_ping_out_pong_in(
    engine: RunningEngine, websocket: RawWebSocket, log: Log
) -> None:
    engine.clock.advance(25)
    assert ("packet_create", Packet(PING)) in log.take()

    websocket.send("3")

    assert log.take() == [("packet", Packet(PONG)), ("heartbeat",)]


def test_an_upgrade_is_told_in_two_steps(engine: RunningEngine, log: Log) -> None:
    client = engine.raw.open_session()
    log.take()

    client.upgrade()

    heard = log.take()
    transport = engine.session.transport
    assert heard[:2] == [("upgrading", transport), ("upgrade", transport)]
    assert transport.name == "websocket"


def test_close_is_the_last_event(websocket: RawWebSocket, log: Log) -> None:
    websocket.send("4a")
    websocket.close()

    assert log.names() == ["packet", "data", "message", "close"]


def test_a_transport_error_is_an_error_and_a_close(
    websocket: RawWebSocket, log: Log
) -> None:
    websocket.send_bytes(b"\xff\xff")

    *_, error, close = log.take()
    description = error[1]
    assert error == ("error", description)
    assert close == ("close", "transport error", description)


@pytest.mark.parametrize("how", ["on", "once", "prepend_listener", "@on", "@event"])
def test_every_way_to_listen_is_heard(engine: RunningEngine, how: str) -> None:
    websocket, _ = engine.raw.open_websocket_session()
    conn = engine.session
    heard: list[str | bytes] = []

    def message(data: str | bytes) -> None:
        heard.append(data)

    if how == "@event":
        conn.event(message)
    elif how == "@on":
        conn.on("message")(message)
    else:
        getattr(conn, how)("message", message)
    websocket.send("4hello")
    engine.clock.settle()

    assert heard == ["hello"]


# Listeners take as many arguments as they like
def test_a_listener_of_close_may_take_less(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    seen: list[Any] = []
    engine.session.on("close", lambda reason: seen.append(reason))
    engine.session.on("close", lambda: seen.append("nothing"))
    engine.session.on("close", lambda *args: seen.append(args))

    websocket.close()
    engine.clock.settle()

    assert seen == ["transport close", "nothing", ("transport close", None)]


def test_a_listener_that_fails_hinders_nobody(
    engine: RunningEngine, websocket: RawWebSocket, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    engine.session.on("message", lambda message: 1 / 0)
    engine.session.on("message", heard.append)

    websocket.send("4a")
    websocket.send("4b")
    engine.clock.settle()

    assert heard == ["a", "b"]
    assert "ZeroDivisionError" in caplog.text
    assert engine.closes == []


# A listener that blocks holds up neither pongs nor other sessions
def test_a_listener_that_blocks_holds_up_nothing_else(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    gate = engine.engine.reactor.latch()
    engine.session.on("message", lambda: gate.wait())
    websocket.send("4a")
    engine.clock.settle()

    for _ in range(3):
        engine.clock.advance(25)
        websocket.send("3")

    assert engine.closes == []
    gate.set(None)


# ------------------------------------------------------------------ send


def test_send_and_write_are_the_same(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    engine.session.send("a").write("b").write(b"c")

    assert [websocket.receive() for _ in range(3)] == ["4a", "4b", b"c"]


def test_callbacks_run_in_order_once(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    done: list[int] = []

    for number in range(5):
        engine.session.send("x", callback=partial(done.append, number))

    engine.clock.settle()
    assert done == [0, 1, 2, 3, 4]
    engine.session.send("y")
    engine.clock.settle()
    assert done == [0, 1, 2, 3, 4]


def test_callbacks_need_no_listener(engine: RunningEngine) -> None:
    engine.raw.open_websocket_session()
    done: list[str] = []

    engine.session.send("x", callback=lambda: done.append("x"))

    engine.clock.settle()
    assert done == ["x"]


def test_a_callback_waits_for_the_poll(engine: RunningEngine) -> None:
    client = engine.raw.open_session()
    done: list[str] = []
    engine.session.send("a", callback=lambda: done.append("a"))
    engine.session.send("b")
    engine.session.send("c", callback=lambda: done.append("c"))
    engine.clock.settle()
    assert done == []

    client.poll()

    engine.clock.settle()
    assert done == ["a", "c"]


def test_a_callback_waits_for_the_kernel(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    done: list[str] = []
    engine.session.send("x" * (8 << 20), callback=lambda: done.append("large"))
    engine.session.send("small", callback=lambda: done.append("small"))
    engine.clock.settle()
    assert done == []

    websocket.receive()
    websocket.receive()

    engine.clock.settle()
    assert done == ["large", "small"]


def test_callbacks_are_dropped_when_the_session_closes_first(
    engine: RunningEngine,
) -> None:
    client = engine.raw.open_session()
    done: list[str] = []
    engine.session.send("a", callback=lambda: done.append("a"))

    client.post("x")
    engine.session.send("b", callback=lambda: done.append("b"))

    engine.clock.settle()
    assert done == []


def test_a_callback_may_send(engine: RunningEngine, websocket: RawWebSocket) -> None:
    conn = engine.session

    conn.send("a", callback=lambda: conn.send("b"))

    assert [websocket.receive() for _ in range(2)] == ["4a", "4b"]


def test_callbacks_survive_an_upgrade(engine: RunningEngine) -> None:
    client = engine.raw.open_session()
    done: list[str] = []
    engine.session.send("a", callback=lambda: done.append("a"))

    websocket = client.upgrade()

    assert websocket.receive() == "4a"
    engine.clock.settle()
    assert done == ["a"]


# Any native thread may call the methods that send
def test_a_native_thread_may_send(
    engine: RunningEngine, websocket: RawWebSocket
) -> None:
    conn = engine.session
    pool = gevent.get_hub().threadpool

    pool.apply(lambda: [conn.send(str(number)) for number in range(100)])

    assert [websocket.receive() for _ in range(100)] == [f"4{n}" for n in range(100)]


@pytest.mark.parametrize("discard", [False, True])
def test_close_closes(
    engine: RunningEngine, websocket: RawWebSocket, log: Log, discard: bool
) -> None:
    engine.session.close(discard)

    assert log.take() == [("close", "forced close", None)]
    websocket.wait_closed()
