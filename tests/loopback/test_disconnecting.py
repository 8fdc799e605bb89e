"""Disconnects: every way to go, the reason on both ends, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

import sockio
from sockio.errors import Disconnected
from sockio.testing import FakeClock
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import NO_CODE, RawWebSocket
from tests.support.served import Gate, Heard, Served

from .conftest import Serve


def reasons(socket: Any) -> Heard:
    """Listen to both events of the end; their names come first."""
    heard = Heard()
    for name in ("disconnecting", "disconnect"):
        socket.on(name, lambda *args, n=name: heard(n, *args))
    return heard


def expect(heard: Heard, reason: str, description: object = None) -> None:
    """Check that both events came, with the same arguments."""
    for name in ("disconnecting", "disconnect"):
        assert heard.next() == (name, reason, description)


def wait_gone(served: Served) -> None:
    """Wait until the server has no session any more."""
    with gevent.Timeout(30):
        while served.engine.clients_count:
            gevent.idle()


# ------------------------------------------------------------------ the client goes


def test_a_client_that_leaves_the_namespace(served: Served) -> None:
    # It sends 41; nothing is sent back, and the engine session stays open.
    websocket, socket = served.connect()
    heard = reasons(socket)

    websocket.send("41")

    expect(heard, "client namespace disconnect")
    assert served.engine.clients_count == 1
    socket.emit("not sent")
    websocket.send("40")
    assert str(websocket.receive()).startswith("40{")


@pytest.mark.parametrize("how", ["close", "cut"])
def test_a_websocket_that_ends(served: Served, how: str) -> None:
    websocket, socket = served.connect()
    heard = reasons(socket)

    getattr(websocket, how)()

    expect(heard, "transport close")


def test_a_websocket_that_is_reset(served: Served) -> None:
    websocket, socket = served.connect()
    heard = reasons(socket)

    websocket.wire.reset()

    expect(heard, "transport close")


def test_a_polling_client_that_says_goodbye(served: Served) -> None:
    # It posts packet 1; the GET that waits is answered with 6.
    session, socket = served.poll()
    heard = reasons(socket)
    poll = session.start_poll()

    assert session.post("1").text == "ok"

    expect(heard, "transport close")
    assert poll.receive().text == "6"


def test_a_polling_client_that_hangs_up(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    session, socket = served.poll()
    heard = reasons(socket)
    poll = session.start_poll()
    clock.settle()

    poll.close()

    expect(heard, "transport error", "poll connection closed prematurely")


def test_a_polling_client_that_polls_twice(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    session, socket = served.poll()
    heard = reasons(socket)
    first = session.start_poll()
    clock.settle()

    second = session.start_poll()

    expect(heard, "transport error", "overlap from client")
    assert first.receive().text == "1"
    assert second.receive().status == 400


def test_a_client_that_is_silent(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    websocket, socket = served.connect()
    heard = reasons(socket)

    clock.advance(25)
    clock.advance(20)

    expect(heard, "ping timeout")
    assert websocket.wait_closed().code == NO_CODE


def test_a_polling_client_that_is_silent(serve: Serve, clock: FakeClock) -> None:
    # The timer runs although no poll waits.
    served = serve(clock=clock)
    _, socket = served.poll()
    heard = reasons(socket)

    clock.advance(45)

    expect(heard, "ping timeout")


@pytest.mark.parametrize("bad", ["x", "", "7"])
def test_a_packet_that_is_none(served: Served, bad: str) -> None:
    websocket, socket = served.connect()
    heard = reasons(socket)

    websocket.send(bad)

    assert [call[:2] for call in (heard.next(), heard.next())] == [
        ("disconnecting", "parse error"),
        ("disconnect", "parse error"),
    ]


def test_a_polling_client_that_posts_nonsense(served: Served) -> None:
    session, socket = served.poll()
    heard = reasons(socket)

    assert session.post("4a\x1ex").status == 400

    assert heard.next()[1] in ("forced close", "parse error")


# ------------------------------------------------------------------ violations


def test_a_violation_on_a_websocket(served: Served) -> None:
    websocket, socket = served.connect()
    heard = reasons(socket)

    websocket.send("40")

    expect(heard, "forced close")
    assert websocket.wait_closed().code == NO_CODE


def test_a_violation_on_polling_with_a_waiting_poll(
    serve: Serve, clock: FakeClock
) -> None:
    # The transport finishes first, since a GET waits.
    served = serve(clock=clock)
    session, socket = served.poll()
    heard = reasons(socket)
    poll = session.start_poll()
    clock.settle()

    session.post("40")

    expect(heard, "forced close")
    assert poll.receive().text == "1"


def test_a_violation_on_polling_without_a_poll(served: Served) -> None:
    session, socket = served.poll()
    heard = reasons(socket)

    session.post("40")

    expect(heard, "forced server close")
    assert session.poll().packets == ["6", "1"]
    wait_gone(served)


# ------------------------------------------------------------------ the server ends it


def test_a_socket_that_is_thrown_out(served: Served) -> None:
    # For the client the reason is "io server disconnect".
    websocket, socket = served.connect()
    heard = reasons(socket)

    assert socket.disconnect() is socket

    assert (socket.connected, socket.disconnected) == (False, True)
    expect(heard, "server namespace disconnect")
    assert websocket.receive() == "41"
    assert served.engine.clients_count == 1


def test_disconnect_true_closes_the_connection(served: Served) -> None:
    # Every namespace gets a DISCONNECT, then the session closes.
    served.io.of("/chat")
    websocket, socket = served.connect()
    chat = served.also(websocket, "/chat")
    heard, heard_chat = reasons(socket), reasons(chat)

    socket.disconnect(True)

    expect(heard, "server namespace disconnect")
    expect(heard_chat, "server namespace disconnect")
    assert websocket.receive() == "41"
    assert websocket.receive() == "41/chat,"
    assert websocket.wait_closed().code == NO_CODE


def test_disconnect_true_of_a_polling_client(served: Served) -> None:
    # It reads 41, then 6 and 1.
    session, socket = served.poll()
    heard = reasons(socket)

    socket.disconnect(True)

    expect(heard, "server namespace disconnect")
    assert session.poll().packets == ["41"]
    assert session.poll().packets == ["6", "1"]
    assert session.poll().status == 400


def test_disconnect_true_of_a_waiting_poll(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    session, socket = served.poll()
    poll = session.start_poll()
    clock.settle()

    socket.disconnect(True)

    assert poll.receive().packets == ["41"]
    assert session.poll().packets == ["6", "1"]


def test_disconnect_again_does_nothing(served: Served) -> None:
    websocket, socket = served.connect()
    heard = reasons(socket)

    for close in (False, False, True):
        socket.disconnect(close)

    expect(heard, "server namespace disconnect")
    assert websocket.receive() == "41"
    gevent.idle()
    assert len(heard.calls) == 2
    assert served.engine.clients_count == 1


def test_the_engine_session_closes(served: Served) -> None:
    websocket, socket = served.connect()
    heard = reasons(socket)

    socket.conn.close()

    expect(heard, "forced close")
    assert websocket.wait_closed().code == NO_CODE


def test_disconnect_in_a_handler(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()

    @socket.on("bye")
    def bye() -> str:
        socket.on("disconnect", heard)
        socket.disconnect()
        heard("handler goes on", socket.connected)
        return "not sent"

    websocket.send('421["bye"]')

    assert heard.next() == ("handler goes on", False)
    assert heard.next() == ("server namespace disconnect", None)
    assert websocket.receive() == "41"
    websocket.send("40")
    assert str(websocket.receive()).startswith("40{")


def test_disconnect_in_the_connection_handler(served: Served) -> None:
    heard = Heard()

    @served.io.on("connection")
    def connected(socket: Any) -> None:
        socket.on("disconnect", heard)
        socket.disconnect(True)

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")

    assert str(websocket.receive()).startswith("40{")
    assert websocket.receive() == "41"
    websocket.wait_closed()
    assert heard.next() == ("server namespace disconnect", None)


# ------------------------------------------------------------------ the server closes


def test_close_disconnects_everybody(served: Served) -> None:
    # No DISCONNECT packet is sent.
    served.io.of("/chat")
    websocket, socket = served.connect()
    heard, heard_chat = reasons(socket), reasons(served.also(websocket, "/chat"))

    served.io.close()

    expect(heard, "server shutting down")
    expect(heard_chat, "server shutting down")
    websocket.wait_closed()
    assert websocket.waiting == []


def test_close_answers_a_waiting_poll(serve: Serve, clock: FakeClock) -> None:
    # It is answered with 1.
    served = serve(clock=clock)
    session, socket = served.poll()
    heard = reasons(socket)
    poll = session.start_poll()
    clock.settle()

    served.io.close()

    expect(heard, "server shutting down")
    assert poll.receive().text == "1"


def test_close_ends_who_is_still_in_a_middleware(served: Served) -> None:
    gate, heard = Gate(), Heard()
    served.io.use(lambda socket: gate.stop())
    served.io.on("connection", heard)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    gate.wait_reached()

    served.io.close()
    gate.open()

    websocket.wait_closed()
    gevent.idle()
    assert heard.calls == []
    assert served.io.sockets.empty


def test_close_may_be_called_twice_and_before_the_start(served: Served) -> None:
    sockio.Server().close()

    served.io.close()
    served.io.close()


def test_drain_lets_clients_go_one_after_the_other(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(clock=clock)
    pairs = [served.connect() for _ in range(3)]
    draining = gevent.spawn(served.io.drain, 0.3)

    left = []
    for _ in range(3):
        clock.settle()
        left.append(served.engine.clients_count)
        clock.advance(0.1)

    assert left == [2, 1, 0]
    assert draining.ready()
    for websocket, socket in pairs:
        assert socket.disconnected
        websocket.wait_closed()
    answer = served.raw.request(transport="polling")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


# ------------------------------------------------------------------ nothing is lost


def _by_websocket(served: Served) -> tuple[Any, Callable[[], list[str]]]:
    websocket, socket = served.connect()

    def receive() -> list[str]:
        websocket.wait_closed()
        return [str(message) for message in websocket.waiting]

    return socket, receive


def _by_polling(served: Served) -> tuple[Any, Callable[[], list[str]]]:
    session, socket = served.poll()
    return socket, lambda: _poll_to_the_end(session)


def _by_waiting_poll(served: Served) -> tuple[Any, Callable[[], list[str]]]:
    session, socket = served.poll()
    poll = session.start_poll()
    gevent.idle()
    return socket, lambda: poll.receive().packets + _poll_to_the_end(session)


def _poll_to_the_end(session: PollingSession) -> list[str]:
    packets: list[str] = []
    while "1" not in packets:
        packets += session.poll().packets
    return [packet for packet in packets if packet not in ("1", "6")]


@pytest.mark.parametrize("connect", [_by_websocket, _by_polling, _by_waiting_poll])
def test_what_is_emitted_before_the_disconnect_arrives(
    served: Served, connect: Callable[[Served], tuple[Any, Callable[[], list[str]]]]
) -> None:
    # It closes in order, a hundred times out of a hundred.
    for _ in range(100):
        socket, receive = connect(served)

        for number in range(5):
            socket.emit("n", number)
        socket.disconnect(True)

        assert receive() == [f'42["n",{number}]' for number in range(5)] + ["41"]


def test_a_slow_reader_gets_everything_too(served: Served) -> None:
    websocket, socket = served.connect()
    chunk = "x" * 900_000

    for _ in range(10):
        socket.emit("big", chunk)
    socket.disconnect(True)

    for _ in range(10):
        assert websocket.receive_event() == ["big", chunk]
    assert websocket.receive() == "41"
    websocket.wait_closed()


def test_after_the_disconnect_nothing_is_sent(served: Served) -> None:
    websocket, socket = served.connect()
    socket.disconnect()

    socket.emit("x")
    socket.volatile.emit("x")
    socket.send("x")
    served.io.to(socket.id).emit("x")

    assert websocket.receive() == "41"
    websocket.send("40")
    assert str(websocket.receive()).startswith("40{")


def test_a_socket_may_still_broadcast_when_it_has_gone(served: Served) -> None:
    websocket, _ = served.connect()
    gone_websocket, gone = served.connect()
    gone.on("disconnect", lambda reason: gone.broadcast.emit("left", gone.id))

    gone_websocket.close()

    assert websocket.receive_event() == ["left", gone.id]


# ------------------------------------------------------------------ the order


def test_everything_has_changed_when_the_handlers_run(served: Served) -> None:
    # One atomic step, then `disconnecting` and `disconnect`.
    heard = Heard()
    websocket, socket = served.connect()

    def look(reason: str) -> None:
        heard(
            socket.connected,
            socket.id in served.io.sockets.sockets,
            served.io.fetch_sockets(),
        )

    socket.on("disconnecting", look)
    socket.on("disconnect", look)

    websocket.close()

    assert heard.next() == (False, False, [])
    assert heard.next() == (False, False, [])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_handlers_take_as_many_arguments_as_they_want(
    served: Served, count: int
) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    handlers: list[Callable[..., Any]] = [
        lambda: heard(),
        lambda reason: heard(reason),
        lambda reason, description: heard(reason, description),
    ]
    socket.on("disconnect", handlers[count])

    websocket.close()

    assert heard.next() == ("transport close", None)[:count]


def test_a_handler_that_runs_is_not_interrupted(served: Served) -> None:
    # Disconnect handlers run after the running handler ends.
    gate, order = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("slow")
    def slow() -> None:
        gate.stop()
        order("slow ended")

    socket.on("disconnect", lambda: order("disconnect"))
    websocket.send('42["slow"]')
    gate.wait_reached()
    websocket.close()
    wait_gone(served)
    gate.open()

    assert order.next() == ("slow ended",)
    assert order.next() == ("disconnect",)


def test_a_handler_is_killed_where_that_is_wanted(serve: Serve) -> None:
    served = serve(cancel_on_disconnect=True)
    gate, order = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("slow")
    def slow() -> None:
        try:
            gate.stop()
        finally:
            order("killed")

    socket.on("disconnect", lambda: order("disconnect"))
    websocket.send('42["slow"]')
    gate.wait_reached()

    websocket.close()

    assert order.next() == ("killed",)
    assert order.next() == ("disconnect",)


def test_only_the_handler_is_killed(serve: Serve) -> None:
    served = serve(cancel_on_disconnect=True)
    gate, order = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("ends in time")
    def handler() -> None:
        order("waiting")
        try:
            socket.emit_with_ack("q")
        except Disconnected:
            order("handler ended")

    @socket.on("disconnect")
    def disconnected() -> None:
        gate.stop()
        order("disconnect ended")

    websocket.send('42["ends in time"]')
    order.next()
    websocket.close()
    wait_gone(served)
    gevent.idle()
    gate.open()

    *_, last = order.calls
    while last != ("disconnect ended",):
        last = order.next()


def test_a_handler_that_disconnects_its_own_socket_is_not_killed(
    serve: Serve,
) -> None:
    served = serve(cancel_on_disconnect=True)
    heard = Heard()
    websocket, socket = served.connect()

    @socket.on("bye")
    def bye() -> None:
        socket.disconnect()
        gevent.idle()
        heard("still here")

    websocket.send('42["bye"]')

    assert heard.next() == ("still here",)


def test_a_disconnect_handler_that_fails_does_not_stop_the_next(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("disconnecting", lambda: 1 / 0)
    socket.on("disconnect", lambda: 1 / 0)
    socket.on("disconnect", heard)

    websocket.close()

    assert heard.next() == ("transport close", None)
    assert "ZeroDivisionError" in caplog.text


def test_each_socket_of_a_client_is_told(served: Served) -> None:
    served.io.of("/chat")
    websocket, main = served.connect()
    chat = served.also(websocket, "/chat")
    heard_main, heard_chat = reasons(main), reasons(chat)

    websocket.close()

    expect(heard_main, "transport close")
    expect(heard_chat, "transport close")


def test_reasons_are_an_enum_and_text(served: Served) -> None:
    # They equal Node's strings, and str() returns these.
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("disconnect", heard)

    websocket.close()

    (reason, _) = heard.next()
    assert reason == sockio.Reason.TRANSPORT_CLOSE
    assert f"{reason}" == "transport close"


def test_many_clients_go_at_once(served: Served) -> None:
    heard = Heard()
    served.io.on("connection", lambda socket: socket.on("disconnect", heard))
    websockets: list[RawWebSocket] = [served.connect()[0] for _ in range(50)]

    for websocket in websockets:
        websocket.cut()

    for _ in websockets:
        assert heard.next() == ("transport close", None)
    assert not served.io.sockets.sockets
    assert not served.io.sockets.adapter.rooms
