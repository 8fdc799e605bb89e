"""Two servers that act as one, on a bus that may be slow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

import sockio
from sockio.adapters import (
    Account,
    Bus,
    Cluster,
    Exchange,
    Message,
    MessageType,
    SiblingsBus,
)
from sockio.adapters.buses.redis.bus import RedisBus
from sockio.errors import ClusterTimeout, ConfigError, EncodeError
from sockio.siblings.place import Folder
from sockio.testing import FakeClock
from tests.support.held_bus import HeldBus
from tests.support.redis_server import RedisServer
from tests.support.served import Gate, Heard
from tests.support.waiting import wait_until

from .conftest import Serve
from .test_recovery import connect, join, lose
from .test_threads import in_thread


class Pair:
    """Two servers; the bus of the first one can be held up."""

    def __init__(
        self, serve: Serve, make_bus: Callable[[], Bus], **options: Any
    ) -> None:
        self.make_bus = make_bus
        self.bus = HeldBus(make_bus())
        self.cluster = Cluster(make_bus())
        self.first = serve(adapter=Cluster(self.bus), **options)
        self.second = serve(adapter=self.cluster, **options)
        for served in (self.first, self.second):
            served.io.start()
        self.settle()

    def settle(self) -> None:
        """Let the two hear of each other, and of each other's namespaces."""
        gevent.idle(-1)


@pytest.fixture(scope="module", params=["in process", "siblings", "redis"])
def through(request: pytest.FixtureRequest) -> str | RedisServer:
    """Give what the buses go through; the broker starts before the first test."""
    if request.param == "redis":
        return request.getfixturevalue("redis_server")  # type: ignore[no-any-return]
    return str(request.param)


@pytest.fixture
def make_bus(through: str | RedisServer, tmp_path: Path) -> Callable[[], Bus]:
    if through == "siblings":
        return lambda: SiblingsBus(Folder(tmp_path))
    if isinstance(through, RedisServer):
        prefix = os.urandom(8).hex()
        return lambda: RedisBus(f"{through.url}?prefix={prefix}")
    return Exchange().bus


@pytest.fixture
def pair(serve: Serve, make_bus: Callable[[], Bus]) -> Pair:
    pair = Pair(serve, make_bus)
    for io in (pair.first.io, pair.second.io):
        wait_until(lambda io=io: io.sockets.adapter.server_count() == 2)  # type: ignore[misc]
    return pair


# ------------------------------------------------------------------ broadcasts


def test_a_broadcast_reaches_the_clients_of_both_in_order(pair: Pair) -> None:
    websockets = [pair.first.connect()[0], pair.second.connect()[0]]

    for number in range(50):
        pair.first.io.emit("n", number, {"at": [None, 1.5]})

    for websocket in websockets:
        for number in range(50):
            assert websocket.receive_event() == ["n", number, {"at": [None, 1.5]}]


def test_bytes_are_bytes_there_too(pair: Pair) -> None:
    websocket, _ = pair.second.connect()

    pair.first.io.emit("n", b"\x00\xff")

    assert websocket.receive_message() == '451-["n",{"_placeholder":true,"num":0}]'
    assert websocket.receive_message() == b"\x00\xff"


def test_no_code_of_users_runs_where_the_bus_is_read(pair: Pair) -> None:
    # A listener that waits holds up nobody but its own socket.
    gate = Gate()
    slow, slow_socket = pair.second.connect()
    quick, _ = pair.second.connect()
    slow_socket.on_any_outgoing(lambda *_: gate.stop())

    pair.first.io.emit("a")
    gate.wait_reached()
    pair.first.io.emit("b")

    assert [quick.receive_event() for _ in range(2)] == [["a"], ["b"]]
    assert [slow.receive_event() for _ in range(2)] == [["a"], ["b"]]
    gate.open()


def test_what_cannot_travel_is_an_error_of_the_caller(pair: Pair) -> None:
    websockets = [pair.first.connect()[0], pair.second.connect()[0]]

    with pytest.raises(EncodeError):
        pair.first.io.emit("bad", object())
    pair.first.io.emit("good")

    assert [websocket.receive_event() for websocket in websockets] == [["good"]] * 2


@pytest.mark.parametrize("native", [False, True])
def test_a_thousand_emits_while_the_bus_is_slow(pair: Pair, native: bool) -> None:
    here, socket = pair.first.connect()
    there, _ = pair.second.connect()
    pair.bus.held = True

    def emit() -> None:
        for number in range(0, 1000, 2):
            pair.first.io.emit("n", number)
            socket.broadcast.emit("n", number + 1)
            pair.first.io.to("nobody").emit("n", -1)

    if native:
        in_thread(emit)
    else:
        emit()
    assert [here.receive_event()[1] for _ in range(500)] == list(range(0, 1000, 2))
    pair.bus.let_go()

    assert [there.receive_event()[1] for _ in range(1000)] == list(range(1000))


# ------------------------------------------------------------------ rooms


def test_room_events_of_both_halves_are_heard(pair: Pair) -> None:
    heard = Heard()
    _, socket = pair.second.connect()
    pair.second.io.sockets.adapter.on("join-room", heard)

    socket.join("by itself")
    pair.second.io.sockets_join("by its server")
    pair.first.io.sockets_join("by another")

    rooms = ["by itself", "by its server", "by another"]
    assert [heard.next() for _ in rooms] == [(room, socket.id) for room in rooms]


def test_a_listener_of_rooms_that_waits_holds_nobody_up(pair: Pair) -> None:
    gate = Gate()
    quick, _ = pair.second.connect()
    pair.second.io.sockets.adapter.on("join-room", lambda *_: gate.stop())

    pair.first.io.sockets_join("room")
    gate.wait_reached()
    pair.first.io.to("room").emit("hello")

    assert quick.receive_event() == ["hello"]
    gate.open()


def test_sockets_of_others_are_found_and_changed(pair: Pair) -> None:
    _, here = pair.first.connect()
    websocket, there = pair.second.connect(auth={"token": "t"})
    there.data.name = "Ann"
    there.join("room")

    found = {socket.id: socket for socket in pair.first.io.fetch_sockets()}

    assert found.keys() == {here.id, there.id}
    assert found[here.id] is here
    remote = found[there.id]
    assert isinstance(remote, sockio.RemoteSocket)
    assert remote.data.name == "Ann"
    assert remote.rooms == {there.id, "room"}
    assert remote.handshake == there.handshake
    assert remote.handshake.auth == {"token": "t"}

    remote.join("other")
    remote.emit("hello", 1)
    assert websocket.receive_event() == ["hello", 1]
    assert there.rooms == {there.id, "room", "other"}
    remote.disconnect()
    assert websocket.receive_message() == "41"


# ------------------------------------------------------------------ answers


def answer(websocket: Any, value: Any) -> None:
    """Acknowledge the next event that asks for it."""
    message = str(websocket.receive_message())
    id = message[2 : message.index("[")]
    websocket.send(f'43{id}["{value}"]')


def test_clients_of_both_are_asked(pair: Pair) -> None:
    websockets = [pair.first.connect()[0], pair.second.connect()[0]]

    asking = gevent.spawn(pair.first.io.timeout(30).emit_with_ack, "q")
    for value, websocket in enumerate(websockets):
        answer(websocket, value)

    assert sorted(asking.get(timeout=30)) == ["0", "1"]


def test_a_native_thread_asks_while_the_bus_is_slow(pair: Pair) -> None:
    # The number of servers is known only after they have been asked.
    heard = Heard()
    here, _ = pair.first.connect()
    there, _ = pair.second.connect()
    pair.bus.held = True

    in_thread(lambda: pair.first.io.timeout(30).emit("q", ack=heard))
    answer(here, "here")
    assert heard.calls == []
    pair.bus.let_go()
    answer(there, "there")

    assert heard.next() == (None, ["here", "there"])


def test_who_leaves_is_not_waited_for(pair: Pair) -> None:
    here, _ = pair.first.connect()
    there, _ = pair.second.connect()

    asking = gevent.spawn(pair.first.io.timeout(30).emit_with_ack, "q")
    there.receive_message()
    there.close()
    answer(here, "here")

    assert asking.get(timeout=30) == ["here"]


def test_a_server_that_ends_is_not_waited_for(pair: Pair) -> None:
    here, _ = pair.first.connect()
    there, _ = pair.second.connect()

    asking = gevent.spawn(pair.first.io.timeout(30).emit_with_ack, "q")
    there.receive_message()
    answer(here, "here")
    pair.second.io.close()

    assert asking.get(timeout=30) == ["here"]
    wait_until(lambda: pair.first.io.sockets.adapter.server_count() == 1)
    assert len(pair.first.io.fetch_sockets()) == 1


def test_a_server_that_is_silent_is_told_of(
    serve: Serve, make_bus: Callable[[], Bus], clock: FakeClock
) -> None:
    pair = Pair(serve, make_bus, clock=clock)
    _, socket = pair.first.connect()
    pair.bus.held = True

    asking = gevent.spawn(pair.first.io.fetch_sockets)
    partial = gevent.spawn(pair.first.io.fetch_sockets, allow_partial=True)
    clock.settle()
    clock.advance(5)

    assert partial.get(timeout=30) == [socket]
    with pytest.raises(ClusterTimeout, match="fetch_sockets: 0 of an unknown number"):
        asking.get(timeout=30)
    pair.bus.let_go()


# ------------------------------------------------------------------ server events


def test_other_servers_hear_what_one_emits(pair: Pair) -> None:
    heard, own = Heard(), Heard()
    pair.first.io.on("hello", own)
    pair.second.io.on("hello", heard)
    pair.second.io.of("/chat").on("hello", heard)
    pair.first.io.of("/chat")
    pair.settle()

    pair.first.io.server_side_emit("hello", 1, b"2")
    pair.first.io.of("/chat").server_side_emit("hello", "chat")

    assert [heard.next(), heard.next()] == [(1, b"2"), ("chat",)]
    assert own.calls == []


def returns(value: Any) -> Callable[..., Any]:
    return lambda *args: [value, *args]


def acknowledges(value: Any) -> Callable[..., Any]:
    def listener(*args: Any, ack: Callable[..., Any]) -> None:
        ack([value, *args], "left out")
        ack("too late")

    return listener


@pytest.mark.parametrize("how", [returns, acknowledges])
def test_they_answer(pair: Pair, how: Callable[..., Any]) -> None:
    heard = Heard()
    pair.second.io.on("q", how("second"))

    assert pair.first.io.server_side_emit_with_ack("q", 1) == [["second", 1]]
    pair.first.io.server_side_emit("q", 2, ack=heard)

    assert heard.next() == (None, [["second", 2]])


def test_who_has_no_listener_is_silent(serve: Serve, clock: FakeClock) -> None:
    pair = Pair(serve, Exchange().bus, clock=clock)

    asking = gevent.spawn(pair.first.io.server_side_emit_with_ack, "q", timeout=2)
    clock.settle()
    clock.advance(2)

    with pytest.raises(ClusterTimeout, match="0 of 1 other servers") as caught:
        asking.get(timeout=30)
    assert caught.value.responses == []


# ------------------------------------------------------------------ recovery


@pytest.fixture
def recovering(serve: Serve, clock: FakeClock) -> Pair:
    exchange = Exchange(recovery=True)
    return Pair(serve, exchange.bus, connection_state_recovery=True, clock=clock)


def test_a_client_comes_back_to_another_server(recovering: Pair) -> None:
    first, second = recovering.first, recovering.second
    websocket, joined, socket = connect(first)
    socket.join("room")
    socket.data.name = "Ann"
    first.io.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    first.io.emit("all", 1)
    second.io.to("room").emit("room", 2)
    second.io.to("other").emit("other")
    first.io.to(joined.sid).emit("own", 3)

    again, _ = second.raw.open_websocket_session()
    back = join(again, pid=joined.pid, offset=offset)

    assert back.sid == joined.sid
    assert [missed[:-1] for missed in back.missed] == [
        ["all", 1],
        ["room", 2],
        ["own", 3],
    ]
    assert second.io.sockets.sockets[back.sid].data.name == "Ann"
    second.io.to("room").emit("more")
    assert again.receive_event()[:-1] == ["more"]


def test_the_offset_may_come_late(recovering: Pair) -> None:
    # Emitting blocks nobody, and order is kept.
    here, _, socket = connect(recovering.first)
    there, _, _ = connect(recovering.second)
    recovering.bus.held = True

    for number in range(0, 100, 2):
        recovering.first.io.emit("n", number)
        socket.emit("n", number + 1)
    recovering.bus.let_go(70)
    first = [here.receive_event() for _ in range(70)]
    recovering.bus.let_go()

    events = first + [here.receive_event() for _ in range(30)]
    assert [event[1] for event in events] == list(range(100))
    offsets = [event[-1] for event in events]
    assert len(set(offsets)) == 100
    remote = [there.receive_event() for _ in range(50)]
    assert [event[-1] for event in remote] == offsets[::2]


# ------------------------------------------------------------------ life


def test_who_is_let_in_hears_what_the_others_say(
    serve: Serve, pair: Pair, make_bus: Callable[[], Bus]
) -> None:
    third = serve(adapter=Cluster(make_bus()))
    client, _ = third.connect()

    pair.first.io.emit("hello")

    assert client.receive_event() == ["hello"]


@pytest.mark.parametrize("told", [True, False])
def test_clients_wait_for_a_bus_that_connects(serve: Serve, told: bool) -> None:
    bus = Exchange().bus()
    bus.account = Account()
    served = serve(adapter=Cluster(bus))
    client, _ = served.raw.open_websocket_session()
    client.send("40")
    client.send("2")
    # The server has read what came before the ping, and answers that later.
    assert client.receive() == "3"

    bus.account.connected = told  # a broker that is away is not waited for

    assert str(client.receive()).startswith("40{")


def test_clients_wait_for_two_seconds(serve: Serve, clock: FakeClock) -> None:
    bus = Exchange().bus()
    bus.account = Account()
    served = serve(adapter=Cluster(bus), clock=clock)
    client, _ = served.raw.open_websocket_session()
    client.send("40")
    client.send("2")
    assert client.receive() == "3"

    clock.advance(2)

    assert str(client.receive()).startswith("40{")
    served.connect()


def test_a_cluster_belongs_to_one_server(pair: Pair) -> None:
    other: sockio.Server[Any] = sockio.Server(adapter=pair.cluster)

    with pytest.raises(ConfigError, match="belongs to another server"):
        other.start()


def test_a_running_server_may_join_a_cluster(serve: Serve, pair: Pair) -> None:
    served = serve()
    websocket, socket = served.connect()
    socket.join("room")
    cluster = Cluster(pair.make_bus())

    assert served.io.adapter(cluster) is served.io
    assert served.io.adapter() is cluster
    wait_until(lambda: pair.first.io.sockets.adapter.server_count() == 3)
    pair.first.io.to("room").emit("hello")

    assert websocket.receive_event() == ["hello"]


def strange_messages() -> Iterator[Message]:
    """Messages that no server of ours would send."""
    values: list[Any] = [None, 7, "x", [], {}, [1], {"rooms": 1}, {"flags": []}]
    for kind in MessageType:
        yield Message("stranger", "/", kind, {})
        for name in ("packet", "opts", "rooms", "requestId", "sockets", "clientCount"):
            for value in values:
                data: dict[str, Any] = {"opts": {}, "rooms": []}
                data["packet"] = {"type": 2, "data": ["x"]}
                data["requestId"] = "id"
                yield Message("stranger", "/", kind, {**data, name: value})
    yield Message("stranger", "/nowhere", MessageType.BROADCAST, {})


def test_strangers_harm_nobody(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange()
    pair = Pair(serve, exchange.bus)
    websocket, _ = pair.second.connect()
    exchange.join(pair.second.io.sockets, "stranger", exchange.bus())

    for message in strange_messages():
        if message.type is not MessageType.DISCONNECT_SOCKETS:
            exchange.send(message)
    pair.first.io.emit("last")

    while (text := str(websocket.receive_message())) != '42["last"]':
        assert text.endswith('["x"]')
    assert pair.cluster.stats().unreadable > 100
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    exchange.leave(pair.second.io.sockets, "stranger")
