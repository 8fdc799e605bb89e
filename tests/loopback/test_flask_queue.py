"""A message queue: a process without an application reaches the clients."""

from __future__ import annotations

from typing import Any

import pytest

import sockio
from sockio.integrations.flask import SocketIO
from sockio.integrations.flask.emitting import Emitting
from tests.support.flask_server import FlaskServed, application
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until


def test_what_another_process_emits_reaches_the_clients(
    redis_server: RedisServer,
) -> None:
    queue = {"message_queue": redis_server.url, "channel": "flask-queue"}
    served = FlaskServed(*application(**queue))
    (ann, a), (bob, b) = served.connect(), served.connect()
    a.join("room")
    writer = Emitting(queue)
    stats = served.io.stats
    how: Any = {"namespace": "/", "callback": None, "local": False}

    wait_until(lambda: (found := stats().adapter) is not None and found.connected)
    writer.emit("told", ("a", 1), to="room", without=None, **how)
    writer.emit("all", ({"a": 1},), to=None, without=b.id, **how)
    writer.emit("everybody", (), to=None, without=None, **how)

    assert [ann.receive_event() for _ in range(3)] == [
        ["told", "a", 1],
        ["all", {"a": 1}],
        ["everybody"],
    ]
    assert bob.receive_event() == ["everybody"]
    writer.close_room("room", "/")
    wait_until(lambda: "room" not in a.rooms)
    writer.close()
    served.close()


def test_such_a_process_can_only_emit() -> None:
    writer = SocketIO()
    writer.init_app(None, message_queue="redis://127.0.0.1:1")

    with pytest.raises(sockio.NotSupported, match="can only emit"):
        writer.call("question", to="x")
    with pytest.raises(sockio.NotSupported, match="no client answers"):
        writer.emit("question", callback=print)
    with pytest.raises(ConnectionError):
        writer.emit("told")
    with pytest.raises(ConnectionError):
        writer.close_room("room")
