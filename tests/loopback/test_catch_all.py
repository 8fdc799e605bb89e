"""Catch-all listeners: every event that comes in, every event that goes out."""

from __future__ import annotations

import gevent
import pytest

from tests.support.served import Gate, Heard, Served

# ------------------------------------------------------------------ incoming


def test_on_any_hears_every_event(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()

    assert socket.on_any(heard) is heard
    websocket.send('42["a",1]')
    websocket.send('42["b"]')

    assert heard.next() == ("a", 1)
    assert heard.next() == ("b",)


def test_on_any_gets_the_ack_function_last(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on_any(lambda event, *args: args[-1](event, *args[:-1]))

    websocket.send('423["a",1]')

    assert websocket.receive() == '433["a",1]'


def test_on_any_comes_before_guards_and_listeners(served: Served) -> None:
    order = Heard()
    websocket, socket = served.connect()
    socket.on("a", lambda: order("listener"))
    socket.use(lambda event, args: order("guard"))
    socket.on_any(lambda event: order("second"))
    socket.prepend_any(lambda event: order("first"))

    websocket.send('42["a"]')

    heard = [order.next()[0] for _ in range(4)]
    assert heard == ["first", "second", "guard", "listener"]


def test_on_any_hears_rejected_events_too(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.use(lambda event, args: 1 / 0)
    socket.on_any(heard)

    websocket.send('42["a"]')

    assert heard.next() == ("a",)


def test_a_packet_without_payload_has_no_arguments(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    # Catch-all listeners get no argument either.
    heard = Heard()
    websocket, socket = served.connect()
    socket.on_any(heard)
    socket.use(lambda event, args: None)

    websocket.send("42")
    websocket.send("427")
    websocket.send('42["after"]')

    assert heard.next() == ()
    (ack,) = heard.next()
    assert heard.next() == ("after",)
    ack("ok")
    assert websocket.receive() == '437["ok"]'
    assert not caplog.records


def test_a_number_is_shown_as_it_came(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on_any(heard)

    websocket.send('42[5,"n"]')

    assert heard.next() == (5, "n")


def test_a_catch_all_listener_that_fails_ends_nothing_else(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on_any(lambda *args: 1 / 0)
    socket.on_any(heard)
    socket.on("a", heard)

    websocket.send('42["a",1]')

    assert heard.next() == ("a", 1)
    assert heard.next() == (1,)
    assert "ZeroDivisionError" in caplog.text


def test_off_any(served: Served) -> None:
    first, second, rest = Heard(), Heard(), Heard()
    websocket, socket = served.connect()
    socket.on_any(first)
    socket.on_any(second)
    assert socket.listeners_any() == [first, second]

    socket.off_any(first)
    assert socket.listeners_any() == [second]
    websocket.send('42["a"]')
    assert second.next() == ("a",)

    socket.off_any()
    assert socket.listeners_any() == []
    socket.on("b", rest)
    websocket.send('42["b"]')
    rest.next()
    assert (first.calls, second.calls) == ([], [("a",)])


def test_answers_are_no_events(served: Served) -> None:
    incoming, outgoing, answer = Heard(), Heard(), Heard()
    websocket, socket = served.connect()
    socket.on_any(incoming)
    socket.on_any_outgoing(outgoing)
    socket.on("q", lambda: "a")
    socket.emit("mine", ack=answer)

    websocket.send('42["last"]')
    websocket.send('421["q"]')
    websocket.send("430[]")

    answer.next()
    assert incoming.calls == [("last",), ("q", incoming.calls[1][1])]
    assert outgoing.calls == [("mine",)]


# ------------------------------------------------------------------ outgoing


def test_on_any_outgoing_hears_what_is_emitted(served: Served) -> None:
    # For each emit, and for each socket that a broadcast reaches.
    heard = Heard()
    _, socket = served.connect()
    assert socket.on_any_outgoing(heard) is heard

    socket.emit("one", 1)
    served.io.emit("two", b"\2")
    served.io.to(socket.id).emit("three")
    socket.broadcast.emit("not this")
    socket.send("four")

    assert heard.calls == [("one", 1), ("two", b"\2"), ("three",), ("message", "four")]


def test_each_socket_of_a_broadcast_hears_it(served: Served) -> None:
    heard = Heard()
    for _ in range(3):
        _, socket = served.connect()
        socket.on_any_outgoing(heard)

    served.io.emit("hi")

    assert heard.calls == [("hi",)] * 3


def test_outgoing_listeners_in_order(served: Served) -> None:
    order = Heard()
    _, socket = served.connect()
    socket.on_any_outgoing(lambda event: order(2))
    socket.prepend_any_outgoing(lambda event: order(1))
    assert len(socket.listeners_any_outgoing()) == 2

    socket.emit("x")
    assert order.calls == [(1,), (2,)]

    socket.off_any_outgoing()
    socket.emit("x")
    assert len(order.calls) == 2


def test_an_outgoing_listener_that_fails_ends_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    websocket, socket = served.connect()
    socket.on_any_outgoing(lambda *args: 1 / 0)

    socket.emit("x", 1)

    assert websocket.receive_event() == ["x", 1]
    assert "ZeroDivisionError" in caplog.text


def test_an_outgoing_listener_may_disconnect(served: Served) -> None:
    websocket, socket = served.connect()
    other_websocket, other = served.connect()
    socket.on_any_outgoing(lambda *args: socket.disconnect())
    other.on_any_outgoing(lambda *args: socket.leave("room"))
    for each in (socket, other):
        each.join("room")

    served.io.to("room").emit("x")

    assert other_websocket.receive_event() == ["x"]
    assert websocket.receive() == "41"
    websocket.send("40")
    assert str(websocket.receive()).startswith("40{")


def test_an_outgoing_listener_that_blocks_holds_its_emitter(served: Served) -> None:
    # It runs in the greenlet that emits.
    gate = Gate()
    websocket, socket = served.connect()
    socket.on_any_outgoing(lambda event: gate.stop() if event == "slow" else None)

    emitting = gevent.spawn(served.io.emit, "slow")
    gate.wait_reached()
    socket.emit("quick")

    assert websocket.receive_event() == ["quick"]
    gate.open()
    emitting.get(timeout=30)
    assert websocket.receive_event() == ["slow"]


def test_an_outgoing_listener_never_runs_in_the_hub(served: Served) -> None:
    # If the hub emits, it runs in the socket's mailbox.
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on_any_outgoing
    def listener(event: str) -> None:
        heard(gevent.getcurrent() is gevent.get_hub())
        gate.stop()

    gevent.get_hub().loop.run_callback(served.io.emit, "x")

    assert heard.next() == (False,)
    assert websocket.receive_event() == ["x"]
    gate.open()
