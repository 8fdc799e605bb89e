"""What a client sent before it left is handled, in order, before ``disconnect``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import gevent
import pytest

import sockio
from sockio.protocol.websocket.frames import frame
from sockio.testing import FakeClock
from tests.support.served import Gate, Heard, Served

from .conftest import Serve


def masked(*texts: str) -> bytes:
    return b"".join(frame(text, mask=os.urandom(4)) for text in texts)


CLOSE_FRAME = frame(b"\x03\xe8", 8, mask=b"abcd")

#: How a client on a WebSocket leaves, and the reason that handlers get.
LEAVES: dict[str, tuple[bytes, str]] = {
    "disconnect packet": (masked("41"), "client namespace disconnect"),
    "close frame": (CLOSE_FRAME, "transport close"),
    "end of TCP": (b"", "transport close"),
    "violation": (masked("4?"), "forced close"),
    "no packet": (masked("x"), "parse error"),
    "no frame": (b"\xff\xff", "transport error"),
}


def hear(heard: Heard, *, slowly: bool) -> Callable[[int], None]:
    """Return a handler; a slow one runs until the goodbye has been read."""

    def handle(number: int) -> None:
        if slowly:
            gevent.idle()
        heard(number)

    return handle


@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize("how", LEAVES)
def test_events_and_a_goodbye_in_one_segment(
    served: Served, how: str, slowly: bool
) -> None:
    goodbye, reason = LEAVES[how]
    websocket, socket = served.connect()
    heard = Heard()
    socket.on("a", hear(heard, slowly=slowly))
    socket.on("disconnecting", lambda reason: heard("disconnecting"))
    socket.on("disconnect", lambda reason: heard("gone", reason))

    websocket.send_bytes(masked('42["a",1]', '42["a",2]', '42["a",3]') + goodbye)
    if not goodbye:
        websocket.cut()

    said = [heard.next() for _ in range(5)]
    assert said == [(1,), (2,), (3,), ("disconnecting",), ("gone", reason)]


def test_a_post_of_events_and_a_goodbye(served: Served) -> None:
    session, socket = served.poll()
    heard = Heard()
    socket.on("a", heard)
    socket.on("disconnect", lambda: heard("gone"))

    assert session.post('42["a",1]\x1e42["a",2]\x1e42["a",3]\x1e41').status == 200

    assert [heard.next() for _ in range(4)] == [(1,), (2,), (3,), ("gone",)]


@pytest.mark.parametrize("slowly", [False, True])
def test_a_post_that_ends_the_session(served: Served, slowly: bool) -> None:
    session, socket = served.poll()
    heard = Heard()
    socket.on("a", hear(heard, slowly=slowly))
    socket.on("disconnect", lambda reason: heard(reason))

    session.post('42["a",1]\x1e42["a",2]\x1e1')

    assert [heard.next() for _ in range(3)] == [(1,), (2,), ("transport close",)]


def test_a_post_right_behind_a_poll_that_was_given_up(served: Served) -> None:
    # As when a page is closed: its poll breaks off, and its last POST comes on another
    # connection.
    session, socket = served.poll()
    heard = Heard()
    socket.on("a", heard)
    socket.on("disconnect", lambda reason: heard(reason))
    poll = session.start_poll()
    gevent.idle()
    target = session.target()
    last = served.raw.http()

    poll.close()
    last.send("POST", target, '42["a","last"]')

    assert heard.next() == ("last",)
    assert heard.next() == ("transport error",)


def test_twenty_events_to_a_slow_handler(served: Served) -> None:
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("a")
    def slow(number: int) -> None:
        if not number:
            gate.stop()
        gevent.idle()
        heard(number)

    socket.on("disconnect", lambda: heard("gone"))

    websocket.send_bytes(masked(*(f'42["a",{number}]' for number in range(20)), "41"))
    gate.wait_reached()
    while socket.connected:
        gevent.idle()
    gate.open()

    assert [heard.next() for _ in range(21)] == [*((n,) for n in range(20)), ("gone",)]


@pytest.mark.parametrize("how", LEAVES)
def test_behind_a_slow_middleware(served: Served, how: str) -> None:
    goodbye, reason = LEAVES[how]
    gate, heard = Gate(), Heard()
    served.io.use(lambda socket: gate.stop())

    @served.io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        heard("connection", socket.connected)
        socket.on("a", heard)
        socket.on("disconnect", lambda reason: heard("gone", reason))

    websocket, _ = served.raw.open_websocket_session()
    websocket.send_bytes(masked("40", '42["a",1]') + goodbye)
    if not goodbye:
        websocket.cut()
    gate.wait_reached()
    if how != "disconnect packet":  # after which the connection stays
        while served.engine.clients_count:
            gevent.idle()
    gate.open()

    assert heard.next() == ("connection", False)
    assert heard.next() == (1,)
    assert heard.next() == ("gone", reason)
    assert not served.io.sockets.sockets
    assert not served.io.sockets.adapter.rooms


def test_who_said_nothing_and_left_is_not_announced(served: Served) -> None:
    gate, heard = Gate(), Heard()
    served.io.use(lambda socket: gate.stop())
    served.io.on("connection", heard)
    websocket, _ = served.raw.open_websocket_session()

    websocket.send("40")
    gate.wait_reached()
    websocket.cut()
    while served.engine.clients_count:
        gevent.idle()
    gate.open()
    other, _ = served.raw.open_websocket_session()
    other.send("40")
    other.receive_message()

    heard.next()
    assert len(heard.calls) == 1


def test_who_is_refused_after_it_left_is_not_heard(served: Served) -> None:
    gate, heard = Gate(), Heard()

    @served.io.use
    def refuse(socket: sockio.Socket[Any]) -> None:
        socket.on("a", heard)
        socket.on("disconnect", heard)
        gate.stop()
        heard("refused")
        raise sockio.ConnectError("no")

    websocket, _ = served.raw.open_websocket_session()
    websocket.send_bytes(masked("40", '42["a",1]', "41"))
    gate.wait_reached()
    gate.open()
    websocket.send("40/other,")
    websocket.receive_message()

    assert heard.calls == [("refused",)]


def test_behind_a_slow_connection_handler(served: Served) -> None:
    gate, heard = Gate(), Heard()

    @served.io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        gate.stop()
        socket.on("a", heard)
        socket.on("disconnect", lambda: heard("gone"))

    websocket, _ = served.raw.open_websocket_session()
    websocket.send_bytes(masked("40", '42["a",1]', "41"))
    gate.wait_reached()
    gate.open()

    assert [heard.next() for _ in range(2)] == [(1,), ("gone",)]


def test_behind_a_namespace_that_is_looked_up(served: Served) -> None:
    gate, heard = Gate(), Heard()

    def judge(name: str, auth: Any) -> bool:
        gate.stop()
        return True

    @served.io.of(judge).on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.on("a", heard)
        socket.on("disconnect", lambda reason: heard("gone", reason))

    websocket, _ = served.raw.open_websocket_session()
    websocket.send_bytes(masked("40/x,", '42/x,["a",1]') + CLOSE_FRAME)
    gate.wait_reached()
    while served.engine.clients_count:
        gevent.idle()
    gate.open()

    assert [heard.next() for _ in range(2)] == [(1,), ("gone", "transport close")]


def test_what_a_handler_finds_after_the_client_has_left(served: Served) -> None:
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    other, _ = served.connect()
    socket.join("room")
    served.newest().join("others")
    socket.on("slow", gate.stop)

    @socket.on("look")
    def look() -> None:
        heard(socket.connected, socket.rooms)
        socket.join("more")
        socket.emit("nobody hears")
        socket.to("others").emit("still works")
        heard(socket.rooms)
        with pytest.raises(sockio.Disconnected):
            socket.timeout(5).emit_with_ack("question")
        heard(socket.wait_for("next"))
        heard(next(socket.stream("next")))
        with pytest.raises(sockio.Disconnected):
            socket.wait_for("never")
        heard("done")

    websocket.send_bytes(
        masked('42["slow"]', '42["look"]', '42["next",1]', '42["next",2]') + CLOSE_FRAME
    )
    gate.wait_reached()
    while socket.connected:
        gevent.idle()
    assert socket.id not in served.io.sockets.sockets
    gate.open()

    rooms = frozenset((socket.id, "room"))
    assert heard.next() == (False, rooms)
    assert heard.next() == (rooms,)
    assert heard.next() == ((1,),)
    assert heard.next() == ((2,),)
    assert heard.next() == ("done",)
    assert other.receive_event() == ["still works"]


@pytest.mark.parametrize("when", ["while it is there", "when it has left"])
def test_the_servers_own_disconnect_drops_what_waits(served: Served, when: str) -> None:
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    socket.on("queued", heard)
    socket.on("disconnect", lambda: heard("gone"))

    @socket.on("slow")
    def slow() -> None:
        gate.stop()
        socket.disconnect()

    websocket.send('42["slow"]')
    websocket.send('42["queued"]')
    gate.wait_reached()
    if when == "when it has left":
        websocket.close()
        while socket.connected:
            gevent.idle()
    gate.open()

    assert heard.next() == ("gone",)
    assert heard.calls == [("gone",)]


def test_a_guard_that_disconnects_drops_its_event(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("a", heard)
    socket.on("disconnect", lambda: heard("gone"))
    socket.use(lambda event, args: socket.disconnect() and None)

    websocket.send_bytes(masked('42["a",1]', '42["a",2]'))

    assert heard.next() == ("gone",)
    assert heard.calls == [("gone",)]


def test_with_cancel_on_disconnect_nothing_more_is_handled(serve: Serve) -> None:
    served = serve(cancel_on_disconnect=True)
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    socket.on("slow", gate.stop)
    socket.on("queued", heard)
    socket.on("disconnect", lambda: heard("gone"))

    websocket.send('42["slow"]')
    websocket.send('42["queued"]')
    gate.wait_reached()
    websocket.close()

    assert heard.next() == ("gone",)
    assert heard.calls == [("gone",)]


@pytest.mark.parametrize("times", [1, 2])
def test_who_recovers_meanwhile_waits_for_the_former_socket(
    serve: Serve, times: int
) -> None:
    served = serve(connection_state_recovery=True)
    gate, heard = Gate(), Heard()

    @served.io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        heard("connection", socket.recovered)
        socket.on("slow", gate.stop)
        socket.on("say", heard)
        socket.on("disconnect", lambda: heard("gone"))

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    answer = str(websocket.receive_message())
    pid = re.search(r'"pid":"([^"]+)"', answer)[1]  # type: ignore[index]
    sid = re.search(r'"sid":"([^"]+)"', answer)[1]  # type: ignore[index]
    served.io.emit("offset")
    offset = websocket.receive_event()[-1]
    websocket.send_bytes(masked('42["slow"]', '42["say","first"]'))
    gate.wait_reached()
    for number in range(times):
        websocket.cut()
        websocket, _ = served.raw.open_websocket_session()
        websocket.send_bytes(
            masked(f'40{{"pid":"{pid}","offset":"{offset}"}}', f'42["say",{number}]')
        )
        assert f'"sid":"{sid}"' in str(websocket.receive_message())
    assert heard.calls == [("connection", False)]
    gate.open()

    expected: list[tuple[Any, ...]] = [("connection", False), ("first",), ("gone",)]
    for number in range(times):
        expected += [("connection", True), (number,)]
        expected += [("gone",)] if number + 1 < times else []
    assert [heard.next() for _ in expected] == expected


def test_it_is_over_soon_where_the_server_ends(served: Served) -> None:
    # "server shutting down" is not the client's doing, but what it sent is not lost.
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    socket.on("slow", gate.stop)
    socket.on("queued", lambda: heard("queued"))
    socket.on("disconnect", heard)
    websocket.send_bytes(masked('42["slow"]', '42["queued"]'))
    gate.wait_reached()

    served.io.close()
    gate.open()

    assert heard.next() == ("queued",)
    assert heard.next() == ("server shutting down", None)


@pytest.mark.parametrize("count", [3, 500])
def test_a_ping_timeout_is_no_exception(
    serve: Serve, clock: FakeClock, count: int
) -> None:
    served = serve(clock=clock)
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    socket.on("slow", gate.stop)
    socket.on("a", heard)
    socket.on("disconnect", lambda reason: heard(reason))
    websocket.send('42["slow"]')
    websocket.send_bytes(masked(*['42["a"]'] * count))
    gate.wait_reached()
    clock.advance(25)
    clock.advance(21)
    while socket.connected:
        gevent.idle()
    gate.open()

    assert [heard.next() for _ in range(count + 1)][-1] == ("ping timeout",)
