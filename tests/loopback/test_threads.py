"""Native threads: what may be called from them, and that order is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.errors import (
    ConfigError,
    EncodeError,
    NotSupported,
    ReservedEventError,
)
from tests.support.served import Gate, Heard, Served


def in_thread(fn: Callable[..., Any], *args: Any) -> Any:
    """Run ``fn`` in a native thread and return what it returns.

    Blocks:
        Until it has returned; the hub keeps running.
    """
    return gevent.get_hub().threadpool.apply(fn, args)


def test_emits_of_a_thread_arrive_in_order(served: Served) -> None:
    # Emit from a native thread is handed to the hub in order.
    websocket, socket = served.connect()
    socket.join("room")

    def emit() -> None:
        for number in range(0, 300, 3):
            socket.emit("n", number)
            served.io.emit("n", number + 1)
            served.io.to("room").emit("n", number + 2)

    in_thread(emit)

    assert [websocket.receive_event()[1] for _ in range(300)] == list(range(300))


def test_emits_of_several_threads_and_the_hub_do_not_mix(served: Served) -> None:
    websocket, socket = served.connect()

    def emit(name: str) -> None:
        for number in range(100):
            socket.emit(name, number)

    tasks = [
        gevent.spawn(in_thread, emit, "a"),
        gevent.spawn(in_thread, emit, "b"),
        gevent.spawn(emit, "c"),
    ]
    gevent.joinall(tasks, timeout=5)

    numbers: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    for _ in range(300):
        name, number = websocket.receive_event()
        numbers[name].append(number)
    assert all(each == list(range(100)) for each in numbers.values())


def test_every_way_to_emit(served: Served) -> None:
    websocket, socket = served.connect()
    served.connect()
    newest = served.newest()
    gevent.idle()

    def emit() -> None:
        socket.volatile.emit("volatile")
        socket.send("send")
        socket.compress(False).emit("compress")
        newest.broadcast.emit("broadcast")
        served.io.sockets.emit("namespace")
        served.io.local.emit("local", b"1")

    in_thread(emit)

    names = [websocket.receive_event()[0] for _ in range(5)]
    assert names == ["volatile", "message", "compress", "broadcast", "namespace"]
    assert str(websocket.receive()).startswith('451-["local"')
    assert websocket.receive() == b"1"


def test_errors_belong_to_the_thread(served: Served) -> None:
    _, socket = served.connect()

    for emit in (socket.emit, served.io.emit, served.io.timeout(1).emit):
        with pytest.raises(EncodeError):
            in_thread(emit, "x", object())
        with pytest.raises(ReservedEventError):
            in_thread(emit, "connect")
    with pytest.raises(ConfigError):
        in_thread(served.io.emit, "x", Heard())


def test_answers_to_a_thread(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()

    in_thread(socket.emit, "q", heard)
    in_thread(socket.timeout(5).emit, "q", heard)
    websocket.send("430[0]")
    websocket.send("431[1]")
    assert [heard.next(), heard.next()] == [(0,), (None, 1)]

    in_thread(served.io.timeout(5).emit, "q", heard)
    websocket.send("432[2]")
    assert heard.next() == (None, [2])


def test_ids_of_threads_are_never_the_same(served: Served) -> None:
    def take() -> list[int]:
        return [served.io.sockets.next_ack_id() for _ in range(2000)]

    tasks = [gevent.spawn(in_thread, take) for _ in range(4)]
    gevent.joinall(tasks, timeout=5)

    ids = [ack_id for task in tasks for ack_id in task.value]
    assert sorted(ids) == list(range(8000))


def test_an_acknowledgement_of_a_thread(served: Served) -> None:
    acks = Heard()
    websocket, socket = served.connect()

    @socket.on("x")
    def handler(*, ack: Callable[..., None]) -> None:
        acks(ack)

    websocket.send('421["x"]')
    (ack,) = acks.next()

    in_thread(ack, "done")

    assert websocket.receive() == '431["done"]'


def test_rooms_are_joined_in_order(served: Served) -> None:
    websocket, socket = served.connect()

    def work() -> None:
        socket.join("a", "b")
        served.io.to("a").emit("one")
        socket.leave("a")
        served.io.to("a").emit("not this")
        served.io.to("b").sockets_join("c")
        served.io.to("c").emit("two")
        served.io.sockets_leave("c")
        served.io.to("c").emit("nor this")
        served.io.emit("end")

    in_thread(work)

    names = [websocket.receive_event()[0] for _ in range(3)]
    assert names == ["one", "two", "end"]


def test_a_room_is_not_joined_by_a_socket_that_went_meanwhile(served: Served) -> None:
    _, socket = served.connect()
    gone = Heard()
    socket.on("disconnect", gone)

    def work() -> None:
        socket.disconnect()
        socket.join("room")

    in_thread(work)

    gone.next()
    gevent.idle()
    assert not served.io.sockets.adapter.rooms
    assert not served.io.sockets.adapter.sids


def test_room_listeners_run_in_the_mailbox(served: Served) -> None:
    gate, heard = Gate(), Heard()
    _, socket = served.connect()

    @served.io.sockets.adapter.on("join-room")
    def joined(room: str, sid: str) -> None:
        heard(room, gevent.getcurrent() is gevent.get_hub())
        gate.stop()

    in_thread(socket.join, "room")

    assert heard.next() == ("room", False)
    gate.open()


def test_a_disconnect_of_a_thread(served: Served) -> None:
    websocket, socket = served.connect()
    other_websocket, _ = served.connect()

    def work() -> None:
        socket.emit("last words")
        socket.disconnect(True)
        served.io.emit("last words")
        served.io.disconnect_sockets(True)

    in_thread(work)

    for each in (websocket, other_websocket):
        assert each.receive_event() == ["last words"]
        assert each.receive() == "41"
        each.wait_closed()


def test_outgoing_listeners_run_in_the_mailbox(served: Served) -> None:
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on_any_outgoing
    def outgoing(event: str) -> None:
        heard(event, gevent.getcurrent() is gevent.get_hub())
        gate.stop()

    in_thread(socket.emit, "x")

    assert websocket.receive_event() == ["x"]
    assert heard.next() == ("x", False)
    gate.open()


def test_a_session_sends_for_a_thread(served: Served) -> None:
    websocket, socket = served.connect()
    sent = Heard()

    in_thread(lambda: socket.conn.send("raw", callback=sent))

    assert websocket.receive() == "4raw"
    assert sent.next() == ()


def test_run_in_thread_returns_or_raises(served: Served) -> None:
    _, socket = served.connect()
    main = gevent.get_hub()

    def work(a: int, *, b: int) -> tuple[int, bool]:
        return a + b, gevent.get_hub() is main

    assert served.io.run_in_thread(work, 1, b=2) == (3, False)
    with pytest.raises(ZeroDivisionError):
        served.io.run_in_thread(lambda: 1 / 0)
    assert socket.connected


def test_a_handler_may_use_a_thread(served: Served) -> None:
    websocket, socket = served.connect()

    @socket.on("work")
    def handler(number: int) -> int:
        result: int = served.io.run_in_thread(lambda: number * 2)
        return result

    websocket.send('421["work",21]')

    assert websocket.receive() == "431[42]"


@pytest.mark.parametrize(
    "call",
    [
        lambda socket: socket.call("question", timeout=1),
        lambda socket: socket.emit_with_ack("question"),
        lambda socket: socket.wait_for("answer", timeout=1),
        lambda socket: socket.stream("answer"),
        lambda socket: socket.nsp.timeout(1).emit_with_ack("question"),
    ],
)
def test_a_native_thread_is_told_that_it_cannot_wait(
    call: Callable[[Any], Any], served: Served
) -> None:
    _, socket = served.connect()

    with pytest.raises(NotSupported, match="native thread"):
        served.io.run_in_thread(call, socket)
