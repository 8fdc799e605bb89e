"""An operator that names no room addresses nobody, whatever the call."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.errors import ConfigError, EncodeError, ReservedEventError
from sockio.socket.namespace.recoverable_socket import RecoverableSocket
from sockio.testing import FakeClock
from tests.support.served import Heard, Served

from .conftest import Serve

#: Ways to make an operator that names no room of anything that has ``to``.
NOBODY: dict[str, Callable[[Any], Any]] = {
    "to()": lambda target: target.to(),
    "to([])": lambda target: target.to([]),
    "in_(())": lambda target: target.in_(()),
    "to(several empty)": lambda target: target.to([], set(), iter(())),
    "to([]).to([])": lambda target: target.to([]).in_(),
    "except_([]).to([])": lambda target: target.except_([]).to([]),
    "to([]).except_": lambda target: target.to([]).except_("other").exclude([]),
    "to([]).local": lambda target: target.to([]).local.compress(False),
    "to([]).volatile": lambda target: target.to([]).volatile.timeout(9),
    "local.to([])": lambda target: target.local.to([]),
}
with_each_operator = pytest.mark.parametrize("nobody", NOBODY.values(), ids=NOBODY)


def targets(served: Served) -> list[Any]:
    """Return all that has ``to`` and reaches the clients of the main namespace."""
    (socket, *_) = served.io.sockets.sockets.values()
    return [served.io, served.io.sockets, socket, socket.broadcast, served.io.local]


def heard_nothing(served: Served, *websockets: Any) -> bool:
    served.io.emit("end")
    return all(websocket.receive_event() == ["end"] for websocket in websockets)


@with_each_operator
def test_nobody_is_told(served: Served, nobody: Callable[[Any], Any]) -> None:
    websockets = [served.connect()[0] for _ in range(2)]

    for target in targets(served):
        operator = nobody(target)
        operator.emit("leak", 1)
        operator.send("leak")
        operator.write("leak")
        operator.volatile.emit("leak")
        operator.timeout(9).emit("leak?", ack=Heard())

    assert heard_nothing(served, *websockets)


@with_each_operator
def test_nobody_is_touched(served: Served, nobody: Callable[[Any], Any]) -> None:
    websocket, socket = served.connect()
    socket.join("kept")
    other = served.connect()[1]

    for target in targets(served):
        nobody(target).sockets_join("room")
        nobody(target).sockets_leave("kept")
        nobody(target).disconnect_sockets()
        nobody(target).disconnect_sockets(close=True)

    assert socket.rooms == {socket.id, "kept"}
    assert other.rooms == {other.id}
    assert heard_nothing(served, websocket)


@with_each_operator
def test_nobody_answers_and_at_once(
    serve: Serve, clock: FakeClock, nobody: Callable[[Any], Any]
) -> None:
    served = serve(clock=clock)
    websocket, _ = served.connect()
    armed = clock.armed

    for target in targets(served):
        operator, heard = nobody(target), Heard()
        operator.timeout(9).emit("leak?", 1, ack=heard)
        operator.timeout(9).emit("leak?", heard)

        assert heard.next() == heard.next() == (None, [])
        assert operator.timeout(9).emit_with_ack("leak?") == []
        assert operator.fetch_sockets() == []
        assert operator.local.fetch_sockets(allow_partial=True) == []

    assert clock.armed == armed
    assert heard_nothing(served, websocket)


@pytest.mark.parametrize(
    "address",
    [
        lambda target: target.to([]).to("a"),
        lambda target: target.to("a").to([]),
        lambda target: target.to([], "a"),
        lambda target: target.to().in_(["a"]).except_([]),
    ],
)
def test_who_is_named_besides_is_reached(
    served: Served, address: Callable[[Any], Any]
) -> None:
    served.connect()
    websocket, socket = served.connect()
    socket.join("a")

    for target in targets(served):
        address(target).emit("hi")
        assert address(target).fetch_sockets() == [socket]
        assert websocket.receive_event() == ["hi"]


def test_leaving_nobody_out_is_everybody(served: Served) -> None:
    websocket, socket = served.connect()

    for operator in (served.io.except_(), served.io.exclude([]), served.io.local):
        operator.emit("hi")
        assert operator.fetch_sockets() == [socket]
        assert websocket.receive_event() == ["hi"]


def test_what_would_be_an_error_is_one_still(served: Served) -> None:
    served.connect()
    nobody = served.io.to([])

    with pytest.raises(EncodeError):
        nobody.emit("e", object())
    with pytest.raises(EncodeError):
        nobody.timeout(1).emit_with_ack("e", object())
    with pytest.raises(EncodeError):
        nobody.timeout(1).emit("e", object(), ack=Heard())
    with pytest.raises(ReservedEventError):
        nobody.emit("connect")
    with pytest.raises(ConfigError, match="how long the answers may take"):
        nobody.emit_with_ack("e")
    with pytest.raises(ConfigError, match="is no room"):
        nobody.sockets_join(None)  # type: ignore[arg-type]


def test_from_a_native_thread(served: Served) -> None:
    websocket, socket = served.connect()
    heard = Heard()

    def act() -> None:
        nobody = served.io.to([])
        nobody.emit("leak")
        nobody.timeout(9).emit("leak?", ack=heard)
        nobody.sockets_join("room")
        nobody.disconnect_sockets()
        socket.join([])
        socket.leave([])

    gevent.get_hub().threadpool.apply(act)

    assert heard.next() == (None, [])
    assert socket.rooms == {socket.id}
    assert heard_nothing(served, websocket)


def test_the_children_of_a_parent(served: Served) -> None:
    parent = served.io.of(re.compile("^/tenant"))
    websocket, socket = served.connect("/tenant-1")
    heard = Heard()

    parent.to([]).emit("leak")
    parent.to([]).sockets_join("room")
    parent.to([]).disconnect_sockets()
    parent.to([]).timeout(9).emit("leak?", ack=heard)
    assert parent.to([]).timeout(9).emit_with_ack("leak?") == []
    parent.emit("end")

    assert heard.next() == (None, [])
    assert socket.rooms == {socket.id}
    assert websocket.receive() == '42/tenant-1,["end"]'


def test_nothing_is_kept_for_who_comes_back(serve: Serve) -> None:
    served = serve(connection_state_recovery=True)
    websocket, socket = served.connect()
    assert isinstance(socket, RecoverableSocket)
    gone = Heard()
    socket.on("disconnect", gone)
    served.io.emit("seen")
    offset = websocket.receive_event()[-1]
    websocket.cut()
    gone.next()

    served.io.to([]).emit("leak")
    served.io.to(socket.id).to([]).emit("missed")
    again, _ = served.raw.open_websocket_session()
    again.send(f'40{{"pid":"{socket.pid}","offset":"{offset}"}}')

    assert again.receive_event()[0] == "missed"
    assert str(again.receive_message()).startswith("40")


def test_joining_and_leaving_no_room(served: Served) -> None:
    _, socket = served.connect()

    socket.join()
    socket.join([])
    socket.leave()
    socket.leave(set())
    served.io.sockets_join()
    served.io.sockets_leave([])

    assert socket.rooms == {socket.id}


def test_what_is_no_room_is_refused_where_it_is_named(served: Served) -> None:
    _, socket = served.connect()
    room: Any
    for room in (None, b"room", True, [None]):
        for call in (
            *(socket.join, socket.leave, socket.to, served.io.to, served.io.in_),
            *(served.io.except_, served.io.sockets_join, served.io.sockets_leave),
        ):
            with pytest.raises(ConfigError, match="is no room"):
                call(room)

    assert socket.rooms == {socket.id}
