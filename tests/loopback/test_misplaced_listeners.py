"""Listeners on the server or a namespace, for what clients send to their sockets."""

from __future__ import annotations

import re

import pytest

from tests.support.served import Heard, Served


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def settle(served: Served, websocket: object, heard: Heard) -> None:
    """Wait until the server has handled what was sent before."""
    websocket.send('42["last"]')  # type: ignore[attr-defined]
    heard.next()


@pytest.fixture
def last(served: Served) -> Heard:
    heard = Heard()
    for name in ("/", "/chat"):
        served.io.of(name).on("connection", lambda socket: socket.on("last", heard))
    return heard


def test_it_is_said_where_the_listener_belongs(
    served: Served, last: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    served.io.on("say", heard)
    websocket, _ = served.connect()

    websocket.send('42["say","hi"]')
    settle(served, websocket, last)

    assert warnings(caplog) == [
        "event 'say': its listener is registered on the server, where nothing calls "
        "it; register it on the socket, in the connection handler: @socket.on('say')"
    ]
    assert heard.calls == []


def test_it_is_said_once_for_each_name(
    served: Served, last: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    served.io.on("say", print)
    served.io.on("shout", print)
    for _ in range(2):
        websocket, _ = served.connect()
        for name in ("say", "shout", "say", "nobody's"):
            websocket.send(f'42["{name}"]')
        settle(served, websocket, last)

    assert [re.findall("'(.*?)'", text)[0] for text in warnings(caplog)] == [
        "say",
        "shout",
    ]


@pytest.mark.parametrize(
    ("place", "words"), [("/", "on the server"), ("/chat", "on the namespace '/chat'")]
)
def test_listeners_of_the_server_and_of_the_namespace(
    served: Served,
    place: str,
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = Heard()
    served.io.of("/chat")
    served.io.of(place).on("say", heard)
    websocket, socket = served.connect("/chat")
    socket.on("last", heard)

    websocket.send('42/chat,["say"]')
    websocket.send('42/chat,["last"]')

    heard.next()
    assert [words in text for text in warnings(caplog)] == [True]


def test_who_listens_on_the_socket_is_told_nothing(
    served: Served, last: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    served.io.on("say", print)
    websocket, socket = served.connect()
    socket.on("say", lambda: None)

    websocket.send('42["say"]')
    websocket.send('42["connection"]')  # which is an event of the server's, too
    settle(served, websocket, last)

    assert warnings(caplog) == []


def test_disconnect_belongs_on_the_socket_too(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.io.on("disconnect", print)
    gone = Heard()
    websocket, socket = served.connect()
    socket.on("disconnecting", gone)

    websocket.send("41")

    gone.next()
    assert [text[:18] for text in warnings(caplog)] == ["event 'disconnect'"]
