"""The test client: Flask-SocketIO's own, and ours, do the same."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import flask
import pytest

import sockio

OURS, THEIRS = "sockio.integrations.flask", "flask_socketio"


def page() -> str:
    flask.session["user"] = "ann"
    return "a page"


@pytest.fixture(params=[OURS, THEIRS], ids=["ours", "theirs"])
def names(request: pytest.FixtureRequest) -> Any:
    """Give a package."""
    return importlib.import_module(request.param)


@pytest.fixture
def app(names: Any) -> Iterator[flask.Flask]:
    """Give an application that uses the package."""
    app = flask.Flask("shop")
    app.secret_key = "secret"
    app.add_url_rule("/page", view_func=page)
    socketio = names.SocketIO(app, async_mode="gevent")

    def connect(auth: Any) -> Any:
        if auth == {"refuse": True}:
            return False
        names.send("hello")
        names.emit("args", flask.request.args.getlist("a"))
        names.emit("token", flask.request.headers.get("X-Token"))
        return None

    def change() -> dict[str, str]:
        data = {"a": "before"}
        names.emit("data", data)
        data["a"] = "after"
        return data

    socketio.on_event("connect", connect)
    socketio.on_event("connect", lambda: names.emit("more"), "/more")
    socketio.on_event("echo", lambda *args: args)
    socketio.on_event("nothing", lambda: None)
    socketio.on_event("change", change)
    socketio.on_event("shout", lambda data: names.emit("all", data, broadcast=True))
    socketio.on_event("json", lambda data: names.send(data, json=True))
    socketio.on_event("message", lambda text: text.upper())
    socketio.on_event("who", lambda: flask.session.get("user", "nobody"))
    socketio.on_event("bye", lambda: names.disconnect())
    socketio.on_event("fail", lambda: {1: 2}[3])
    socketio.on_event("bad answer", lambda: object())
    socketio.on_event("fail", lambda: {1: 2}[3], "/more")
    socketio.on_error("/more")(lambda error: "handled")
    yield app
    if names.__name__ == OURS:
        socketio.io.close()


@pytest.fixture
def socketio(app: flask.Flask) -> Any:
    return app.extensions["socketio"]


def test_what_the_connect_handler_sends_is_received(
    app: flask.Flask, socketio: Any
) -> None:
    client = socketio.test_client(
        app, query_string="?a=1&a=2&b=", headers={"X-Token": "t"}
    )

    assert client.is_connected()
    assert client.get_received() == [
        {"name": "message", "args": "hello", "namespace": "/"},
        {"name": "args", "args": [["1", "2"]], "namespace": "/"},
        {"name": "token", "args": ["t"], "namespace": "/"},
    ]
    assert client.get_received() == []


def test_a_client_that_is_refused_is_not_connected(
    app: flask.Flask, socketio: Any
) -> None:
    client = socketio.test_client(app, auth={"refuse": True})

    assert not client.is_connected()
    for call in (client.get_received, lambda: client.emit("x"), client.disconnect):
        with pytest.raises(RuntimeError, match="not connected"):
            call()


def test_answers(app: flask.Flask, socketio: Any) -> None:
    client = socketio.test_client(app)
    client.get_received()

    assert client.emit("echo", 1, callback=True) == 1
    assert client.emit("echo", 1, b"bytes", callback=True) == [1, b"bytes"]
    assert client.emit("nothing", callback=True) == []
    assert client.emit("echo", 1) is None
    assert client.send("text", callback=True) == "TEXT"
    assert client.send({"a": 1}, json=True) is None
    assert client.emit("change", callback=True) == {"a": "after"}
    assert [each["args"] for each in client.get_received()] == [
        {"a": 1},
        [{"a": "before"}],
    ]


def test_clients_hear_each_other(app: flask.Flask, socketio: Any) -> None:
    ann, bob = socketio.test_client(app), socketio.test_client(app)
    bob.get_received()

    ann.emit("shout", [1, 2])
    socketio.emit("told", ("a", "b"))

    assert [each["args"] for each in bob.get_received()] == [[[1, 2]], ["a", "b"]]


def test_namespaces(app: flask.Flask, socketio: Any) -> None:
    client = socketio.test_client(app)
    client.connect("/more")

    assert [each["name"] for each in client.get_received("/more")] == ["more"]
    assert client.emit("fail", namespace="/more", callback=True) == "handled"
    client.disconnect()
    assert (client.is_connected(), client.is_connected("/more")) == (False, True)
    client.connect()
    assert client.is_connected()
    client.disconnect("/more")
    client.disconnect()
    assert not client.is_connected("/more")


def test_the_server_may_disconnect(app: flask.Flask, socketio: Any) -> None:
    client = socketio.test_client(app)

    client.emit("bye")

    assert not client.is_connected()
    with pytest.raises(RuntimeError, match="not connected"):
        client.emit("bye")


def test_the_cookies_of_a_browser_are_the_clients(
    app: flask.Flask, socketio: Any
) -> None:
    browser = app.test_client()
    browser.get("/page")

    stranger = socketio.test_client(app)
    client = socketio.test_client(app, flask_test_client=browser)

    assert stranger.emit("who", callback=True) == "nobody"
    assert client.emit("who", callback=True) == "ann"


def test_what_a_handler_raises_reaches_the_test(
    app: flask.Flask, socketio: Any
) -> None:
    client = socketio.test_client(app)

    with pytest.raises(KeyError):
        client.emit("fail")
    with pytest.raises(TypeError):
        client.emit("bad answer", callback=True)
    with pytest.raises(TypeError):
        client.emit("fail", "an argument too many")
    with pytest.raises(TypeError):
        client.emit("echo", object())
    assert client.emit("echo", "still here", callback=True) == "still here"


def test_another_applications_socketio_has_no_clients() -> None:
    from sockio.integrations.flask import SocketIO

    socketio = SocketIO(flask.Flask("one"))

    with pytest.raises(RuntimeError, match=r"call init_app\(app\)"):
        socketio.test_client(flask.Flask("other"))
    assert isinstance(socketio.io, sockio.Server)
