"""An observer: what happens on a running server, as it is told of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
import pytest

import sockio
from sockio.adapters import Cluster, Exchange
from sockio.errors import AckTimeout, BufferFull, ConfigError, ConnectError
from sockio.runtime.observers import HOOKS
from sockio.testing import FakeClock
from tests.support.held_bus import HeldBus
from tests.support.served import Gate, Heard, Served
from tests.support.waiting import wait_until

from .conftest import Serve
from .test_recovery import connect, join, lose
from .test_threads import in_thread


class Recorder(sockio.Observer):
    """Remembers everything."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.news = gevent.event.Event()

    def of(self, *hooks: str) -> list[tuple[Any, ...]]:
        """Return what was told through these hooks, with their names."""
        return [entry for entry in self.seen if entry[0] in hooks]

    def wait(self, hook: str) -> tuple[Any, ...]:
        """Return the arguments of the first call of a hook. Blocks until it comes."""
        while not (found := self.of(hook)):
            self.news.clear()
            assert self.news.wait(30), f"no {hook}"
        return tuple(found[0][1:])


def _remember(hook: str) -> Callable[..., None]:
    def method(self: Recorder, *args: Any) -> None:
        self.seen.append((hook, *args))
        self.news.set()

    return method


for _hook in HOOKS:
    setattr(Recorder, _hook, _remember(_hook))


@pytest.fixture
def recorder(io: sockio.Server[Any]) -> Recorder:
    recorder = Recorder()
    io.observe(recorder)
    return recorder


def packets(recorder: Recorder) -> list[tuple[str, str, Any, int]]:
    """Return direction, type, data and size of the packets."""
    return [
        (hook.removeprefix("packet_"), packet.type.name, packet.data, size)
        for hook, _, packet, size in recorder.of("packet_in", "packet_out")
    ]


# ------------------------------------------------------------------ packets


def test_all_packets_of_a_client(served: Served, recorder: Recorder) -> None:
    websocket, socket = served.connect()
    socket.on("add", lambda a, b: a + b)
    websocket.send('420["add",1,2]')
    assert websocket.receive_message() == "430[3]"
    socket.emit("plain", 1)
    socket.compress(False).emit("flagged", b"ab")
    served.io.emit("all")
    answered = Heard()
    socket.emit("q", ack=answered)
    for _ in range(5):
        websocket.receive_message()
    websocket.send("430[]")
    answered.next()
    socket.disconnect()
    assert websocket.receive_message() == "41"

    sid = {"sid": socket.id}
    told = packets(recorder)
    assert told[:4] == [
        ("in", "CONNECT", None, 1),
        ("out", "CONNECT", sid, len('0{"sid":""}') + len(socket.id)),
        ("in", "EVENT", ["add", 1, 2], len('20["add",1,2]')),
        ("out", "ACK", [3], len("30[3]")),
    ]
    assert [(way, kind, data) for way, kind, data, _ in told[4:8]] == [
        ("out", "EVENT", ["plain", 1]),
        ("out", "EVENT", ["flagged", b"ab"]),
        ("out", "EVENT", ["all"]),
        ("out", "EVENT", ["q"]),
    ]
    assert told[-1][:2] == ("out", "DISCONNECT")
    assert {session for _, session, _, _ in recorder.of("packet_in")} == {socket.conn}


def test_a_namespace_that_there_is_not(served: Served, recorder: Recorder) -> None:
    websocket, _ = served.connect()

    websocket.send("40/none,")
    websocket.receive_message()

    assert [told[:3] for told in packets(recorder)[-2:]] == [
        ("in", "CONNECT", None),
        ("out", "CONNECT_ERROR", {"message": "Invalid namespace"}),
    ]


def test_packets_of_a_native_thread(served: Served, recorder: Recorder) -> None:
    websocket, socket = served.connect()

    in_thread(lambda: socket.emit("thread", 1))

    assert websocket.receive_event() == ["thread", 1]
    assert packets(recorder)[-1][:3] == ("out", "EVENT", ["thread", 1])


@pytest.mark.parametrize("parser", ["msgpack", "auto"])
def test_packets_of_other_parsers(serve: Serve, parser: str) -> None:
    served, recorder = serve(parser=parser), Recorder()
    served.io.observe(recorder)
    websocket, _ = served.raw.open_websocket_session()
    packet = b"\x82\xa4type\x00\xa3nsp\xa1/"
    websocket.send(packet)
    websocket.receive_message()

    served.io.emit("hi")
    size = len(websocket.receive_message())

    told = packets(recorder)
    assert told[0] == ("in", "CONNECT", None, len(packet))
    assert told[-1][:3] == ("out", "EVENT", ["hi"])
    assert told[-1][3] == size


def test_clients_that_are_there_are_watched_from_now_on(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("before", lambda: None)
    websocket.send('420["before"]')
    websocket.receive_message()
    recorder = Recorder()

    served.io.observe(recorder)
    socket.emit("after")
    websocket.receive_event()

    assert packets(recorder) == [("out", "EVENT", ["after"], len('2["after"]'))]


def test_messages_are_the_frames_of_packets(served: Served, recorder: Recorder) -> None:
    websocket, socket = served.connect()
    websocket.send('451-["é",{"_placeholder":true,"num":0}]')
    websocket.send(b"\xff")
    wait_until(lambda: recorder.of("packet_in")[1:])
    socket.emit("out", b"x")
    websocket.receive_message()

    assert [data for _, _, data in recorder.of("message_in")][1:] == [
        '51-["é",{"_placeholder":true,"num":0}]',
        b"\xff",
    ]
    assert [data for _, _, data in recorder.of("message_out")][1:] == [
        '51-["out",{"_placeholder":true,"num":0}]',
        b"x",
    ]


def test_the_end_of_the_server(serve: Serve) -> None:
    served, recorder = serve(), Recorder()
    served.io.observe(recorder)
    served.connect()

    served.io.close()

    hooks = recorder.of("socket_disconnected", "session_closed", "server_closed")
    assert [hook for hook, *_ in hooks] == [
        "socket_disconnected",
        "session_closed",
        "server_closed",
    ]


def test_after_the_last_observer_packets_cost_what_they_did(served: Served) -> None:
    recorder = Recorder()
    _, socket = served.connect()
    _, heard = served.connect()
    served.io.observe(recorder)
    heard.conn.on("packet", lambda packet: None)

    served.io._lifecycle.unobserve(recorder)

    assert socket.conn.watch is None
    assert heard.conn.watch is not None  # it has a listener
    assert served.connect()[1].conn.watch is None


def test_who_listens_to_all_sessions_still_sees_them(served: Served) -> None:
    recorder = Recorder()
    served.io.engine.on("flush", lambda *_: None)
    _, socket = served.connect()
    served.io.observe(recorder)

    served.io._lifecycle.unobserve(recorder)

    assert socket.conn.watch is not None


def test_a_volatile_event_that_is_dropped(served: Served, recorder: Recorder) -> None:
    websocket, socket = served.connect()
    gevent.idle()

    socket.emit("first")
    socket.volatile.emit("dropped", 1)

    [(_, whose, packet)] = recorder.of("packet_dropped")
    assert (whose, packet.data) == (socket, ["dropped", 1])
    assert websocket.receive_event() == ["first"]


def test_nothing_is_watched_for_other_hooks(served: Served) -> None:
    class Refusals(sockio.Observer):
        def request_refused(self, request: Any, code: int, message: str) -> None:
            pass

    served.io.observe(Refusals())
    _, socket = served.connect()

    assert socket.conn.watch is None


# ------------------------------------------------------------------ sessions, sockets


def test_the_life_of_a_client(served: Served, recorder: Recorder) -> None:
    websocket, socket = served.connect()
    session = socket.conn
    socket.join("room")
    websocket.cut()
    recorder.wait("session_closed")

    hooks = ("session_opened", "session_closed", "socket_connected", "room_joined")
    told = recorder.of(*hooks, "socket_disconnected", "room_left")
    assert told[:4] == [
        ("session_opened", session),
        ("room_joined", "/", socket.id, socket.id),
        ("socket_connected", socket),
        ("room_joined", "/", "room", socket.id),
    ]
    assert {entry[2] for entry in recorder.of("room_left")} == {socket.id, "room"}
    assert recorder.of("socket_disconnected") == [
        ("socket_disconnected", socket, "transport close")
    ]
    [(_, whose, reason, _)] = recorder.of("session_closed")
    assert (whose, reason) == (session, "transport close")


def test_a_session_that_moves(served: Served, recorder: Recorder) -> None:
    polling, socket = served.poll()
    polling.upgrade()

    session, before = recorder.wait("session_upgraded")

    assert (session, before, session.transport_name) == (
        socket.conn,
        "polling",
        "websocket",
    )


def test_a_client_that_is_too_slow(serve: Serve) -> None:
    served, recorder = (
        serve(buffer=sockio.BufferPolicy(high=1000, low=500)),
        Recorder(),
    )
    served.io.observe(recorder)
    _, socket = served.poll()

    for _ in range(3):
        socket.emit("x", "x" * 1000)

    _, reason, why = recorder.wait("session_closed")
    assert (reason, type(why)) == ("transport error", BufferFull)


def test_requests_that_are_refused(served: Served, recorder: Recorder) -> None:
    assert served.raw.request("GET", transport="carrier").status == 400

    [(_, request, code, message)] = recorder.of("request_refused")
    assert (request.query["transport"], code, message) == (
        "carrier",
        0,
        "Transport unknown",
    )


def test_clients_that_a_middleware_refuses(served: Served, recorder: Recorder) -> None:
    @served.io.use
    def refuse(socket: sockio.Socket[Any]) -> None:
        raise ConnectError("members only")

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    websocket.receive_message()

    [(_, socket, message)] = recorder.of("socket_refused")
    assert (socket.connected, message) == (False, "members only")
    assert not recorder.of("socket_connected", "socket_disconnected")


def test_events_that_are_rejected(served: Served, recorder: Recorder) -> None:
    websocket, socket = served.connect()
    socket.on("add", lambda a, b: a + b)
    socket.use(lambda event, args: event != "bad")

    for event in '42["add",1]', '42["bad"]', '420["add",1,2]':
        websocket.send(event)
    assert websocket.receive_message() == "430[3]"

    (_, whose, event, error), other = recorder.of("event_rejected")
    assert (whose, event, type(error)) == (socket, "add", sockio.EventRejected)
    assert other[1:3] == (socket, "bad")
    assert str(other[3]) == "rejected"


@pytest.mark.parametrize("waits", [True, False])
def test_answers_that_do_not_come(
    serve: Serve, clock: FakeClock, *, waits: bool
) -> None:
    served, recorder = serve(clock=clock), Recorder()
    served.io.observe(recorder)
    _, socket = served.connect()

    if waits:
        asking = gevent.spawn(socket.call, "q", timeout=5)
    else:
        socket.timeout(5).emit("q", ack=Heard())
    clock.settle()
    clock.advance(5)

    assert recorder.wait("answer_missing") == (socket, "q")
    if waits:
        with pytest.raises(AckTimeout):
            asking.get(timeout=30)


# ------------------------------------------------------------------ recovery


def test_a_client_that_comes_back(serve: Serve, clock: FakeClock) -> None:
    served, recorder = (
        serve(connection_state_recovery=True, clock=clock),
        Recorder(),
    )
    served.io.observe(recorder)
    websocket, joined, socket = connect(served)
    socket.emit("first")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    served.io.emit("missed", 1)

    websocket, back, socket = connect(served, pid=joined.pid, offset=offset)

    assert back.sid == joined.sid
    [(_, whose, events, size)] = recorder.of("events_recovered")
    assert (whose, events) == (socket, 1)
    assert size > len('2["missed",1]')
    assert recorder.of("socket_connected")[-1][1].recovered
    assert packets(recorder)[-1][:2] == ("out", "CONNECT")
    assert not recorder.of("recovery_failed")


def test_a_client_that_comes_back_too_late(serve: Serve) -> None:
    served, recorder = serve(connection_state_recovery=True), Recorder()
    served.io.observe(recorder)
    websocket, _ = served.raw.open_websocket_session()

    join(websocket, pid="unknown", offset="unknown")

    [(_, socket)] = recorder.of("recovery_failed")
    assert not socket.recovered


# ------------------------------------------------------------------ handlers, servers


def test_handlers_begin_and_end(served: Served, recorder: Recorder) -> None:
    websocket, socket = served.connect()

    @socket.on("fails")
    def fails() -> None:
        raise ValueError("no")

    @socket.on("works")
    def works() -> int:
        return 1

    websocket.send('42["fails"]')
    websocket.send('420["works"]')
    websocket.receive_message()

    began = [call.event for _, call in recorder.of("handler_began")]
    ended = [(call.event, type(e)) for _, call, e in recorder.of("handler_ended")]
    assert began == ["fails", "works"]
    assert ended == [("fails", ValueError), ("works", type(None))]


def test_servers_that_are_silent(serve: Serve, clock: FakeClock) -> None:
    exchange = Exchange()
    bus = HeldBus(exchange.bus())
    served = serve(adapter=Cluster(bus), clock=clock)
    serve(adapter=Cluster(exchange.bus()), clock=clock).io.start()
    recorder = Recorder()
    served.io.observe(recorder)
    served.io.start()
    bus.held = True

    asking = gevent.spawn(served.io.fetch_sockets, allow_partial=True)
    clock.settle()
    clock.advance(5)

    assert asking.get(timeout=30) == []
    namespace, error = recorder.wait("adapter_failed")
    assert (namespace, type(error)) == ("/", sockio.ClusterTimeout)


# ------------------------------------------------------------------ observers that err


def test_an_observer_that_fails_harms_nobody(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(sockio.Observer):
        def packet_in(self, session: Any, packet: Any, size: int) -> None:
            raise ValueError("full")

    recorder = Recorder()
    served.io.observe(Failing())
    served.io.observe(recorder)

    with caplog.at_level(logging.ERROR, "sockio"):
        websocket, socket = served.connect()
        socket.on("echo", lambda value: value)
        websocket.send('420["echo",1]')
        assert websocket.receive_message() == "430[1]"

    assert len(recorder.of("packet_in")) == 2
    assert sum("watches no more" in line for line in caplog.messages) == 1


def test_an_observer_that_blocks_in_the_hub_watches_no_more(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()

    class Blocking(sockio.Observer):
        def packet_in(self, session: Any, packet: Any, size: int) -> None:
            gate.stop()

    served.io.observe(Blocking())

    with caplog.at_level(logging.ERROR, "sockio"):
        websocket, socket = served.connect()
        socket.on("echo", lambda value: value)
        websocket.send('420["echo",1]')
        assert websocket.receive_message() == "430[1]"

    assert sum("watches no more" in line for line in caplog.messages) == 1


def test_what_is_no_observer(io: sockio.Server[Any]) -> None:
    wrong: Any = Recorder
    with pytest.raises(ConfigError, match=r"derived from sockio\.Observer"):
        io.observe(wrong)
