"""A connection handler that fails: the client is disconnected, or kept."""

from __future__ import annotations

import json
from typing import Any

import gevent
import pytest

from tests.support.deferring import asynchronous, wrapped
from tests.support.served import Heard, Served

from .conftest import Serve


def fail(socket: Any) -> None:
    raise RuntimeError("half of it")


def run_out_of_time(socket: Any) -> None:
    raise gevent.Timeout(1)


FAILING = [fail, run_out_of_time, wrapped(asynchronous)]


@pytest.mark.parametrize("event", ["connect", "connection"])
@pytest.mark.parametrize("handler", FAILING)
def test_the_client_is_let_go(
    served: Served, event: str, handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    gone, later = Heard(), Heard()
    served.io.on("connect", lambda socket: socket.on("disconnect", gone) and None)
    served.io.on(event, handler)
    served.io.on("connection", later)
    websocket, _ = served.raw.open_websocket_session()

    websocket.send("40")

    assert str(websocket.receive()).startswith("40{")
    assert websocket.receive() == "41"
    assert gone.next()[0] == "server namespace disconnect"
    assert later.calls == []
    assert not served.io.sockets.sockets
    assert "Traceback" in caplog.text


def test_its_other_namespaces_stay(served: Served) -> None:
    served.io.of("/broken").on("connection", fail)
    websocket, socket = served.connect()

    websocket.send("40/broken,")

    assert str(websocket.receive()).startswith("40/broken,{")
    assert websocket.receive() == "41/broken,"
    assert socket.connected
    socket.emit("hello")
    assert websocket.receive() == '42["hello"]'


def test_it_may_try_again(served: Served) -> None:
    tries: list[Any] = []

    @served.io.on("connection")
    def second_time_lucky(socket: Any) -> None:
        tries.append(socket)
        if len(tries) == 1:
            raise RuntimeError

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    websocket.receive()
    assert websocket.receive() == "41"

    websocket.send("40")

    assert str(websocket.receive()).startswith("40{")
    assert tries[1].connected


@pytest.mark.parametrize("handler", FAILING)
def test_it_is_kept_where_that_is_wanted(
    serve: Serve, handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(error_in_connection="keep")
    later = Heard()
    served.io.on("connection", handler)
    served.io.on("connection", later)

    _, socket = served.connect()

    assert later.next() == (socket,)
    assert socket.connected
    assert "Traceback" in caplog.text


def test_a_recovered_client_is_let_go_too(serve: Serve) -> None:
    served = serve(connection_state_recovery=True)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    pid = json.loads(str(websocket.receive())[2:])["pid"]
    websocket.close()
    served.io.on("connection", fail)

    again, _ = served.raw.open_websocket_session()
    again.send("40" + json.dumps({"pid": pid}))

    assert str(again.receive()).startswith("40{")
    assert again.receive() == "41"


def test_who_left_while_the_handler_waited_is_nobodys_mistake(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    @served.io.on("connection")
    def ask(socket: Any) -> None:
        socket.on("disconnect", heard)
        socket.emit_with_ack("who?")

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    websocket.receive()
    websocket.receive()

    websocket.close()

    assert heard.next()[0] == "transport close"
    assert "Traceback" not in caplog.text
