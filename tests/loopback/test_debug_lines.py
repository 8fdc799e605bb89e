"""Debug lines: what happened, with names and sizes; and why nothing arrives."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import pytest

import sockio
from sockio.protocol.socketio.json_parser import JsonParser
from tests.support.raw_websocket import RawWebSocket, Refused
from tests.support.served import Gate, Heard, Served, event

from .conftest import Serve

SECRET = "the payload"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Switch debug lines on; give a function that returns them with their scopes."""
    caplog.set_level(logging.DEBUG, logger="sockio")
    return lambda: [
        f"{each.name.removeprefix('sockio.')} {each.getMessage()}"
        for each in caplog.records
    ]


def exchange(served: Served) -> None:
    """Let a client connect, move to a WebSocket, ask, be answered, and leave."""
    done = Heard()

    @served.io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.join("lobby")
        socket.on("disconnect", done)

        @socket.on("hello")
        def hello(text: str) -> str:
            socket.emit("news", text)
            served.io.to("lobby").emit("all", text)
            return text

    session, _ = served.poll()
    websocket = session.upgrade()
    websocket.send(f'427["hello","{SECRET}"]')
    assert event(websocket.receive_message()) == ["news", SECRET]
    assert event(websocket.receive_message()) == ["all", SECRET]
    assert websocket.receive_message() == f'437["{SECRET}"]'
    websocket.send("41")
    done.next()
    served.close()


def test_an_exchange_is_told(lines: Callable[[], list[str]], served: Served) -> None:
    exchange(served)

    told = "\n".join(lines())
    size = len(f'27["hello","{SECRET}"]')
    for line in (
        "engine.server request 'GET' '/socket.io/?EIO=4&transport=polling' origin=None",
        "engine.server answered with status 200, ",
        " opened by polling from '127.0.0.1', EIO=4",
        " in CONNECT namespace='/' size=1",
        " connects to namespace '/'",
        " joined namespace '/'",
        " join-room 'lobby'",
        " probes websocket",
        " moved from polling to websocket",
        f" in message size={size}",
        f" in EVENT 'hello' namespace='/' args=1 ack=7 size={size}",
        " event 'hello', its listeners: 1",
        " out EVENT 'news' namespace='/' args=1 ack=None size=",
        "adapters.memory broadcast of 'all' in '/', rooms=('lobby',)",
        " out ACK namespace='/' args=1 ack=7 size=",
        " event 'hello' handled in ",
        " in DISCONNECT namespace='/' size=1",
        " disconnected: client namespace disconnect",
        " leave-room 'lobby'",
    ):
        assert line in told, line
    assert SECRET not in told
    assert len(lines()) > 40


def test_payloads_are_told_where_they_are_asked_for(
    lines: Callable[[], list[str]], served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCKIO_DEBUG_DATA", "1")
    websocket, socket = served.connect()
    heard = Heard()
    socket.on("hello", heard)
    websocket.send('42["hello","one\\u001b\\ntwo"]')
    websocket.send(f'42["hello","{"x" * 5000}"]')
    heard.next()
    heard.next()

    told = lines()
    assert any(line.endswith(r" ['one\x1b\ntwo']") for line in told)
    assert all(line.isprintable() and len(line) < 1500 for line in told)


def test_nothing_is_watched_when_nobody_looks(served: Served) -> None:
    _, socket = served.connect()

    assert type(socket.client.parser) is JsonParser
    assert socket.conn.watch is None


# ------------------------------------------------------------------ nothing arrives


def no_listener(served: Served) -> None:
    websocket, socket = served.connect()
    websocket.send('42["misspelt"]')
    websocket.send('421["misspelt"]')
    leave(websocket, socket)


def unknown_namespace(served: Served) -> None:
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/nowhere,")
    websocket.receive_message()


def not_joined(served: Served) -> None:
    served.io.of("/other")
    websocket, _ = served.connect()
    websocket.send('42/other,["hello"]')
    websocket.wait_closed()


def wrong_path(served: Served) -> None:
    assert served.client("/elsewhere/").request(transport="polling").status == 404


def the_applications_path(served: Served) -> None:
    served.io.attach(lambda environ, start: (start("200 OK", []), [b""])[1])(
        {"PATH_INFO": "/elsewhere/", "REQUEST_METHOD": "GET"}, lambda *_: None
    )


def cors(served: Served) -> None:
    served.raw.request(headers={"Origin": "https://b.example"}, transport="polling")


def transport(served: Served) -> None:
    assert served.raw.request(transport="pigeon").status == 400


def session(served: Served) -> None:
    assert served.raw.request(transport="polling", sid="lost").status == 400


def middleware_of_a_namespace(served: Served) -> None:
    served.io.of("/closed").use(lambda socket: False)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/closed,")
    websocket.receive_message()


def middleware_of_http(served: Served) -> None:
    served.io.engine.use(lambda request, response: False)
    assert served.raw.request(transport="polling").status == 403


def guard(served: Served) -> None:
    websocket, socket = served.connect()
    socket.use(lambda name, args: name != "hello")
    websocket.send('42["hello"]')
    leave(websocket, socket)


def volatile(served: Served) -> None:
    _, socket = served.poll()  # no poll waits
    socket.volatile.emit("hello")


def gone(served: Served) -> None:
    _, socket = served.connect()
    socket.disconnect()
    socket.emit("hello")


def unasked_ack(served: Served) -> None:
    websocket, socket = served.connect()
    websocket.send('4399["hello"]')
    leave(websocket, socket)


def dropped_by_disconnect(served: Served) -> None:
    websocket, socket = served.connect()
    gate = Gate()
    socket.on("wait", gate.stop)
    websocket.send('42["wait"]')
    gate.wait_reached()
    websocket.send('42["hello"]')
    websocket.send("2")
    assert websocket.receive() == "3"
    socket.disconnect()
    gate.open()


def leave(websocket: RawWebSocket, socket: sockio.Socket[Any]) -> None:
    """Leave, and wait until what was sent before has been handled."""
    gone = Heard()
    socket.on("disconnect", gone)
    websocket.send("41")
    gone.next()


TOLD: dict[Callable[[Served], None], str] = {
    no_listener: " event 'misspelt' has no listener on this socket",
    unknown_namespace: " unknown namespace '/nowhere'",
    not_joined: " packet for a namespace that was not joined: '/other'",
    wrong_path: "'/elsewhere/' answered with status 404: ours begin with '/socket.io/'",
    the_applications_path: "'/elsewhere/' is the application's: ours begin with",
    cors: " cors does not let a page of 'https://b.example' read the answer",
    transport: " refused with code 0, 'Transport unknown': {'transport': 'pigeon'}",
    session: " refused with code 1, 'Session ID unknown': {'sid': '***'}",
    middleware_of_a_namespace: " refused by namespace '/closed': 'Connection refused'",
    middleware_of_http: " refused by a middleware: ",
    guard: " a guard rejected 'hello': ",
    volatile: " is not ready: a volatile event is dropped",
    gone: " has gone: 'hello' is not sent",
    unasked_ack: " nobody waits for ack 99",
    dropped_by_disconnect: " the events that wait are dropped",
}


@pytest.mark.parametrize("case", TOLD, ids=lambda case: case.__name__)
def test_where_nothing_arrives_it_is_told_why(
    case: Callable[[Served], None], lines: Callable[[], list[str]], serve: Serve
) -> None:
    served = serve(cors=["https://a.example"])

    case(served)

    assert [line for line in lines() if TOLD[case] in line], "\n".join(lines())


def test_a_refused_handshake_is_told(
    lines: Callable[[], list[str]], serve: Serve
) -> None:
    served = serve(allow_request=lambda request: False)

    with contextlib.suppress(Refused):
        served.raw.websocket()

    assert [line for line in lines() if " refused with code 4, 'Forbidden'" in line]
