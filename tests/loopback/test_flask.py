"""Flask: handlers, what they emit, and the contexts around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest

import sockio
from sockio.errors import ConfigError
from sockio.integrations.flask import (
    ConnectionRefusedError,
    Namespace,
    SocketIO,
    call,
    close_room,
    current_socket,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)
from tests.support.flask_server import FlaskServed, application, ask
from tests.support.leaks import nothing_to_collect
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Gate, Heard, event
from tests.support.waiting import wait_until

Start = Callable[..., FlaskServed]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give a function that starts an application with given options."""
    running: list[FlaskServed] = []

    def run(**options: Any) -> FlaskServed:
        running.append(FlaskServed(*application(**options)))
        return running[-1]

    yield run
    for served in running:
        served.close()


@pytest.fixture
def served(start: Start) -> FlaskServed:
    return start()


@pytest.fixture
def socketio(served: FlaskServed) -> SocketIO:
    return served.socketio


def welcome(websocket: RawWebSocket, prefix: str = "40") -> str:
    """Receive the answer to a CONNECT; return the sid."""
    answer = websocket.receive_message()
    assert isinstance(answer, str)
    assert answer.startswith(prefix + "{"), answer
    sid: str = json.loads(answer.removeprefix(prefix))["sid"]
    return sid


# ------------------------------------------------------------------ handlers


def test_what_a_handler_returns_is_the_answer(
    served: FlaskServed, socketio: SocketIO
) -> None:
    @socketio.on("two")
    def two() -> tuple[str, int]:
        return "one", 2

    @socketio.event
    def nothing(value: int) -> None: ...

    websocket, _ = served.connect()

    assert ask(websocket, "two") == ["one", 2]
    assert ask(websocket, "nothing", 1) == []


def test_there_is_one_handler_for_an_event_and_a_new_one_replaces_it(
    served: FlaskServed, socketio: SocketIO
) -> None:
    socketio.on_event("who", lambda: "first")
    websocket, _ = served.connect()
    socketio.on_event("who", lambda: "second")

    assert ask(websocket, "who") == ["second"]


def test_a_client_that_is_here_gets_a_handler_registered_later(
    served: FlaskServed, socketio: SocketIO
) -> None:
    websocket, _ = served.connect()

    socketio.on_event("late", lambda: "heard")
    socketio.on_event("*", lambda event, *args: [event, *args])

    assert ask(websocket, "late") == ["heard"]
    assert ask(websocket, "other", 1) == [["other", 1]]


def test_a_handler_of_all_events_or_namespaces_takes_what_no_other_handles(
    start: Start,
) -> None:
    served = start(namespaces="*")
    served.socketio.on_event("*", lambda event, *args: f"any {event}", "/chat")
    served.socketio.on_event("known", lambda: "known", "/chat")
    served.socketio.on_event("known", lambda: flask.request.namespace, "*")  # type: ignore[attr-defined]
    chat, other = served.join("/chat"), served.join("/other")
    welcome(chat, "40/chat,")
    welcome(other, "40/other,")

    assert ask(chat, "known", prefix="/chat,") == ["known"]
    assert ask(chat, "unknown", prefix="/chat,") == ["any unknown"]
    assert ask(other, "known", prefix="/other,") == ["/other"]


def test_only_namespaces_with_handlers_or_named_ones_may_be_joined(
    start: Start,
) -> None:
    served = start(namespaces=["/named"])
    served.socketio.on_event("x", lambda: None, "/handled")

    for name in ("/named", "/handled"):
        welcome(served.join(name), f"40{name},")
    answer = served.join("/other").receive_message()

    assert answer == '44/other,{"message":"Invalid namespace"}'


def test_the_request_is_the_handshake_with_the_event_in_it(
    served: FlaskServed, socketio: SocketIO
) -> None:
    @socketio.on("look")
    def look(value: int) -> list[Any]:
        request: Any = flask.request
        assert request.event == {"message": "look", "args": (value,)}
        assert current_socket.id == request.sid
        return [request.sid, request.namespace, request.args["color"]]

    websocket = served.raw.open_socket(color="red")
    socket = served.newest()

    assert ask(websocket, "look", 1) == [[socket.id, "/", "red"]]


def test_arguments_that_do_not_fit_are_refused_without_an_answer(
    served: FlaskServed, socketio: SocketIO, caplog: pytest.LogCaptureFixture
) -> None:
    socketio.on_event("one", lambda value: value)
    websocket, _ = served.connect()

    websocket.send('421["one",1,2]')
    websocket.send('422["one"]')

    assert ask(websocket, "one", 3) == [3]
    [record] = caplog.records
    assert "came with 2 arguments" in record.message


@pytest.mark.parametrize(
    ("options", "order"), [({}, "12"), ({"async_handlers": True}, "21")]
)
def test_handlers_run_beside_each_other_only_if_asked_for(
    start: Start, options: dict[str, Any], order: str
) -> None:
    served, gate, done = start(**options), Gate(), Heard()

    @served.socketio.on("first")
    def first() -> None:
        if options:
            gate.stop()
        done("1")

    @served.socketio.on("*")
    def second(name: str) -> None:
        done("2")
        gate.open()

    websocket, _ = served.connect()
    websocket.send('42["first"]')
    websocket.send('42["second"]')

    assert done.next()[0] + done.next()[0] == order


def test_an_event_named_error_is_a_clients(
    served: FlaskServed, socketio: SocketIO, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard("answer")
    socketio.on_event("error", heard)
    socketio.on_event("fail", lambda: 1 / 0)
    websocket, _ = served.connect()

    websocket.send('42["fail"]')

    assert ask(websocket, "error", "x") == ["answer"]
    assert heard.calls == [("x",)]
    assert "ZeroDivisionError" in caplog.text


# ------------------------------------------------------------------ connecting


def test_the_connect_handler_runs_before_the_answer_which_comes_first(
    served: FlaskServed, socketio: SocketIO
) -> None:
    @socketio.on("connect")
    def connect(auth: Any) -> None:
        assert auth == {"token": "t"}
        assert not current_socket.connected
        join_room("lobby")
        data: list[Any] = [rooms().count("lobby")]
        emit("hello", data)
        data.append("too late")
        emit("room", to="lobby")
        send("all", broadcast=True)
        emit("not me", broadcast=True, include_self=False)
        emit("elsewhere", to="elsewhere")

    other, _ = served.connect(auth={"token": "t"})
    for _ in range(3):
        other.receive_event()
    websocket = served.join(auth={"token": "t"})

    welcome(websocket)
    assert websocket.receive_event() == ["hello", [1]]
    assert websocket.receive_event() == ["room"]
    assert websocket.receive_event() == ["message", "all"]
    assert [other.receive_event() for _ in range(3)] == [
        ["room"],
        ["message", "all"],
        ["not me"],
    ]
    assert not websocket.waiting


@pytest.mark.parametrize(
    ("refuse", "data"),
    [
        (lambda: False, {"message": "Connection rejected by server"}),
        (ConnectionRefusedError, {"message": "Connection rejected by server"}),
        (lambda: ConnectionRefusedError("no"), {"message": "no"}),
        (lambda: ConnectionRefusedError("no", 1), {"message": "no", "data": 1}),
        (lambda: ConnectionRefusedError("no", 1, 2), {"message": "no", "data": [1, 2]}),
    ],
    ids=["False", "bare", "message", "data", "several"],
)
def test_the_connect_handler_may_refuse(
    served: FlaskServed, socketio: SocketIO, refuse: Any, data: Any
) -> None:
    gone = Heard()
    socketio.on_event("disconnect", gone)

    @socketio.on("connect")
    def connect() -> Any:
        emit("never seen")
        how = refuse()
        if isinstance(how, Exception):
            raise how
        return how

    answer = served.join().receive_message()

    assert isinstance(answer, str)
    assert json.loads(answer.removeprefix("44")) == data
    assert not gone.calls


def test_a_connect_handler_that_fails_refuses_even_if_the_error_is_handled(
    served: FlaskServed, socketio: SocketIO
) -> None:
    errors = Heard()
    socketio.on_error()(errors)
    socketio.on_event("connect", lambda: 1 / 0)

    answer = served.join().receive_message()

    assert answer == '44{"message":"Internal server error"}'
    [(error,)] = errors.calls
    assert isinstance(error, ZeroDivisionError)


def test_call_in_a_connect_handler_fails_at_once(
    served: FlaskServed, socketio: SocketIO
) -> None:
    errors = Heard()

    @socketio.on("connect")
    def connect() -> None:
        try:
            call("question")
        except sockio.NotSupported as exc:
            errors(str(exc))

    welcome(served.join())

    assert "emit(..., callback=...)" in errors.next()[0]


def test_a_callback_of_the_connect_handler_is_called(
    served: FlaskServed, socketio: SocketIO
) -> None:
    answered = Heard()
    socketio.on_event("connect", lambda: emit("ask", callback=answered))
    websocket = served.join()
    welcome(websocket)

    question = websocket.receive_message()
    assert isinstance(question, str)
    websocket.send(question.replace("42", "43").replace('"ask"', '"yes",1'))

    assert answered.next() == ("yes", 1)


def test_disconnect_in_the_connect_handler_follows_the_answer(
    served: FlaskServed, socketio: SocketIO
) -> None:
    gone = Heard()
    socketio.on_event("connect", lambda: disconnect())
    socketio.on_event("disconnect", gone)
    websocket = served.join()

    welcome(websocket)
    assert websocket.receive_message() == "41"
    assert gone.next() == (socketio.reason.SERVER_DISCONNECT,)


def test_with_always_connect_the_handler_runs_after_the_answer(start: Start) -> None:
    served = start(always_connect=True)
    socketio = served.socketio

    @socketio.on("connect")
    def connect(auth: Any) -> Any:
        emit("connected", current_socket.connected)
        return None if auth is None else auth["let in"]

    stays, goes = served.join(), served.join(auth={"let in": False})

    for websocket in (stays, goes):
        welcome(websocket)
        assert websocket.receive_event() == ["connected", True]
    assert goes.receive_message() == "41"


# ------------------------------------------------------------------ disconnecting


def test_in_the_disconnect_handler_the_rooms_are_still_known(
    served: FlaskServed, socketio: SocketIO
) -> None:
    socketio.on_event("join", lambda room: join_room(room))
    told = Heard()

    @socketio.on("disconnect")
    def gone(reason: str) -> None:
        told(reason, rooms())
        emit("left", to="lobby")

    (leaves, socket), (stays, _) = served.connect(), served.connect()
    for websocket in (leaves, stays):
        ask(websocket, "join", "lobby")

    leaves.send("41")

    assert told.next() == ("client disconnect", [socket.id, "lobby"])
    assert stays.receive_event() == ["left"]


def test_a_disconnect_handler_may_take_no_argument(
    served: FlaskServed, socketio: SocketIO
) -> None:
    gone = Heard()
    socketio.on_event("disconnect", lambda: gone())
    socketio.on_event("bye", lambda: disconnect())
    websocket, _ = served.connect()

    websocket.send('42["bye"]')

    assert websocket.receive_message() == "41"
    assert gone.next() == ()


# ------------------------------------------------------------------ errors


def test_error_handlers_get_the_error_and_may_answer(
    served: FlaskServed, socketio: SocketIO
) -> None:
    for name in ("/", "/own", "/other"):
        socketio.on_event("fail", lambda: {1: 2}[3], name)

    @socketio.on_error("/own")
    def own(error: Exception) -> str:
        return f"own {flask.request.event['message']}"  # type: ignore[attr-defined]

    @socketio.on_error_default
    def default(error: Exception) -> str:
        return f"default {type(error).__name__}"

    websocket, _ = served.connect()
    served.also(websocket, "/own")

    assert ask(websocket, "fail") == ["default KeyError"]
    assert ask(websocket, "fail", prefix="/own,") == ["own fail"]


def test_an_error_that_nobody_handles_is_logged_and_not_answered(
    served: FlaskServed, socketio: SocketIO, caplog: pytest.LogCaptureFixture
) -> None:
    socketio.on_event("fail", lambda: 1 / 0)
    socketio.on_event("next", lambda: "answer")
    websocket, _ = served.connect()

    websocket.send('421["fail"]')

    assert ask(websocket, "next") == ["answer"]
    assert "ZeroDivisionError" in caplog.text


# ------------------------------------------------------------------ classes


class Chat(Namespace):
    def on_connect(self, auth: Any = None) -> None:
        emit("hello", auth)

    def on_disconnect(self) -> None:
        self.emit("left", room="all")

    def on_enter(self, room: str) -> list[str]:
        sid = flask.request.sid  # type: ignore[attr-defined]
        self.enter_room(sid, room)
        return self.rooms(sid)

    def on_say(self, text: str) -> str:
        self.send(text, room="all")
        return text.upper()

    def on_fail(self) -> None:
        raise KeyError("x")

    def error(self, error: Exception) -> str:
        return f"error {type(error).__name__}"


def test_a_class_handles_its_namespace(served: FlaskServed, socketio: SocketIO) -> None:
    socketio.on_namespace(Chat("/chat"))
    websocket = served.join("/chat", auth={"a": 1})
    sid = welcome(websocket, "40/chat,")
    assert event(websocket.receive_message()) == ["hello", {"a": 1}]

    assert ask(websocket, "enter", "all", prefix="/chat,") == [[sid, "all"]]
    websocket.send('42/chat,1["say","hi"]')
    assert event(websocket.receive_message()) == ["message", "hi"]
    assert websocket.receive_message() == '43/chat,1["HI"]'
    assert ask(websocket, "fail", prefix="/chat,") == ["error KeyError"]
    socketio.on_event("say", lambda text: "a function goes first", "/chat")
    answer = ask(websocket, "say", "hi", prefix="/chat,")
    assert answer == ["a function goes first"]


def test_a_class_may_see_every_event_first(
    served: FlaskServed, socketio: SocketIO
) -> None:
    class All(Namespace):
        def trigger_event(self, event: str, sid: str, *args: Any) -> Any:
            return None if event in ("connect", "disconnect") else [event, *args]

    socketio.on_namespace(All("/all"))
    websocket = served.join("/all")
    welcome(websocket, "40/all,")

    assert ask(websocket, "any thing", 1, prefix="/all,") == [["any thing", 1]]


# ------------------------------------------------------------------ sending


def test_whom_emit_reaches(served: FlaskServed, socketio: SocketIO) -> None:
    (ann, a), (bob, b), (eve, e) = (served.connect() for _ in range(3))
    a.join("room")
    b.join("room")

    @socketio.on("go")
    def go() -> None:
        emit("self", (1, 2))
        emit("room", to="room", include_self=False)
        emit("skip", broadcast=True, skip_sid=[a.id, e.id])
        emit("sid", None, to=[b.id])
        emit("nobody", to=[])
        socketio.send({"j": 1}, json=True, to="room", skip_sid=b.id)
        emit("end", broadcast=True)

    ann.send('42["go"]')

    def until_end(websocket: RawWebSocket) -> list[Any]:
        return list(iter(websocket.receive_event, ["end"]))

    assert until_end(ann) == [["self", 1, 2], ["json", {"j": 1}]]
    assert until_end(bob) == [["room"], ["skip"], ["sid"]]
    assert until_end(eve) == []


def test_rooms_are_left_and_closed(served: FlaskServed, socketio: SocketIO) -> None:
    (ann, a), (_, b) = served.connect(), served.connect()
    for socket in (a, b):
        socket.join("one", "two")
    socketio.on_event("leave", lambda: leave_room("one"))
    socketio.on_event("close", lambda: close_room("two"))

    ask(ann, "leave")
    assert a.rooms == {a.id, "two"}
    ask(ann, "close")

    assert a.rooms == {a.id}
    assert b.rooms == {b.id, "one"}


def test_nobody_may_enter_the_room_of_another_client(
    served: FlaskServed, socketio: SocketIO
) -> None:
    refused = Heard("refused")
    socketio.on_error()(refused)
    socketio.on_event("join", lambda room: join_room(room))
    (ann, a), (_, b) = served.connect(), served.connect()

    assert ask(ann, "join", a.id) == []
    assert ask(ann, "join", b.id) == ["refused"]

    assert isinstance(refused.calls[0][0], ValueError)
    assert b.id not in a.rooms


def test_call_returns_the_answer_and_callbacks_get_it(
    served: FlaskServed, socketio: SocketIO
) -> None:
    @socketio.on("go")
    def go() -> list[Any]:
        return [call("q"), call("q"), call("q", timeout=60)]

    websocket, _ = served.connect()
    websocket.send('421["go"]')
    for answer in ("[]", "[5]", "[1,2]"):
        question = websocket.receive_message()
        assert isinstance(question, str)
        websocket.send(f"43{question[2 : question.index('[')]}{answer}")

    assert websocket.receive_message() == "431[[null,5,[1,2]]]"
    with pytest.raises(sockio.Disconnected):
        socketio.call("q", to="nobody")
    with pytest.raises(ValueError, match="give to="):
        socketio.call("q")


def test_a_callback_is_called_for_each_client_of_a_room(
    served: FlaskServed, socketio: SocketIO
) -> None:
    (ann, a), (bob, b) = served.connect(), served.connect()
    for socket in (a, b):
        socket.join("room")
    answered = Heard()

    socketio.emit("ask", to="room", callback=answered)

    for websocket, answer in ((ann, 1), (bob, 2)):
        question = websocket.receive_message()
        assert isinstance(question, str)
        websocket.send(f"43{question[2 : question.index('[')]}[{answer}]")
    assert sorted([answered.next(), answered.next()]) == [(1,), (2,)]


def test_what_cannot_be_sent_fails_where_it_is_emitted(socketio: SocketIO) -> None:
    for namespace in ("/", "/nowhere"):
        with pytest.raises(sockio.EncodeError):
            socketio.emit("x", object(), namespace=namespace)


def test_functions_about_a_client_need_one(
    served: FlaskServed, socketio: SocketIO
) -> None:
    with served.flask_app.test_request_context():
        for fn in (lambda: emit("x"), rooms, lambda: join_room("x"), disconnect):
            with pytest.raises(RuntimeError, match="here none is"):
                fn()
        with pytest.raises(RuntimeError, match="here none is"):
            socketio.emit("x", include_self=False)


# ------------------------------------------------------------------ contexts


def test_each_event_has_a_context_of_its_own_which_is_torn_down(
    served: FlaskServed, socketio: SocketIO
) -> None:
    ended = Heard()
    served.flask_app.teardown_appcontext(lambda error: ended(type(error)))

    @socketio.on("count")
    def count() -> int:
        flask.g.count = flask.g.get("count", 0) + 1
        return int(flask.g.count)

    socketio.on_event("fail", lambda: flask.abort(404))
    websocket, _ = served.connect()
    assert ended.next() == (type(None),)  # connect

    assert ask(websocket, "count") == [1]
    assert ask(websocket, "count") == [1]
    assert [ended.next(), ended.next()] == 2 * [(type(None),)]
    websocket.send('42["fail"]')
    assert ended.next()[0].__name__ == "NotFound"


def test_callbacks_and_tasks_are_about_the_client_too(
    served: FlaskServed, socketio: SocketIO
) -> None:
    heard, ended = Heard(), Heard()

    def look(*args: Any) -> None:
        heard(current_socket.id, flask.g.get("mine"), flask.session["user"], *args)

    @socketio.on("go")
    def go() -> None:
        flask.g.mine = "the event's"
        flask.session["user"] = "ann"
        emit("ask", callback=look)
        task = socketio.start_background_task(look, "task")
        task.join()
        assert not task.is_alive()

    websocket, socket = served.connect()
    served.flask_app.teardown_appcontext(ended)
    websocket.send('42["go"]')
    question = websocket.receive_message()
    assert isinstance(question, str)
    assert heard.next() == (socket.id, None, "ann", "task")
    websocket.send(f"43{question[2 : question.index('[')]}[1]")

    assert heard.next() == (socket.id, None, "ann", 1)
    for _ in range(3):
        ended.next()


def test_a_task_without_a_client_has_an_application_context(
    served: FlaskServed, socketio: SocketIO
) -> None:
    named = Heard()

    task = socketio.start_background_task(lambda: named(flask.current_app.name))
    task.join()

    assert named.calls == [("shop",)]


def test_the_request_of_a_handshake_is_there_for_allow_request(start: Start) -> None:
    seen = Heard()
    served = start(allow_request=lambda request: seen(flask.request.path))

    served.connect()

    assert seen.calls == [("/socket.io/",)]


# ------------------------------------------------------------------ applications


def test_an_application_made_later_gets_the_handlers_registered_before() -> None:
    socketio = SocketIO(ping_interval=7)
    socketio.on_event("who", lambda: flask.current_app.name)
    with pytest.raises(sockio.ConfigError, match="call init_app"):
        socketio.emit("x")

    for name in ("one", "two"):
        app = flask.Flask(name)
        app.secret_key = "secret"
        socketio.init_app(app, ping_timeout=8)
        served = FlaskServed(app, socketio)
        websocket, _ = served.connect()
        assert ask(websocket, "who") == [name]
        assert app.extensions["socketio"] is socketio
        served.close()
    options = socketio.io.engine.options
    assert (options.ping_interval, options.ping_timeout) == (7, 8)


@pytest.mark.parametrize(
    ("options", "origin", "status"),
    [
        ({}, "http://evil.example", 403),
        ({}, None, 200),
        ({"cors_allowed_origins": "*"}, "http://evil.example", 200),
        ({"cors_allowed_origins": []}, "http://evil.example", 200),
        ({"cors_allowed_origins": "http://a.example"}, "http://a.example", 200),
        ({"cors_allowed_origins": ["http://a.example"]}, "http://b.example", 403),
        ({"cors_allowed_origins": lambda origin: origin[-1] == "b"}, "http://b", 200),
        ({"cors_allowed_origins": lambda origin, environ: False}, "http://b", 403),
    ],
)
def test_foreign_pages_are_refused_unless_they_are_allowed(
    start: Start, options: dict[str, Any], origin: str | None, status: int
) -> None:
    served = start(**options)
    headers = {} if origin is None else {"Origin": origin}

    answer = served.raw.request(headers=headers, transport="polling")

    assert answer.status == status
    if status == 200 and origin and options["cors_allowed_origins"]:
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"


def test_the_servers_calls_with_a_sid(served: FlaskServed, socketio: SocketIO) -> None:
    server = socketio.server
    websocket, socket = served.connect()

    server.enter_room(socket.id, "room")
    assert server.rooms(socket.id) == [socket.id, "room"]
    with server.session(socket.id) as kept:
        kept["n"] = 1
    assert server.get_session(socket.id) == {"n": 1}
    assert server.transport(socket.id) == "websocket"
    environ = server.get_environ(socket.id)
    assert environ is not None
    assert environ["PATH_INFO"] == "/socket.io/"
    server.emit("x", {"a": 1}, to="room")
    assert websocket.receive_event() == ["x", {"a": 1}]
    server.leave_room(socket.id, "room")
    assert server.rooms(socket.id) == [socket.id]
    server.disconnect(socket.id)
    assert websocket.receive_message() == "41"
    assert server.get_environ(socket.id) is None
    with pytest.raises(AttributeError, match=r"socketio\.io"):
        server.instrument  # noqa: B018


def test_the_servers_calls_about_a_client_that_is_not_here(
    served: FlaskServed, socketio: SocketIO
) -> None:
    server = socketio.server
    websocket, socket = served.connect()

    for look in (server.transport, server.get_session):
        with pytest.raises(KeyError, match="nobody"):
            look("nobody")
    with pytest.raises(KeyError, match="nobody"):
        server.save_session("nobody", {})
    server.enter_room("nobody", "room")
    server.leave_room("nobody", "room")
    server.disconnect("nobody")
    assert server.rooms("nobody") == []
    with pytest.raises(ValueError, match="another client's own"):
        server.enter_room("nobody", socket.id)
    with pytest.raises(ConfigError, match="no namespace '/strange'"):
        server.close_room("room", namespace="/strange")

    server.enter_room(socket.id, "room")
    server.close_room("room")
    assert server.rooms(socket.id) == [socket.id]
    server.send("hello", to=socket.id)
    assert websocket.receive_event() == ["message", "hello"]
    assert server.start_background_task(server.sleep, 0).wait(5) is None
    assert server.start_background_task(lambda n: n + 1, 6).wait(5) == 7


def test_a_server_calls_a_client_and_shuts_down(
    served: FlaskServed, socketio: SocketIO
) -> None:
    server = socketio.server
    websocket, socket = served.connect()

    task = server.start_background_task(server.call, "who", 1, socket.id)
    asked = str(websocket.receive_message())
    websocket.send(f'43{asked[2 : asked.index("[")]}["Ann"]')
    assert task.wait(5) == "Ann"

    server.shutdown()
    assert websocket.wait_closed()


def test_a_client_that_has_gone_leaves_nothing_to_the_garbage_collector(
    served: FlaskServed, socketio: SocketIO
) -> None:
    gone = Heard()
    socketio.on_event("connect", lambda: emit("hello", callback=print))
    socketio.on_event("*", lambda event, *args: [event, *args])
    socketio.on_event("fail", lambda: 1 / 0)
    socketio.on_error()(lambda error: rooms())
    socketio.on_event("disconnect", gone)

    def visit() -> None:
        websocket = served.join()
        welcome(websocket)
        websocket.receive_message()
        ask(websocket, "what")
        ask(websocket, "fail")
        websocket.close()
        gone.next()
        wait_until(lambda: not served.io.engine.clients_count)

    visit()
    with nothing_to_collect():
        visit()
