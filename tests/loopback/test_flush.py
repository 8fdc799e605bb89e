"""Flush: what becomes of a packet between ``emit`` and the transport."""

from __future__ import annotations

from functools import partial
from typing import Any

import gevent
import pytest

from sockio import BufferPolicy
from sockio.errors import BufferFull
from sockio.testing import FakeClock
from tests.support.served import Heard, Served

from .conftest import Serve


def watched(served: Served, socket: Any) -> Heard:
    """Listen to the events of sending, with the data of the packets."""
    heard = Heard()

    def data(packets: Any) -> list[Any]:
        return [packet.data for packet in packets]

    conn, engine = socket.conn, served.engine
    conn.on("packet_create", lambda packet: heard("packet_create", packet.data))
    conn.on("flush", lambda packets: heard("flush", data(packets)))
    conn.on("drain", lambda: heard("drain"))
    engine.on("flush", lambda conn, packets: heard("engine flush", data(packets)))
    engine.on("drain", lambda conn: heard("engine drain"))
    return heard


def test_a_packet_is_created_flushed_and_drained(served: Served) -> None:
    # flush and drain fire on the session and on the engine.
    _, socket = served.connect()
    heard = watched(served, socket)

    socket.emit("x", 1)

    text = '2["x",1]'
    assert [heard.next() for _ in range(5)] == [
        ("packet_create", text),
        ("flush", [text]),
        ("engine flush", [text]),
        ("drain",),
        ("engine drain",),
    ]


def test_polling_flushes_once_for_each_poll(served: Served) -> None:
    # One flush for each GET, of all that waits.
    session, socket = served.poll()
    heard = watched(served, socket)

    socket.emit("x", 1)
    socket.emit("x", 2)
    assert [packet.data for packet in socket.conn.write_buffer] == [
        '2["x",1]',
        '2["x",2]',
    ]
    session.poll()

    assert [heard.next()[0] for _ in range(6)] == [
        "packet_create",
        "packet_create",
        "flush",
        "engine flush",
        "drain",
        "engine drain",
    ]
    assert heard.calls[2] == ("flush", ['2["x",1]', '2["x",2]'])
    assert socket.conn.write_buffer == []


def test_callbacks_of_send_run_in_order_once(served: Served) -> None:
    order = Heard()
    session, socket = served.poll()

    for number in range(3):
        socket.conn.send(str(number), callback=partial(order, number))
    gevent.idle()
    assert order.calls == []
    assert session.poll().packets == ["40", "41", "42"]

    assert [order.next() for _ in range(3)] == [(0,), (1,), (2,)]
    socket.emit("more")
    session.poll()
    assert len(order.calls) == 3


def test_callbacks_of_a_session_that_closes_first_never_run(served: Served) -> None:
    called, gone = Heard(), Heard()
    session, socket = served.poll()
    socket.conn.send("x", callback=called)
    socket.on("disconnect", gone)

    session.post("1")

    gone.next()
    gevent.idle()
    assert called.calls == []


def test_what_is_emitted_while_the_session_closes_is_ignored(served: Served) -> None:
    session, socket = served.poll()
    gone = Heard()
    socket.on("disconnect", gone)
    socket.emit("before")
    socket.conn.close()

    socket.emit("after")
    served.io.emit("after")

    assert session.poll().packets == ['42["before"]']
    assert session.poll().packets == ["6", "1"]
    assert gone.next() == ("forced close", None)


def test_the_buffer_can_still_be_read_when_the_session_closes(served: Served) -> None:
    # The close listener can still read the write buffer; it is emptied after that.
    heard = Heard()
    session, socket = served.poll()
    socket.emit("never read")
    conn = socket.conn
    conn.on("close", lambda: heard([packet.data for packet in conn.write_buffer]))

    session.post("1")

    assert heard.next() == (['2["never read"]'],)
    gevent.idle()
    assert conn.write_buffer == []


def test_buffered_amount_is_what_waits(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    session, socket = served.poll()
    assert socket.buffered_amount == 0

    socket.emit("x", "y" * 100)
    assert 100 <= socket.buffered_amount <= 120

    session.poll()
    clock.settle()
    assert socket.buffered_amount == 0


@pytest.mark.parametrize("kind", ["polling", "websocket"])
def test_a_client_that_lets_too_much_wait_is_closed(serve: Serve, kind: str) -> None:
    served = serve(buffer=BufferPolicy(high=100_000, low=50_000))
    _, socket = served.poll() if kind == "polling" else served.connect()
    heard = Heard()
    socket.on("disconnect", heard)

    for _ in range(100):
        socket.emit("fill", "x" * 90_000)

    reason, description = heard.next()
    assert reason == "transport error"
    assert isinstance(description, BufferFull)


def test_one_large_packet_is_never_refused(serve: Serve) -> None:
    # Only what waits behind the packet being written counts.
    served = serve(buffer=BufferPolicy(high=1000, low=500))
    websocket, socket = served.connect()
    big = "x" * 10_000_000

    socket.emit("big", big)

    assert websocket.receive_event() == ["big", big]
    assert socket.connected
