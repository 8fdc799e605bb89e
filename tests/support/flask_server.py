"""Flask server: an application with sockio's SocketIO, on loopback."""

from __future__ import annotations

import json
from typing import Any

import flask

from sockio.integrations.flask import SocketIO

from .raw_websocket import RawWebSocket
from .served import Served


class FlaskServed(Served):
    """A running application, and its clients."""

    def __init__(self, app: flask.Flask, socketio: SocketIO) -> None:
        super().__init__(socketio.io)
        self.flask_app = app
        self.socketio = socketio

    def join(
        self,
        namespace: str = "/",
        auth: Any = None,
        headers: dict[str, str] | None = None,
    ) -> RawWebSocket:
        """Join a namespace; whatever the answer is, it has not been received."""
        websocket, _ = self.raw.open_websocket_session(headers)
        prefix = "" if namespace == "/" else f"{namespace},"
        websocket.send(f"40{prefix}" + ("" if auth is None else json.dumps(auth)))
        return websocket


def application(**options: Any) -> tuple[flask.Flask, SocketIO]:
    """Make an application and its SocketIO."""
    app = flask.Flask("shop")
    app.secret_key = "secret"
    return app, SocketIO(app, slow_handler=60.0, **options)


def ask(websocket: RawWebSocket, event: str, *args: Any, prefix: str = "") -> Any:
    """Emit an event and return the arguments of its answer.

    Blocks:
        Until the answer comes; it must be the next message.
    """
    websocket.send(f"42{prefix}7{json.dumps([event, *args])}")
    answer = websocket.receive_message()
    assert isinstance(answer, str)
    assert answer.startswith(f"43{prefix}7["), answer
    return json.loads(answer[answer.index("[") :])
