"""Middlewares: who is let into a namespace, and which events reach the listeners."""

from __future__ import annotations

from typing import Any

import gevent
import gevent.event
import pytest

import sockio
from sockio.errors import ConnectError, EventRejected
from tests.support.served import Gate, Heard, Served

from .conftest import Serve

# ------------------------------------------------------------------ namespaces


def refusal(served: Served) -> str | bytes:
    """Try to join the main namespace; return the answer."""
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    return websocket.receive()


def test_middlewares_run_in_order_before_the_connection(served: Served) -> None:
    order = Heard()
    served.io.use(lambda socket: order("first", socket.connected))
    served.io.use(lambda socket: order("second", socket.connected))
    served.io.on("connection", lambda socket: order("connection", socket.connected))

    served.connect()

    assert order.next() == ("first", False)
    assert order.next() == ("second", False)
    assert order.next() == ("connection", True)


def test_use_is_a_decorator(io: sockio.Server[Any]) -> None:
    def middleware(socket: Any) -> None: ...

    assert io.use(middleware) is middleware
    assert io.sockets.guards == [middleware]


def test_a_connect_error_tells_the_client(served: Served) -> None:
    # 4{"message":..., "data":...}
    @served.io.use
    def refuse(socket: Any) -> None:
        raise ConnectError("not today", {"until": "Monday"})

    assert refusal(served) == '44{"message":"not today","data":{"until":"Monday"}}'


def test_a_connect_error_without_data(served: Served) -> None:
    @served.io.use
    def refuse(socket: Any) -> None:
        raise ConnectError("not today")

    assert refusal(served) == '44{"message":"not today"}'


@pytest.mark.parametrize("data", [0, "", [], {}, False])
def test_data_that_is_empty_is_data(served: Served, data: Any) -> None:
    @served.io.use
    def refuse(socket: Any) -> None:
        raise ConnectError("no", data)

    answer = refusal(served)

    assert isinstance(answer, str)
    assert '"data":' in answer


def test_a_bug_in_a_middleware_tells_the_client_no_details(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    # The client reads "Internal server error"; the traceback is in the log.
    served.io.use(lambda socket: 1 / 0)

    assert refusal(served) == '44{"message":"Internal server error"}'
    assert "ZeroDivisionError" in caplog.text


def test_a_middleware_that_runs_out_of_time_refuses(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    # gevent.Timeout is no subclass of Exception.
    @served.io.use
    def slow(socket: Any) -> None:
        with gevent.Timeout(0.001):
            gevent.event.Event().wait()

    assert refusal(served) == '44{"message":"Internal server error"}'
    assert "Timeout" in caplog.text


def test_data_that_cannot_travel_refuses_all_the_same(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    @served.io.use
    def refuse(socket: Any) -> None:
        raise ConnectError("no", object())

    assert refusal(served) == '44{"message":"no"}'
    assert "cannot be sent" in caplog.text
    assert served.io.sockets.empty


def test_after_a_refusal_nothing_else_runs(served: Served) -> None:
    heard = Heard()

    @served.io.use
    def refuse(socket: Any) -> None:
        socket.on("disconnect", heard)
        raise ConnectError("no")

    served.io.use(heard)
    served.io.on("connection", heard)

    refusal(served)

    gevent.idle()
    assert heard.calls == []


def test_who_was_refused_has_left_its_rooms(served: Served) -> None:
    @served.io.use
    def refuse(socket: Any) -> None:
        socket.join("room")
        assert socket.rooms == {"room"}
        raise ConnectError("no")

    refusal(served)

    assert not served.io.sockets.adapter.rooms
    assert not served.io.sockets.adapter.sids
    assert served.io.sockets.empty


def test_who_was_refused_may_try_again(served: Served) -> None:
    tries = Heard()

    @served.io.use
    def third_time_lucky(socket: Any) -> None:
        tries()
        if len(tries.calls) < 3:
            raise ConnectError("no")

    websocket, _ = served.raw.open_websocket_session()
    for answer in ("44", "44", "40"):
        websocket.send("40")
        assert str(websocket.receive())[:2] == answer


def test_a_room_joined_in_a_middleware_is_kept(served: Served) -> None:
    served.io.use(lambda socket: socket.join("room"))

    websocket, socket = served.connect()

    assert socket.rooms == {"room", socket.id}
    served.io.to("room").emit("hi")
    assert websocket.receive_event() == ["hi"]


def test_a_broadcast_does_not_reach_who_is_still_in_a_middleware(
    served: Served,
) -> None:
    gate = Gate()

    @served.io.use
    def slow(socket: Any) -> None:
        socket.join("room")
        gate.stop()

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    gate.wait_reached()

    served.io.emit("to all")
    served.io.to("room").emit("to room")
    gate.open()

    assert str(websocket.receive())[:2] == "40"
    served.io.emit("later")
    assert websocket.receive_event() == ["later"]


def test_data_set_in_a_middleware_is_there_later(served: Served) -> None:
    def name(socket: Any) -> None:
        socket.data.user = socket.handshake.auth["user"]

    served.io.use(name)

    _, socket = served.connect(auth={"user": "me"})

    assert socket.data.user == socket.data["user"] == "me"


def test_a_slow_middleware_holds_nobody_else(served: Served) -> None:
    gate = Gate()

    @served.io.use
    def slow(socket: Any) -> None:
        if socket.handshake.auth.get("slow"):
            gate.stop()

    waiting, _ = served.raw.open_websocket_session()
    waiting.send('40{"slow":true}')
    gate.wait_reached()

    served.connect()

    gate.open()
    assert str(waiting.receive())[:2] == "40"


def test_a_middleware_added_meanwhile_waits_for_the_next_client(
    served: Served,
) -> None:
    # The middlewares that run are a snapshot of the list.
    late = Heard()
    served.io.use(lambda socket: served.io.use(late) if not late.calls else None)

    _, first = served.connect()
    assert late.calls == []
    served.connect()

    assert late.calls
    assert all(call[0] is not first for call in late.calls)


def test_a_middleware_belongs_to_its_namespace(served: Served) -> None:
    heard = Heard()
    served.io.of("/chat").use(heard)

    served.connect()
    _, socket = served.connect("/chat")

    assert heard.calls == [(socket,)]


def test_a_middleware_may_wait_for_the_client(served: Served) -> None:
    served.io.use(lambda socket: socket.data.update(answer=socket.call("who?")))
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")

    assert websocket.receive() == '420["who?"]'
    websocket.send('430["me",1]')

    assert str(websocket.receive())[:2] == "40"
    assert served.newest().data.answer == ("me", 1)


def test_a_middleware_may_disconnect(served: Served) -> None:
    heard = Heard()
    served.io.use(lambda socket: socket.conn.close())
    served.io.on("connection", heard)
    websocket, _ = served.raw.open_websocket_session()

    websocket.send("40")

    websocket.wait_closed()
    gevent.idle()
    assert heard.calls == []
    assert served.io.sockets.empty


# ------------------------------------------------------------------ events


def test_a_guard_sees_name_and_arguments(served: Served) -> None:
    seen, heard = Heard(), Heard()
    websocket, socket = served.connect()
    socket.use(lambda event, args: seen(event, list(args)))
    socket.on("chat", heard)

    websocket.send('42["chat","hi",1]')

    assert seen.next() == ("chat", ["hi", 1])
    assert heard.next() == ("hi", 1)


def test_a_guard_that_raises_keeps_the_event_from_the_listeners(
    served: Served,
) -> None:
    # Listeners of "error" get the exception; the event itself is not dispatched.
    errors, heard = Heard(), Heard()
    websocket, socket = served.connect()
    socket.on("error", errors)
    socket.on("chat", heard)
    socket.on("other", heard)
    rejection = EventRejected("no chat")

    @socket.use
    def no_chat(event: str, args: list[Any]) -> None:
        if event == "chat":
            raise rejection

    websocket.send('42["chat",1]')
    websocket.send('42["other",2]')

    assert errors.next() == (rejection,)
    assert heard.next() == (2,)
    assert heard.calls == [(2,)]


def test_guards_run_in_order_until_one_raises(served: Served) -> None:
    order = Heard()
    websocket, socket = served.connect()
    socket.use(lambda event, args: order(1))

    @socket.use
    def second(event: str, args: list[Any]) -> None:
        order(2)
        raise ValueError("a bug is a rejection too")

    socket.use(lambda event, args: order(3))
    socket.on("error", lambda error: order(str(error)))

    websocket.send('42["x"]')

    assert order.next() == (1,)
    assert order.next() == (2,)
    assert order.next() == ("a bug is a rejection too",)
    assert len(order.calls) == 3


def test_a_rejected_event_is_not_acknowledged(served: Served) -> None:
    websocket, socket = served.connect()

    @socket.use
    def no(event: str, args: list[Any]) -> None:
        if event == "no":
            raise EventRejected("no")

    socket.on("yes", lambda: "ok")

    websocket.send('421["no"]')
    websocket.send('422["yes"]')

    assert websocket.receive() == '432["ok"]'


def test_a_rejected_event_is_acknowledged_where_that_is_wanted(
    serve: Serve,
) -> None:
    served = serve(error_acks=True)
    websocket, socket = served.connect()

    @socket.use
    def no(event: str, args: list[Any]) -> None:
        raise EventRejected("not allowed")

    websocket.send('421["x"]')

    assert websocket.receive() == '431[{"error":{"message":"not allowed"}}]'


def test_a_slow_guard_keeps_the_order(served: Served) -> None:
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    socket.use(lambda event, args: gate.stop() if event == "slow" else None)
    socket.on("slow", lambda: heard("slow"))
    socket.on("quick", lambda: heard("quick"))

    websocket.send('42["slow"]')
    websocket.send('42["quick"]')
    gate.wait_reached()
    gate.open()

    assert heard.next() == ("slow",)
    assert heard.next() == ("quick",)


def test_an_event_whose_client_left_during_the_guard_is_handled(served: Served) -> None:
    gate, heard, gone = Gate(), Heard(), Heard()
    websocket, socket = served.connect()
    socket.use(lambda event, args: gate.stop())
    socket.on("x", heard)
    socket.on("disconnect", gone)
    websocket.send('42["x"]')
    gate.wait_reached()

    websocket.close()
    while served.engine.clients_count:
        gevent.idle()
    gate.open()

    assert heard.next() == ()
    assert gone.next() == ("transport close", None)


def test_acks_are_not_shown_to_guards(served: Served) -> None:
    seen = Heard()
    websocket, socket = served.connect()
    socket.use(lambda event, args: seen(event))
    answer = gevent.spawn(socket.emit_with_ack, "q")
    websocket.receive()

    websocket.send('430["a"]')

    assert answer.get(timeout=30) == "a"
    assert seen.calls == []
