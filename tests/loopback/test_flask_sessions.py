"""Flask: the user's session in handlers, and the user in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest

from sockio.integrations.flask import SocketIO, refresh_session
from tests.support.flask_server import FlaskServed, application, ask

Start = Callable[..., FlaskServed]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give a function that starts an application with given options."""
    running: list[FlaskServed] = []

    def run(**options: Any) -> FlaskServed:
        app, socketio = application(**options)

        @app.get("/set/<value>")
        def set_value(value: str) -> str:
            flask.session["value"] = value
            return "set"

        socketio.on_event("get", lambda: flask.session.get("value"))
        socketio.on_event("set", _set_value)
        socketio.on_event("refresh", lambda: refresh_session().get("value"))
        running.append(FlaskServed(app, socketio))
        return running[-1]

    yield run
    for served in running:
        served.close()


def _set_value(value: str) -> None:
    flask.session["value"] = value


def cookie_of(app: flask.Flask, path: str) -> dict[str, str]:
    """Return the header with the session's cookie, after a request."""
    answer = app.test_client().get(path)
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


def test_handlers_get_a_copy_which_the_sockets_of_a_connection_share(
    start: Start,
) -> None:
    served = start()
    served.socketio.on_event("get", lambda: flask.session.get("value"), "/other")
    headers = cookie_of(served.flask_app, "/set/page")
    first, second = served.join(headers=headers), served.join(headers=headers)
    for websocket in (first, second):
        websocket.receive_message()
    served.also(first, "/other")

    assert ask(first, "get") == ["page"]
    ask(first, "set", "event")

    assert ask(first, "get") == ["event"]
    assert ask(first, "get", prefix="/other,") == ["event"]
    assert ask(second, "get") == ["page"]
    assert ask(first, "refresh") == ["page"]
    assert ask(first, "get") == ["page"]


def test_without_a_copy_a_cookie_is_read_for_each_event_and_cannot_be_set(
    start: Start,
) -> None:
    served = start(manage_session=False)
    websocket = served.join(headers=cookie_of(served.flask_app, "/set/page"))
    websocket.receive_message()

    ask(websocket, "set", "event")

    assert ask(websocket, "get") == ["page"]
    served.socketio.manage_session = True
    ask(websocket, "set", "event")
    assert ask(websocket, "get") == ["event"]


def test_an_application_without_a_secret_has_a_session_without_values() -> None:
    app = flask.Flask("shop")
    served = FlaskServed(app, SocketIO(app))
    served.socketio.on_event("get", lambda: flask.session.get("value"))
    websocket, _ = served.connect()

    assert ask(websocket, "get") == []
    served.close()


def test_refreshing_needs_a_client(start: Start) -> None:
    served = start()

    with (
        served.flask_app.test_request_context(),
        pytest.raises(RuntimeError, match="here none is"),
    ):
        refresh_session()
