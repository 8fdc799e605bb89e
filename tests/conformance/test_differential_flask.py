"""Flask-SocketIO itself beside ours: the same application twice, an import apart.

Each conversation is held with both. What differs on purpose is in ``docs/flask.rst``,
and in the tests at the end.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import flask
import gevent
import pytest
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

import sockio
from tests.support.raw_client import RawClient
from tests.support.raw_websocket import RawWebSocket

gevent.get_hub().threadpool  # noqa: B018 - theirs makes it; it is the process's

#: Theirs notices that a client has gone when it would send a ping; and what looks for
#: silent clients ends late.
LEAVING_SOON = {"ping_interval": 0.1, "monitor_clients": False}
THEIRS, OURS = "flask_socketio", "sockio.integrations.flask"


def application(names: Any, seen: list[Any]) -> Any:
    """Make the application with the names of one of the packages."""
    app = flask.Flask("twin")
    app.secret_key = "secret"
    socketio = names.SocketIO(app, async_mode="gevent", **LEAVING_SOON)
    app.teardown_appcontext(lambda error: seen.append(("teardown", repr(error))))
    _connections(names, socketio, seen)
    _events(names, socketio, seen)
    socketio.on_namespace(_chat(names)("/chat"))
    return app, socketio


def _connections(names: Any, socketio: Any, seen: list[Any]) -> None:
    def connect(auth: Any) -> Any:
        request: Any = flask.request
        seen.append((auth, request.event["message"], request.namespace))
        names.join_room("lobby")
        names.emit("hello", {"rooms": len(names.rooms())})
        names.emit("all", broadcast=True)
        names.send("lobby", to="lobby")
        flask.session["n"] = 0
        if auth is None or "refuse" not in auth:
            return None
        if auth["refuse"] is False:
            return False
        raise names.ConnectionRefusedError(*auth["refuse"])

    def gone(reason: str) -> None:
        sid = flask.request.sid  # type: ignore[attr-defined]
        seen.append((reason, [room for room in names.rooms() if room != sid]))
        names.emit("left", reason, to="lobby")

    socketio.on_event("connect", connect)
    socketio.on_event("disconnect", gone)
    socketio.on_event("bye", lambda: names.disconnect())


def _events(names: Any, socketio: Any, seen: list[Any]) -> None:
    def echo(*args: Any) -> Any:
        seen.append(("echo", flask.request.event))  # type: ignore[attr-defined]
        names.emit("echoed", args)
        return args

    def count() -> tuple[int, int]:
        flask.g.n = flask.g.get("n", 0) + 1
        flask.session["n"] += 1
        return flask.session["n"], flask.g.n

    def fail(value: Any) -> None:
        raise ValueError(value)

    def failed(error: Exception) -> str:
        seen.append(("error", isinstance(error, TypeError)))
        return "failed"

    def answered(*values: Any) -> None:
        names.emit("answered", values)

    socketio.on_error()(failed)
    for handler in (echo, count, fail):
        socketio.event(handler)
    socketio.on_event("one", lambda value: value)
    socketio.on_event("nothing", lambda: None)
    socketio.on_event("list", lambda: [1, {"a": b"bytes"}])
    socketio.on_event("ask", lambda: names.emit("q", "?", callback=answered))
    socketio.on_event("call", lambda: names.call("q"))
    socketio.on_event("join", lambda room: names.join_room(room))
    socketio.on_event("leave", lambda room: names.leave_room(room))
    socketio.on_event("close", lambda room: names.close_room(room))
    socketio.on_event("to", lambda to, data: names.emit("sent", data, to=to))
    socketio.on_event("end", lambda: names.emit("end"))
    socketio.on_event(
        "others", lambda: names.emit("x", broadcast=True, include_self=False)
    )
    socketio.on_event("*", lambda event, *args: [event, *args])
    socketio.on_event("first", lambda: "replaced")
    socketio.on_event("first", lambda: "second")


def _chat(names: Any) -> Any:
    class Chat(names.Namespace):  # type: ignore[misc]
        def on_connect(self) -> None:
            names.emit("welcome", self.namespace)

        def on_say(self, text: str) -> str:
            self.send(text)
            return text

        def on_fail(self) -> None:
            raise KeyError("x")

        def error(self, error: Exception) -> str:
            return type(error).__name__

    return Chat


class Twin:
    """One of the two applications, served."""

    def __init__(self, package: str) -> None:
        self.ours = package == OURS
        #: What its handlers have seen.
        self.seen: list[Any] = []
        names = importlib.import_module(package)
        self.app, self.socketio = application(names, self.seen)
        if self.ours:
            server: Any = sockio.create_server(self.app).listen(("127.0.0.1", 0))
        else:
            server = WSGIServer(
                ("127.0.0.1", 0), self.app, handler_class=WebSocketHandler, log=None
            )
            server.start()
        self._server = server
        self.client = RawClient(f"http://127.0.0.1:{server.address[1]}", "/socket.io/")

    def close(self) -> None:
        self.client.close()
        if self.ours:
            self.socketio.io.close()
            self._server.close()
        else:
            self._server.stop(timeout=2)

    def join(
        self, count: int, namespace: str = "/", auth: Any = None
    ) -> tuple[RawWebSocket, list[str]]:
        """Join a namespace; return the client, and ``count`` messages, sorted.

        Theirs sends what the connect handler emits before the answer.
        """
        websocket, _ = self.client.open_websocket_session()
        prefix = "" if namespace == "/" else f"{namespace},"
        websocket.send(f"40{prefix}" + ("" if auth is None else json.dumps(auth)))
        return websocket, sorted(receive(websocket, count))


def receive(websocket: RawWebSocket, count: int) -> list[str]:
    """Return ``count`` messages, with all ids made equal."""
    return [plain(websocket.receive_message()) for _ in range(count)]


def plain(message: str | bytes) -> str:
    """Replace the ids in a message, which are anybody's choice."""
    text = re.sub(r'"[\w-]{20}"', '"SID"', str(message))
    return re.sub(r"^42(/\w+,)?\d+\[", r"42\1#[", text)


@pytest.fixture
def twins() -> Iterator[list[Twin]]:
    """Give both applications: theirs, and ours."""
    both = [Twin(THEIRS), Twin(OURS)]
    yield both
    for twin in both:
        twin.close()


def alike(results: list[Any]) -> Any:
    """Check that both have done the same; return it."""
    theirs, ours = results
    assert ours == theirs
    return ours


@pytest.mark.parametrize("auth", [None, {"a": 1}, {}], ids=str)
def test_a_client_is_let_in(twins: list[Twin], auth: Any) -> None:
    def connect(twin: Twin) -> Any:
        twin.seen.clear()
        websocket, got = twin.join(4, auth=auth)
        websocket.close()
        return got, twin.seen[0]

    alike([connect(twin) for twin in twins])


@pytest.mark.parametrize(
    "refuse", [False, [], ["no"], ["no", {"a": 1}], ["no", 1, 2]], ids=str
)
def test_a_client_is_refused(twins: list[Twin], refuse: Any) -> None:
    def refusal(twin: Twin) -> str:
        websocket, _ = twin.join(0, auth={"refuse": refuse})
        got = iter(lambda: receive(websocket, 1)[0], None)
        return next(message for message in got if message.startswith("44"))

    assert alike([refusal(twin) for twin in twins]).startswith('44{"message":')


#: What the client sends; how many messages it gets then, and another client gets.
CONVERSATIONS: dict[str, list[tuple[str, int, int]]] = {
    "answers": [
        ('421["echo"]', 2, 0),
        ('422["echo",1,{"a":[null]}]', 2, 0),
        ('423["one",[1]]', 1, 0),
        ('424["nothing"]', 1, 0),
        ('425["list"]', 2, 0),
        ('426["first"]', 1, 0),
        ('427["what",1]', 1, 0),
    ],
    "session": [('421["count"]', 1, 0), ('422["count"]', 1, 0)],
    "errors": [('421["fail",1]', 1, 0), ('422["one"]', 1, 0), ('423["one",1,2]', 1, 0)],
    "rooms": [
        ('421["join","r"]', 1, 0),
        ('422["to","r",1]', 2, 0),
        ('423["to",["r","lobby"],[1,2]]', 2, 1),
        ('424["leave","r"]', 1, 0),
        ('425["to","r",1]', 1, 0),
        ('426["close","lobby"]', 1, 0),
        ('427["to","lobby",1]', 1, 0),
    ],
    "without me": [('421["others"]', 1, 1)],
    "end by the server": [('42["bye"]', 1, 1)],
    "end by the client": [("41", 0, 1)],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation(twins: list[Twin], name: str) -> None:
    def talk(twin: Twin) -> Any:
        other, _ = twin.join(4)
        websocket, _ = twin.join(4)
        receive(other, 2)  # what the connect handler broadcasts
        twin.seen.clear()
        got = []
        for message, mine, others in CONVERSATIONS[name]:
            websocket.send(message)
            got += [receive(websocket, mine), receive(other, others)]
        seen = [each for each in twin.seen if each[0] != "teardown"]
        websocket.close()
        other.close()
        return got, seen

    alike([talk(twin) for twin in twins])


@pytest.mark.parametrize(
    ("event", "answer"),
    [("ask", '["yes",1]'), ("call", "[]"), ("call", "[5]"), ("call", "[1,2]")],
)
def test_the_client_answers(twins: list[Twin], event: str, answer: str) -> None:
    def talk(twin: Twin) -> Any:
        websocket, _ = twin.join(4)
        websocket.send(f'427["{event}"]')
        got = [websocket.receive_message()]
        if event == "ask":
            got.append(websocket.receive_message())
        question = next(str(each) for each in got if '["q"' in str(each))
        websocket.send("43" + question[2 : question.index("[")] + answer)
        got.append(websocket.receive_message())
        websocket.close()
        return sorted(map(plain, got))

    alike([talk(twin) for twin in twins])


def test_a_class_handles_a_namespace(twins: list[Twin]) -> None:
    def talk(twin: Twin) -> Any:
        websocket, got = twin.join(2, namespace="/chat")
        for message, count in (('42/chat,1["say","hi"]', 2), ('42/chat,2["fail"]', 1)):
            websocket.send(message)
            got += receive(websocket, count)
        websocket.close()
        return got

    alike([talk(twin) for twin in twins])


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 200), ("http://evil.example", 400), ("own", 200)],
    ids=["none", "foreign", "own"],
)
def test_origins(twins: list[Twin], origin: str | None, status: int) -> None:
    for twin in twins:
        own = twin.client.http().request("GET", "/nowhere").status
        assert own == 404
        address = twin.client._host
        value = f"http://{address}" if origin == "own" else origin
        headers = {} if value is None else {"Origin": value}
        answer = twin.client.request(headers=headers, transport="polling")
        refused = 403 if twin.ours else 400
        assert answer.status == (refused if status == 400 else status)


def test_contexts_are_torn_down_once_for_each_event(twins: list[Twin]) -> None:
    def count(twin: Twin) -> int:
        websocket, _ = twin.join(4)
        twin.seen.clear()
        for message in ('421["nothing"]', '422["fail",1]', '423["what"]'):
            websocket.send(message)
            receive(websocket, 1)
        gevent.idle()
        torn = [each for each in twin.seen if each[0] == "teardown"]
        websocket.close()
        return len(torn)

    assert alike([count(twin) for twin in twins]) == 3
