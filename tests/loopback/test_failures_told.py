"""What the log says of a handler that has failed: whose it is, and where it failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from traceback import extract_tb
from typing import Any

import pytest

import sockio
from sockio.integrations.flask import Namespace
from tests.support.flask_server import FlaskServed, application
from tests.support.served import Served
from tests.support.waiting import wait_until

from .conftest import Serve


class Oops(Exception):
    """What the handlers of these tests raise."""


def fails(*_: Any) -> None:
    raise Oops


def decorated(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fn)
    def within(*args: Any) -> Any:
        return fn(*args)

    return within


class Told:
    """The errors of the log."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def error(self) -> Any:
        """Return the record of the only error, as soon as it is there."""
        wait_until(self._errors)
        (record,) = self._errors()
        return record

    def _errors(self) -> list[logging.LogRecord]:
        return [r for r in self._caplog.records if r.levelno >= logging.ERROR]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    return Told(caplog)


def check(record: Any, *names: str) -> None:
    """Check that the traceback begins at these functions, all of this file."""
    frames = extract_tb(record.exc_info[2])
    assert [frame.name for frame in frames] == list(names)
    assert {frame.filename for frame in frames} == {__file__}
    assert record.exc_info[0] is Oops


class Chat(sockio.NamespaceHandler):
    namespace = "/chat"

    def on_say(self, socket: Any) -> None:
        raise Oops


class Loud(Chat):
    def trigger_event(self, event: str, socket: Any, *args: Any) -> Any:
        return super().trigger_event(event, socket, *args)


# ------------------------------------------------------------------ plain handlers


@pytest.mark.parametrize(
    ("handler", "named", "frames"),
    [
        (fails, "fails", ["fails"]),
        (partial(fails, 1), "fails", ["fails"]),
        (decorated(fails), "fails", ["within", "fails"]),
        (Chat().on_say, "Chat.on_say", ["on_say"]),
    ],
)
@pytest.mark.parametrize("surrounded", [False, True])
def test_a_listener_is_named(
    serve: Serve,
    told: Told,
    handler: Any,
    named: str,
    frames: list[str],
    surrounded: bool,
) -> None:
    served = serve()
    if surrounded:
        served.io.around(around)
    websocket, socket = served.connect()
    socket.on("say", handler)

    websocket.send('42["say",1]')

    record = told.error()
    assert f"listener {named} ({__file__}:" in record.getMessage()
    check(record, *frames)
    assert record.sockio_sid == socket.id
    assert record.sockio_namespace == "/"
    assert record.sockio_event == "say"
    assert record.sockio_transport == "websocket"
    assert record.sockio_address == "127.0.0.1"
    served.close()


@contextmanager
def around(call: Any) -> Iterator[None]:
    yield


@pytest.mark.parametrize("handler", [Chat, Loud])
def test_a_method_of_a_class_is_named(
    served: Served, told: Told, handler: type[Chat]
) -> None:
    served.io.register(handler)
    websocket, _ = served.connect("/chat")

    websocket.send('42/chat,["say"]')

    record = told.error()
    frames = [frame.name for frame in extract_tb(record.exc_info[2])]
    if handler is Chat:
        assert frames == ["on_say"]
        assert f"Chat.on_say ({__file__}:" in record.getMessage()
    else:
        # What the application has put before it is a part of the application.
        assert (frames[0], frames[-1]) == ("trigger_event", "on_say")
        assert f"Loud.trigger_event ({__file__}:" in record.getMessage()
    assert record.sockio_namespace == "/chat"


def catch_all(served: Served) -> str:
    websocket, socket = served.connect()
    socket.on_any(fails)
    websocket.send('42["say"]')
    return f"the catch-all listener fails ({__file__}:"


def outgoing_catch_all(served: Served) -> str:
    _, socket = served.connect()
    socket.on_any_outgoing(fails)
    socket.emit("say")
    return f"the outgoing catch-all listener fails ({__file__}:"


def callback(served: Served) -> str:
    websocket, socket = served.connect()
    socket.emit("say", ack=fails)
    websocket.receive_message()
    websocket.send("430[]")
    return f"the callback of 'say' failed: fails ({__file__}:"


def callback_of_a_broadcast(served: Served) -> str:
    served.io.start()
    served.io.timeout(60).emit("say", ack=fails)
    return f"the callback for the answers of several failed: fails ({__file__}:"


def connection(served: Served) -> str:
    served.io.on("connection", fails)
    served.raw.open_socket()
    return f"a listener of 'connection' failed: fails ({__file__}:"


def disconnecting(served: Served) -> str:
    _, socket = served.connect()
    socket.on("disconnecting", fails)
    socket.disconnect()
    return f"a listener of 'disconnecting' failed: fails ({__file__}:"


def middleware(served: Served) -> str:
    served.io.use(fails)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    return f"namespace '/': a middleware failed: fails ({__file__}:"


def http_middleware(served: Served) -> str:
    served.io.engine.use(lambda request, response: fails())
    served.raw.request(transport="polling")
    return "an HTTP middleware failed"


def task(served: Served) -> str:
    served.io.start()
    served.io.spawn(fails)
    return "task fails crashed"


@pytest.mark.parametrize(
    "case",
    [
        catch_all,
        outgoing_catch_all,
        callback,
        callback_of_a_broadcast,
        connection,
        disconnecting,
        middleware,
        http_middleware,
        task,
    ],
    ids=lambda case: case.__name__,
)
def test_other_code_of_the_application_is_named(
    served: Served, told: Told, case: Callable[[Served], str]
) -> None:
    line = case(served)

    record = told.error()
    assert line in record.getMessage()
    assert extract_tb(record.exc_info[2])[0].filename == __file__
    assert extract_tb(record.exc_info[2])[-1].name == "fails"


def test_a_fault_of_the_library_is_shown_from_where_it_was_called(
    served: Served, told: Told
) -> None:
    websocket, socket = served.connect()
    socket.on("say", lambda: object())  # which cannot travel as an answer

    websocket.send('421["say"]')

    record = told.error()
    frames = extract_tb(record.exc_info[2])
    assert "incoming.py" in frames[0].filename
    assert f"<lambda> ({__file__}:" in record.getMessage()


# ------------------------------------------------------------------ Flask


@pytest.fixture
def flask_served() -> Iterator[FlaskServed]:
    served = FlaskServed(*application())
    yield served
    served.close()


class Shop(Namespace):
    def on_buy(self) -> None:
        raise Oops


def function(served: FlaskServed) -> str:
    served.socketio.on("buy")(fails)
    return f"listener fails ({__file__}:"


def wrapped(served: FlaskServed) -> str:
    served.socketio.on("buy")(decorated(fails))
    return f"listener fails ({__file__}:"


def method(served: FlaskServed) -> str:
    served.socketio.on_namespace(Shop("/"))
    return f"listener Shop.on_buy ({__file__}:"


def star(served: FlaskServed) -> str:
    served.socketio.on("*")(fails)
    return f"the catch-all listener fails ({__file__}:"


@pytest.mark.parametrize(
    ("case", "frames"),
    [
        (function, ["fails"]),
        (wrapped, ["within", "fails"]),
        (method, ["on_buy"]),
        (star, ["fails"]),
    ],
)
def test_a_handler_of_flask_is_named(
    flask_served: FlaskServed,
    told: Told,
    case: Callable[[FlaskServed], str],
    frames: list[str],
) -> None:
    line = case(flask_served)
    websocket = flask_served.join()
    websocket.receive_message()

    websocket.send('42["buy"]')

    record = told.error()
    assert line in record.getMessage()
    check(record, *frames)
    assert record.sockio_event == "buy"


@pytest.mark.parametrize("event", ["connect", "disconnect"])
def test_a_handler_of_a_clients_life_is_named(
    flask_served: FlaskServed, told: Told, event: str
) -> None:
    flask_served.socketio.on(event)(fails)
    websocket = flask_served.join()
    websocket.receive_message()

    websocket.close()

    record = told.error()
    check(record, "fails")
    assert f"fails ({__file__}:" in record.getMessage()
