"""Broadcasts: whom they reach, in which order, and the answers to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.errors import AckTimeout, ConfigError, EncodeError
from sockio.testing import FakeClock
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Heard, Served

from .conftest import Serve


def clients(served: Served, count: int) -> tuple[list[RawWebSocket], list[Any]]:
    """Connect some clients; return both ends of each."""
    pairs = [served.connect() for _ in range(count)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def got(served: Served, websocket: RawWebSocket) -> list[str]:
    """Return the names of the events that have been sent to a client."""
    served.io.emit("end")
    names = []
    while (name := websocket.receive_event()[0]) != "end":
        names.append(name)
    return names


def each_got(served: Served, websockets: list[RawWebSocket]) -> list[list[str]]:
    """Return the names of the events that have been sent to each client."""
    served.io.emit("end")
    names: list[list[str]] = []
    for websocket in websockets:
        names.append([])
        while (name := websocket.receive_event()[0]) != "end":
            names[-1].append(name)
    return names


# ------------------------------------------------------------------ whom it reaches


def test_without_rooms_it_reaches_everybody(served: Served) -> None:
    websockets, _ = clients(served, 3)

    served.io.emit("hi", 1)

    for websocket in websockets:
        assert websocket.receive() == '42["hi",1]'


def test_a_room_reaches_who_is_in_it(served: Served) -> None:
    websockets, sockets = clients(served, 3)
    sockets[0].join("a")
    sockets[1].join("b")

    served.io.to("a").emit("to a")
    served.io.in_("b").emit("to b")
    served.io.to("nobody").emit("to nobody")

    assert each_got(served, websockets) == [["to a"], ["to b"], []]


def test_rooms_add_up_and_each_socket_gets_one(served: Served) -> None:
    websockets, sockets = clients(served, 3)
    sockets[0].join("a")
    sockets[1].join("a", "b", "c")

    served.io.to("a").to("b").emit("chained")
    served.io.to("a", "b").emit("several")
    served.io.to(["a", "b"], {"c"}).emit("collections")

    heard = ["chained", "several", "collections"]
    assert each_got(served, websockets) == [heard, heard, []]


def test_except_leaves_out(served: Served) -> None:
    websockets, sockets = clients(served, 3)
    sockets[0].join("a")
    sockets[1].join("a", "b")

    served.io.to("a").except_("b").emit("a not b")
    served.io.exclude("a").emit("not a")
    served.io.except_(sockets[0].id).except_("b").emit("not 0, not b")

    assert each_got(served, websockets) == [
        ["a not b"],
        [],
        ["not a", "not 0, not b"],
    ]


def test_a_socket_is_addressed_by_its_id(served: Served) -> None:
    websockets, sockets = clients(served, 2)

    served.io.to(sockets[1].id).emit("private")

    assert each_got(served, websockets) == [[], ["private"]]


def test_a_socket_broadcasts_to_the_others(served: Served) -> None:
    # All operators of a socket leave the socket itself out.
    websockets, sockets = clients(served, 3)
    for socket in sockets[:2]:
        socket.join("room")
    me = sockets[0]

    me.broadcast.emit("broadcast")
    me.to("room").emit("to")
    me.in_("room").emit("in_")
    me.except_("room").emit("except_")
    me.exclude("room").emit("exclude")
    me.local.emit("local")
    me.broadcast.to("room").emit("broadcast.to")

    assert each_got(served, websockets) == [
        [],
        ["broadcast", "to", "in_", "local", "broadcast.to"],
        ["broadcast", "except_", "exclude", "local"],
    ]


def test_the_calls_of_server_namespace_and_operator_are_the_same(
    served: Served,
) -> None:
    websocket, _ = served.connect()

    for target in (served.io, served.io.sockets, served.io.of("/"), served.io.local):
        target.emit("emit")
        target.send("send")
        target.write("write")
        target.volatile.to("nobody").emit("nobody")
        target.compress(False).emit("compress")
        target.local.emit("local")

    names = ["emit", "message", "message", "compress", "local"]
    assert got(served, websocket) == names * 4


def test_an_operator_can_be_kept_and_never_changes(served: Served) -> None:
    websockets, sockets = clients(served, 2)
    sockets[0].join("a")
    sockets[1].join("b")
    base = served.io.to("a")
    both = base.to("b")
    nobody = base.except_("a")

    base.emit("one")
    both.emit("two")
    nobody.emit("three")
    base.emit("four")

    assert each_got(served, websockets) == [["one", "two", "four"], ["two"]]


def test_local_stays_here(served: Served) -> None:
    websockets, _ = clients(served, 2)

    served.io.local.emit("here")

    assert each_got(served, websockets) == [["here"], ["here"]]


def test_who_has_left_is_not_reached(served: Served) -> None:
    websockets, sockets = clients(served, 2)
    sockets[0].disconnect()

    served.io.emit("hi")

    assert websockets[1].receive_event() == ["hi"]
    assert websockets[0].receive() == "41"
    websockets[0].send("40")
    assert str(websockets[0].receive()).startswith("40{")


def test_polling_and_websocket_clients_get_the_same(served: Served) -> None:
    session, _ = served.poll()
    websocket, _ = served.connect()

    served.io.emit("hi", {"a": b"\1"}, "ü")

    text = '451-["hi",{"a":{"_placeholder":true,"num":0}},"ü"]'
    assert session.poll().packets == [text, "bAQ=="]
    assert websocket.receive() == text
    assert websocket.receive() == b"\1"


# ------------------------------------------------------------------ order


def test_broadcasts_arrive_in_the_order_of_their_calls(served: Served) -> None:
    websockets, sockets = clients(served, 3)
    for socket in sockets:
        socket.join("room")
    calls: list[Callable[..., None]] = [
        served.io.emit,
        served.io.to("room").emit,
        served.io.to("room", "other").emit,
        served.io.except_("nobody").emit,
    ]

    for number in range(100):
        calls[number % 4]("n", number)

    for websocket in websockets:
        numbers = [websocket.receive_event()[1] for _ in range(100)]
        assert numbers == list(range(100))


def test_an_emit_before_disconnect_sockets_arrives_first(served: Served) -> None:
    websockets, _ = clients(served, 3)

    served.io.emit("last words")
    served.io.disconnect_sockets()

    for websocket in websockets:
        assert websocket.receive_event() == ["last words"]
        assert websocket.receive() == "41"


# ------------------------------------------------------------------ answers


def test_the_first_argument_of_each_answer_is_returned(served: Served) -> None:
    # In the order in which they arrive.
    websockets, _ = clients(served, 3)
    task = gevent.spawn(served.io.timeout(5).emit_with_ack, "vote?", 1)

    for number, websocket in enumerate(websockets):
        assert websocket.receive() == '420["vote?",1]'
        websocket.send(f'430["answer {number}","ignored"]' if number else "430[]")
        gevent.idle()

    assert task.get(timeout=30) == [None, "answer 1", "answer 2"]


def test_the_callback_gets_error_and_answers(served: Served) -> None:
    # A function as the last argument is the callback.
    heard = Heard()
    websocket, _ = served.connect()

    served.io.timeout(5).emit("vote?", ack=heard)
    served.io.to("nobody").timeout(5).emit("vote?", heard)
    websocket.receive()
    websocket.send('430["yes"]')

    assert heard.next() == (None, [])
    assert heard.next() == (None, ["yes"])


def test_without_clients_there_are_no_answers(served: Served) -> None:
    assert served.io.timeout(5).emit_with_ack("vote?") == []


def test_whoever_is_silent_makes_it_time_out(serve: Serve, clock: FakeClock) -> None:
    # The error has the answers that came so far.
    served = serve(clock=clock)
    websockets, sockets = clients(served, 3)
    heard = Heard()
    served.io.timeout(5).emit("vote?", ack=heard)
    websockets[1].send('430["yes"]')

    clock.advance(5)

    error, responses = heard.next()
    assert isinstance(error, AckTimeout)
    assert isinstance(error, TimeoutError)
    assert str(error) == "operation has timed out"
    assert (error.event, error.seconds) == ("vote?", 5)
    assert (error.responses, error.missing, responses) == (["yes"], 2, ["yes"])
    # The sockets of this server no longer wait for answers.
    assert [len(socket.outgoing._acks) for socket in sockets] == [0, 0, 0]
    websockets[0].send('430["late"]')
    clock.settle()
    assert len(heard.calls) == 1


def test_the_blocking_form_raises_the_error(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    websockets, _ = clients(served, 2)
    failed = Heard()

    def ask() -> None:
        try:
            served.io.timeout(5).emit_with_ack("vote?")
        except AckTimeout as exc:
            failed(exc.responses, exc.missing)

    gevent.spawn(ask)
    clock.settle()
    websockets[0].send("430[1]")
    clock.advance(5)

    assert failed.next() == ([1], 1)


def test_who_leaves_is_not_waited_for(served: Served) -> None:
    # In Node the whole call times out.
    websockets, _ = clients(served, 3)
    task = gevent.spawn(served.io.timeout(60).emit_with_ack, "vote?")
    gevent.idle()

    websockets[0].send('430["yes"]')
    websockets[1].close()
    websockets[2].send("41")

    assert task.get(timeout=30) == ["yes"]


def test_an_answer_counts_once(served: Served) -> None:
    websockets, _ = clients(served, 2)
    task = gevent.spawn(served.io.timeout(60).emit_with_ack, "vote?")
    gevent.idle()

    websockets[0].send("430[1]")
    websockets[0].send("430[2]")
    gevent.idle()
    assert not task.ready()
    websockets[1].send("430[3]")

    assert task.get(timeout=30) == [1, 3]


def test_rooms_and_except_say_who_is_asked(served: Served) -> None:
    websockets, sockets = clients(served, 3)
    sockets[0].join("room")
    sockets[1].join("room")
    others = sockets[0].to("room").timeout(5)
    task = gevent.spawn(others.emit_with_ack, "vote?")

    assert websockets[1].receive() == '420["vote?"]'
    websockets[1].send("430[1]")

    assert task.get(timeout=30) == [1]


@pytest.mark.parametrize("target", ["io", "to", "namespace"])
def test_answers_of_many_need_a_timeout(served: Served, target: str) -> None:
    # In Node no timeout means one of 1 ms.
    operators = {
        "io": served.io,
        "to": served.io.to("room"),
        "namespace": served.io.of("/x"),
    }
    operator: Any = operators[target]

    with pytest.raises(ConfigError, match=r"\.timeout\(seconds\)\.emit"):
        operator.emit("vote?", ack=Heard())
    with pytest.raises(ConfigError, match="how long the answers may take"):
        operator.emit_with_ack("vote?")


def test_a_question_that_cannot_travel_leaves_nothing_behind(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(clock=clock)
    served.connect()
    heard = Heard()
    armed = clock.armed

    with pytest.raises(EncodeError):
        served.io.timeout(5).emit("vote?", object(), ack=heard)

    assert clock.armed == armed
    clock.advance(5)
    assert heard.calls == []


def test_several_questions_do_not_mix(served: Served) -> None:
    websocket, socket = served.connect()
    first = gevent.spawn(served.io.timeout(5).emit_with_ack, "first")
    second = gevent.spawn(served.io.timeout(5).emit_with_ack, "second")
    third = gevent.spawn(socket.timeout(5).emit_with_ack, "third")
    gevent.idle()

    for number in (2, 1, 0):
        websocket.send(f"43{number}[{number}]")

    assert first.get(timeout=30) == [0]
    assert second.get(timeout=30) == [1]
    assert third.get(timeout=30) == 2


# ------------------------------------------------------------------ the sockets


def test_fetch_sockets_returns_the_sockets(served: Served) -> None:
    _, sockets = clients(served, 3)
    sockets[0].join("room")
    sockets[1].join("room")

    assert served.io.fetch_sockets() == sockets
    assert served.io.to("room").fetch_sockets() == sockets[:2]
    assert served.io.except_("room").fetch_sockets() == sockets[2:]
    assert sockets[0].to("room").fetch_sockets() == [sockets[1]]
    assert served.io.local.fetch_sockets(allow_partial=True) == sockets
    assert served.io.of("/x").fetch_sockets() == []


def test_sockets_join_and_leave(served: Served) -> None:
    # On this server they do so at once.
    _, sockets = clients(served, 3)
    sockets[0].join("a")

    served.io.to("a").sockets_join("b", ["c"])
    served.io.except_("a").sockets_join("d")
    served.io.sockets_join("e")
    served.io.to("d").sockets_leave("e", "nothing")

    assert [socket.rooms - {socket.id} for socket in sockets] == [
        {"a", "b", "c", "e"},
        {"d"},
        {"d"},
    ]


def test_disconnect_sockets_of_a_room(served: Served) -> None:
    websockets, sockets = clients(served, 2)
    sockets[0].join("room")
    gone = Heard()
    sockets[0].on("disconnect", gone)

    served.io.to("room").disconnect_sockets()

    assert gone.next() == ("server namespace disconnect", None)
    assert websockets[0].receive() == "41"
    assert sockets[1].connected


def test_disconnect_sockets_may_close_the_connections(served: Served) -> None:
    websockets, _ = clients(served, 2)

    served.io.disconnect_sockets(True)

    for websocket in websockets:
        assert websocket.receive() == "41"
        websocket.wait_closed()


def test_server_side_emit_reaches_nobody_here(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    # The memory adapter logs a warning and does nothing else.
    heard = Heard()
    served.io.on("hello", heard)

    served.io.server_side_emit("hello", 1)
    served.io.of("/").server_side_emit("hello", ack=heard)

    assert heard.next() == (None, [])
    assert served.io.server_side_emit_with_ack("hello") == []
    assert len(heard.calls) == 1
    assert "reaches no server" in caplog.text


def test_the_adapter_may_be_changed(served: Served) -> None:
    websockets, sockets = clients(served, 2)
    sockets[0].join("room")
    factory = served.io.adapter()
    old = served.io.sockets.adapter

    assert served.io.adapter(factory) is served.io

    assert served.io.sockets.adapter is not old
    served.io.to("room").emit("hi")
    assert each_got(served, websockets) == [["hi"], []]
