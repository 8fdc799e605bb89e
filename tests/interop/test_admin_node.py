"""What Node's half of the admin page says on the wire, and what ours says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

import sockio
from tests.support.admin import BEATS, HASH, LOGIN, USER
from tests.support.node import Driver, JsClient
from tests.support.served import Served

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
#: What a server of Node's does with each client; ours does the same below.
BEHAVIOUR = """
    it.on("connection", (socket) => {
      socket.on("enter", (room, done) => { socket.join(room); done("in"); });
      socket.on("exit", (room, done) => { socket.leave(room); done(); });
      socket.on("remember", (value, done) => { socket.data.value = value; done(); });
      socket.on("repeat", (...args) => { it.emit("repeated", ...args); });
    });
"""


def behave(io: sockio.Server[Any]) -> None:
    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        def remember(value: Any) -> None:
            socket.data.value = value

        def enter(room: str) -> str:
            socket.join(room)
            return "in"

        socket.on("enter", enter)
        socket.on("exit", socket.leave)
        socket.on("remember", remember)
        socket.on("repeat", lambda *args: io.emit("repeated", *args))


@pytest.fixture
def ours() -> Iterator[Served]:
    io = sockio.Server(slow_handler=None)
    sockio.instrument(io, auth=USER)
    behave(io)
    served = Served(io)
    yield served
    served.close()


def watch(node: Driver, url: str) -> list[list[Any]]:
    """Let a client do things; return what the admin page hears of it."""
    admin = node.connect(f"{url}/admin", auth=LOGIN, transports=["websocket"])
    admin.next("all_sockets")
    admin.take("room_joined")  # Node tells the page of itself, too
    client = node.connect(url, transports=["polling", "websocket"])
    client.next("upgrade")
    assert client.emit_with_ack("enter", "room") == ["in"]
    client.emit_with_ack("remember", {"deep": [1]})
    client.emit("repeat", "é", None, {"a": [b"\x00\xff"]})
    client.next("repeated")
    client.emit_with_ack("exit", "room")
    client.emit_with_ack("enter", "other")
    sid = client.state()["id"]
    client.disconnect()
    return heard(admin, sid)


def heard(admin: JsClient, sid: str) -> list[list[Any]]:
    """Return what was heard in ``/``, up to the last room that was left."""
    found: list[list[Any]] = []
    while not found or found[-1][:3] != ["room_left", "/", "other"]:
        event = admin.next()
        if found or "/" in event.args:
            found.append(named([event.event, *event.args], sid))
    return [each for each in found if each[0] not in BEATS]


def named(value: Any, sid: str) -> Any:
    """Replace what differs from run to run."""
    if isinstance(value, list):
        return [named(each, sid) for each in value]
    if isinstance(value, dict):
        return {key: _of_socket(key, named(each, sid)) for key, each in value.items()}
    if value == sid:
        return "<id>"
    return "<date>" if isinstance(value, str) and DATE.fullmatch(value) else value


def _of_socket(key: str, value: Any) -> Any:
    """Replace what says when, and from where."""
    if key in ("time", "issued", "url"):
        return type(value)
    if key == "clientId":
        return len(value)
    if key == "query":
        return {**value, "t": "<t>"}
    if key == "headers":
        return {**value, "host": "<host>", "sec-websocket-key": "<key>"}
    return value


def is_about_nodes_own(event: list[Any]) -> bool:
    """Whether it is about the key ``_admin`` that Node adds to ``socket.data``."""
    return bool(event[0] == "socket_updated" and event[1].get("data") == {})


def test_ours_says_what_nodes_says(node: Driver, ours: Served) -> None:
    theirs = node.admin(
        auth={"type": "basic", "username": "admin", "password": HASH},
        mode="development",
    )
    theirs.run(BEHAVIOUR)

    expected = watch(node, theirs.url)
    found = watch(node, ours.url)

    assert found == [each for each in expected if not is_about_nodes_own(each)]


def test_ours_begins_as_nodes_does(node: Driver, ours: Served) -> None:
    theirs = node.admin(
        auth={"type": "basic", "username": "admin", "password": HASH},
        mode="development",
    )

    told = []
    for url in (theirs.url, ours.url):
        admin = node.connect(f"{url}/admin", auth=LOGIN, transports=["websocket"])
        sid = admin.next("connect") and admin.state()["id"]
        config, sockets = admin.next("config").args, admin.next("all_sockets").args
        [stats] = admin.next("server_stats").args
        shape = {key: type(value) for key, value in stats.items() if key != "uptime"}
        told.append((config, named(sockets, sid), shape))

    assert told[0] == told[1]


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"username": "admin", "password": "wrong"},
        {"username": "root", "password": "secret"},
        {"sessionId": None},
        {"sessionId": "0123456789abcdef"},
    ],
)
def test_refusals_are_the_same(node: Driver, ours: Served, auth: Any) -> None:
    theirs = node.admin(auth={"type": "basic", "username": "admin", "password": HASH})
    if "username" not in auth or auth["username"] != "admin":
        auth = {"password": "x", **auth}

    said = [
        node.connect(f"{url}/admin", auth=auth).next("connect_error").args
        for url in (theirs.url, ours.url)
    ]

    assert said[0] == said[1]
    assert said[1][0]["message"] == "invalid credentials"
