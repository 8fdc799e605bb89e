"""Recovery in turn: the sockets of one client are handled one after the other."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import gevent
import pytest

import sockio
from sockio.protocol.websocket.frames import frame
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Gate, Heard, Served

from .conftest import Serve


class Told:
    """A server; notes what its handlers do, with the name in the client's auth."""

    def __init__(self, serve: Serve, **recovery: Any) -> None:
        options = sockio.Recovery(**recovery)
        self.served: Served = serve(connection_state_recovery=options)
        self.heard = Heard()
        #: Where the middleware of a connection stops.
        self.doors: dict[str, Gate] = {}
        #: Where the handler of an event stops.
        self.gates: dict[str, Gate] = {}
        self.served.io.use(self._judge)
        self.served.io.on("connection", self._connected)

    def _judge(self, socket: sockio.Socket[Any]) -> None:
        door = self.doors.get(socket.handshake.auth["name"])
        if door is not None:
            door.stop()

    def _connected(self, socket: sockio.Socket[Any]) -> None:
        name = socket.handshake.auth["name"]
        self.heard(name, "connection")

        @socket.on("e")
        def on_event(event: str) -> None:
            if event in self.gates:
                self.gates[event].stop()
            self.heard(name, event)

        socket.on("disconnect", lambda: self.heard(name, "gone"))

    def join(self, name: str, pid: str | None = None, *events: str) -> RawWebSocket:
        """Open a connection, ask to be let in, and send ``events`` without waiting."""
        websocket, _ = self.served.raw.open_websocket_session()
        auth = {"name": name} if pid is None else {"name": name, "pid": pid}
        texts = [f"40{json.dumps(auth)}", *(f'42["e","{event}"]' for event in events)]
        websocket.send_bytes(
            b"".join(frame(text, mask=os.urandom(4)) for text in texts)
        )
        return websocket

    def first(self) -> str:
        """Let a client in, cut its connection, and return its secret."""
        websocket = self.join("1")
        pid: str = json.loads(str(websocket.receive_message())[2:])["pid"]
        websocket.cut()
        assert [self.heard.next() for _ in range(2)] == [
            ("1", "connection"),
            ("1", "gone"),
        ]
        return pid

    def cut(self, websocket: RawWebSocket) -> None:
        """Cut a connection, and wait until the server has noticed."""
        count = self.served.engine.clients_count
        websocket.cut()
        wait_until(lambda: self.served.engine.clients_count < count)


def wait_until(fact: Callable[[], bool]) -> None:
    with gevent.Timeout(30):
        while not fact():
            gevent.idle()


def test_who_left_at_the_door_is_handled_before_the_next(serve: Serve) -> None:
    told = Told(serve, skip_middlewares=False)
    pid = told.first()
    door = told.doors["2"] = Gate()
    slow = told.gates["a"] = Gate()
    second = told.join("2", pid, "a", "b")
    door.wait_reached()
    told.cut(second)
    door.open()
    slow.wait_reached()

    third = told.join("3", pid, "c")
    third.receive_message()
    slow.open()

    assert [told.heard.next() for _ in range(6)] == [
        ("2", "connection"),
        ("2", "a"),
        ("2", "b"),
        ("2", "gone"),
        ("3", "connection"),
        ("3", "c"),
    ]


def test_each_waits_for_the_one_before(serve: Serve) -> None:
    told = Told(serve, skip_middlewares=False)
    pid = told.first()
    slow = told.gates["2"] = Gate()
    expected: list[tuple[str, str]] = []
    for name in "2345":
        door = told.doors[name] = Gate()
        websocket = told.join(name, pid, name)
        door.wait_reached()
        told.cut(websocket)
        door.open()
        expected += [(name, "connection"), (name, name), (name, "gone")]
    slow.wait_reached()

    told.join("6", pid, "last").receive_message()
    assert told.heard.calls[2:] == expected[:1]
    slow.open()

    expected += [("6", "connection"), ("6", "last")]
    assert [told.heard.next() for _ in expected] == expected


def test_who_left_at_the_door_and_comes_too_late_is_not_heard(serve: Serve) -> None:
    # The client has its socket on another connection already.
    told = Told(serve, skip_middlewares=False)
    pid = told.first()
    door = told.doors["2"] = Gate()
    second = told.join("2", pid, "a")
    door.wait_reached()
    told.cut(second)
    third = told.join("3", pid, "b")
    assert [told.heard.next() for _ in range(2)] == [("3", "connection"), ("3", "b")]

    door.open()
    third.send('42["e","c"]')
    assert told.heard.next() == ("3", "c")
    told.cut(third)
    assert told.heard.next() == ("3", "gone")

    told.join("4", pid).receive_message()
    assert told.heard.next() == ("4", "connection")
    assert not any(name == "2" for name, _ in told.heard.calls)


@pytest.mark.parametrize("event", ["disconnecting", "disconnect"])
def test_a_goodbye_that_is_killed_is_over(serve: Serve, event: str) -> None:
    served = serve(connection_state_recovery=True)
    heard = Heard()

    @served.io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        heard(socket.recovered)

        @socket.on(event)
        def bye() -> None:
            heard("bye")
            raise gevent.GreenletExit

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    pid = json.loads(str(websocket.receive_message())[2:])["pid"]
    websocket.cut()
    assert [heard.next(), heard.next()] == [(False,), ("bye",)]
    wait_until(lambda: served.io.sockets.empty)

    websocket, _ = served.raw.open_websocket_session()
    websocket.send(f'40{{"pid":"{pid}"}}')

    assert heard.next() == (True,)
