"""Connecting to a namespace: what is answered, in which order, and who is refused."""

from __future__ import annotations

import json
from typing import Any

import gevent
import pytest

import sockio
from sockio.testing import FakeClock
from tests.support.raw_websocket import NO_CODE, RawWebSocket
from tests.support.served import Gate, Heard, Served, event

from .conftest import Serve


def joined(websocket: RawWebSocket, namespace: str = "/", auth: str = "") -> Any:
    """Join a namespace; return the fields of its answer."""
    prefix = "40" if namespace == "/" else f"40{namespace},"
    websocket.send(prefix + auth)
    answer = websocket.receive_message()
    assert isinstance(answer, str)
    assert answer.startswith(prefix)
    return json.loads(answer.removeprefix(prefix))


# ------------------------------------------------------------------ the answer


def test_the_answer_is_a_fresh_id_of_twenty_characters(served: Served) -> None:
    # It never reveals the engine's sid.
    websocket, handshake = served.raw.open_websocket_session()

    fields = joined(websocket)

    assert fields.keys() == {"sid"}
    assert len(fields["sid"]) == 20
    assert fields["sid"] != handshake["sid"]
    assert list(served.io.sockets.sockets) == [fields["sid"]]


def test_each_namespace_has_an_id_of_its_own(served: Served) -> None:
    served.io.of("/chat")
    websocket, _ = served.raw.open_websocket_session()

    main, chat = joined(websocket), joined(websocket, "/chat")

    assert main["sid"] != chat["sid"]


def test_the_answer_comes_before_everything_a_handler_emits(served: Served) -> None:
    @served.io.on("connection")
    def connected(socket: Any) -> None:
        socket.emit("welcome")
        served.io.emit("news")

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")

    assert str(websocket.receive())[:2] == "40"
    assert websocket.receive_event() == ["welcome"]
    assert websocket.receive_event() == ["news"]


def test_connect_comes_before_connection(served: Served) -> None:
    order = Heard()
    served.io.on("connection", lambda socket: order("connection", socket.id))
    served.io.on("connect", lambda socket: order("connect", socket.id))

    _, socket = served.connect()

    assert order.next() == ("connect", socket.id)
    assert order.next() == ("connection", socket.id)


def test_in_the_handler_everything_is_in_place(served: Served) -> None:
    seen = Heard()

    @served.io.on("connection")
    def connected(socket: Any) -> None:
        seen(
            socket.connected,
            socket.disconnected,
            socket.recovered,
            served.io.sockets.sockets[socket.id] is socket,
            socket.rooms == {socket.id},
            socket.nsp is served.io.sockets,
            served.engine.clients[socket.conn.id] is socket.conn,
        )

    served.connect()

    assert seen.next() == (True, False, False, True, True, True, True)


# ------------------------------------------------------------------ the handlers


def test_connection_handlers_run_one_after_the_other(served: Served) -> None:
    gate, order = Gate(), Heard()

    @served.io.on("connection")
    def first(socket: Any) -> None:
        gate.stop()
        order("first")

    served.io.on("connection", lambda socket: order("second"))
    served.connect()
    gate.wait_reached()

    gate.open()

    assert order.next() == ("first",)
    assert order.next() == ("second",)


def test_a_connection_handler_may_wait_for_an_ack(served: Served) -> None:
    # Acks do not go through the inbox, which is held until the handler returns.
    answer = Heard()
    served.io.on("connection", lambda socket: answer(socket.emit_with_ack("zone?")))
    websocket, _ = served.connect()

    assert websocket.receive() == '420["zone?"]'
    websocket.send('430["UTC"]')

    assert answer.next() == ("UTC",)


def test_events_wait_until_the_connection_handlers_have_returned(
    served: Served,
) -> None:
    # An event behind the CONNECT must wait until "connection" has run.
    gate, heard = Gate(), Heard()

    @served.io.on("connection")
    def connected(socket: Any) -> None:
        gate.stop()
        socket.on("early", heard)

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    websocket.send('42["early",1]')
    gate.wait_reached()
    websocket.send('42["early",2]')

    gate.open()

    assert heard.next() == (1,)
    assert heard.next() == (2,)


def test_a_handler_registered_late_misses_what_came_before(served: Served) -> None:
    heard = Heard()

    @served.io.on("connection")
    def connected(socket: Any) -> None:
        socket.on("listen", lambda: socket.on("late", heard))

    websocket, _ = served.connect()
    websocket.send('42["late",1]')
    websocket.send('42["listen"]')
    websocket.send('42["late",2]')

    assert heard.next() == (2,)
    assert heard.calls == [(2,)]


def test_a_connection_handler_that_fails_does_not_stop_the_next_where_it_is_kept(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(error_in_connection="keep")
    heard = Heard()
    served.io.on("connection", lambda socket: 1 / 0)
    served.io.on("connection", heard)

    _, socket = served.connect()

    assert heard.next() == (socket,)
    assert "ZeroDivisionError" in caplog.text


def test_once_hears_of_one_client(served: Served) -> None:
    heard = Heard()
    served.io.once("connection", heard)

    _, socket = served.connect()
    served.connect()

    assert heard.next() == (socket,)
    assert heard.calls == [(socket,)]


# ------------------------------------------------------------------ the handshake


def test_the_handshake_tells_about_the_request(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    websocket, _ = served.raw.open_websocket_session(
        {"Origin": "http://elsewhere", "X-Token": "abc"}, a="1", b="2"
    )

    joined(websocket, auth='{"token":"123"}')

    handshake = served.newest().handshake
    assert handshake.auth == {"token": "123"}
    assert handshake.headers["x-token"] == "abc"
    assert handshake.xdomain is True
    assert handshake.secure is False
    assert handshake.address == "127.0.0.1"
    assert handshake.issued == 1_700_000_000_000
    assert handshake.time.startswith("Tue Nov 14 2023 22:13:20 GMT")
    assert handshake.url.startswith("/socket.io/?EIO=4&transport=websocket")
    assert (handshake.query["a"], handshake.query["b"]) == ("1", "2")
    assert handshake.query["transport"] == "websocket"


def test_the_last_value_of_a_query_name_wins(served: Served) -> None:
    answer = served.raw.http().request(
        "GET", "/socket.io/?EIO=4&transport=polling&room=one&room=two"
    )
    sid = json.loads(answer.text[1:])["sid"]
    target = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    served.raw.http().request("POST", target, "40")

    assert served.raw.http().request("GET", target).text.startswith("40{")
    assert served.newest().handshake.query["room"] == "two"


def test_namespaces_share_the_request_and_have_their_own_auth(
    served: Served,
) -> None:
    # Each namespace has an auth of its own.
    served.io.of("/chat")
    websocket, _ = served.raw.open_websocket_session(None, user="me")

    joined(websocket, auth='{"n":1}')
    joined(websocket, "/chat", '{"n":2}')

    main, chat = served.newest().handshake, served.newest("/chat").handshake
    assert (main.auth, chat.auth) == ({"n": 1}, {"n": 2})
    assert main.query["user"] == chat.query["user"] == "me"
    assert main.issued == chat.issued


def test_without_auth_there_is_an_empty_one(served: Served) -> None:
    _, socket = served.connect()

    assert socket.handshake.auth == {}


def test_the_request_is_that_of_the_connection(served: Served) -> None:
    _, socket = served.connect()

    assert socket.request is socket.conn.request
    assert socket.request.method == "GET"
    client: Any = socket.client
    assert client.request is socket.request


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize("payload", ["[1]", '"text"', "true", "null", "{"])
def test_auth_that_is_no_object_closes_the_connection(
    served: Served, payload: str
) -> None:
    # A payload, if there is one, must be a JSON object.
    websocket, _ = served.raw.open_websocket_session()

    websocket.send(f"40{payload}")

    assert websocket.wait_closed().code == NO_CODE


def test_an_unknown_namespace_is_refused_and_the_rest_goes_on(
    served: Served,
) -> None:
    # The connection stays open.
    websocket, socket = served.connect()

    websocket.send("40/x,")

    assert websocket.receive() == '44/x,{"message":"Invalid namespace"}'
    socket.emit("still here")
    assert websocket.receive_event() == ["still here"]


def test_a_second_connect_closes_the_connection(served: Served) -> None:
    websocket, socket = served.connect()
    gone = Heard()
    socket.on("disconnect", gone)

    websocket.send("40")

    assert websocket.wait_closed().code == NO_CODE
    assert gone.next() == ("forced close", None)


def test_a_second_connect_before_the_answer_closes_the_connection(
    served: Served,
) -> None:
    # In Node that makes a second Socket.
    gate = Gate()
    served.io.use(lambda socket: gate.stop())
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    gate.wait_reached()

    websocket.send("40")

    assert websocket.wait_closed().code == NO_CODE
    gate.open()


def test_an_event_for_a_namespace_not_joined_closes_the_connection(
    served: Served,
) -> None:
    served.io.of("/x")
    websocket, socket = served.connect()
    gone = Heard()
    socket.on("disconnect", gone)

    websocket.send('42/x,["e"]')

    assert websocket.wait_closed().code == NO_CODE
    assert gone.next() == ("forced close", None)


def test_a_client_may_join_again_after_it_left(served: Served) -> None:
    websocket, socket = served.connect()
    websocket.send("41")

    fields = joined(websocket)

    assert fields["sid"] != socket.id
    assert served.newest().id == fields["sid"]


def test_leaving_while_connecting_is_no_connection(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(clock=clock)
    gate, heard = Gate(), Heard()
    served.io.use(lambda socket: gate.stop())
    served.io.on("connection", heard)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    gate.wait_reached()

    websocket.send("41")
    clock.settle()
    gate.open()
    clock.settle()

    assert heard.calls == []
    assert websocket.waiting == []
    assert not served.io.sockets.sockets
    assert not served.io.sockets.adapter.sids


# ------------------------------------------------------------------ in time


def test_a_client_that_joins_nothing_is_closed(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock, ping_interval=100.0)
    websocket, _ = served.raw.open_websocket_session()
    clock.advance(44.9)
    assert served.engine.clients_count == 1

    clock.advance(0.1)

    assert websocket.wait_closed().code == NO_CODE
    assert served.engine.clients_count == 0


def test_a_client_that_was_only_refused_is_closed(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(clock=clock, connect_timeout=1.0)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/x,")
    assert str(websocket.receive()).startswith("44/x,")

    clock.advance(1.0)

    assert websocket.wait_closed().code == NO_CODE


def test_a_client_that_joined_may_leave_and_stay(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(clock=clock, connect_timeout=1.0)
    websocket, _ = served.connect()
    websocket.send("41")

    clock.advance(2.0)

    assert served.engine.clients_count == 1


def test_a_polling_client_that_joins_nothing_is_closed(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(clock=clock, connect_timeout=1.0)
    session = served.raw.open_session()
    poll = session.start_poll()
    clock.settle()

    clock.advance(1.0)

    assert poll.receive().text == "1"


# ------------------------------------------------------------------ who leaves early


@pytest.mark.parametrize("how", ["close", "cut"])
def test_a_client_that_goes_during_a_middleware_was_never_there(
    served: Served, how: str
) -> None:
    # If the engine session has closed meanwhile, nothing is sent and no event fires.
    gate, heard, after = Gate(), Heard(), Heard()

    @served.io.use
    def slow(socket: Any) -> None:
        socket.on("disconnect", heard)
        socket.join("room")
        gate.stop()
        after(socket.connected)

    served.io.on("connection", heard)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    gate.wait_reached()

    getattr(websocket, how)()
    while served.engine.clients_count:
        gevent.idle()
    gate.open()

    assert after.next() == (False,)
    gevent.idle()
    assert heard.calls == []
    assert not served.io.sockets.adapter.rooms
    assert not served.io.sockets.sockets


def test_many_clients_connect_at_once(served: Served) -> None:
    served.io.on("connection", lambda socket: socket.emit("id", socket.id))

    def client() -> tuple[str, Any]:
        websocket, _ = served.raw.open_websocket_session()
        return joined(websocket)["sid"], event(websocket.receive())

    tasks = [gevent.spawn(client) for _ in range(50)]
    results = [task.get(timeout=30) for task in tasks]

    assert len({sid for sid, _ in results}) == 50
    assert all(heard == ["id", sid] for sid, heard in results)


def test_polling_clients_connect_too(served: Served) -> None:
    served.io.on("connection", lambda socket: socket.emit("welcome", socket.id))

    session = served.raw.open_session()
    assert session.post("40").text == "ok"

    packets = session.poll().packets
    if len(packets) == 1:
        packets += session.poll().packets
    sid = json.loads(packets[0][2:])["sid"]
    assert packets[1] == f'42["welcome","{sid}"]'


def test_a_server_is_also_its_main_namespace(io: sockio.Server[Any]) -> None:
    assert io.of("/") is io.sockets
    assert io.listeners("connection") == io.sockets.listeners("connection")
