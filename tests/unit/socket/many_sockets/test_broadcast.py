from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import gevent
import pytest

import sockio
from sockio.adapters import Asking, BroadcastOptions
from sockio.adapters.memory import MemoryAdapter
from sockio.errors import AckTimeout, ClusterTimeout
from sockio.protocol.socketio.packet import Packet
from sockio.socket.many_sockets.broadcast import BroadcastOperator
from sockio.socket.many_sockets.remote_socket import RemoteSocket
from sockio.testing import FakeClock

# ------------------------------------------------------------------ elsewhere


class Found:
    """What another server reports about one of its sockets."""

    id = "remote"
    handshake = sockio.Handshake.told({"address": "10.0.0.1", "auth": {"a": 1}})
    rooms = frozenset({"remote", "room"})
    data = "its data"


class Cluster(MemoryAdapter):
    """An adapter that knows one socket of another server, and records its calls."""

    answer: list[Any] | None = None
    silent = False

    def __init__(self, nsp: Any) -> None:
        super().__init__(nsp)
        self.told: list[tuple[Any, ...]] = []

    def fetch_sockets(self, options: BroadcastOptions) -> Sequence[Any]:
        if self.silent:
            raise ClusterTimeout("timeout reached", [Found()], {"server"})
        return [Found()]

    def broadcast(self, packet: Packet, options: BroadcastOptions) -> None:
        self.told.append((packet.data, options.rooms))

    def broadcast_with_ack(
        self, packet: Packet, options: BroadcastOptions, asking: Asking
    ) -> Any:
        self.told.append((packet.data, options.rooms, options.flags))
        asking.expect(1)
        asking.count(1)
        if self.answer is not None:
            asking.answered(self.answer)
        return lambda: None

    def add_sockets(self, options: BroadcastOptions, rooms: Collection[str]) -> None:
        self.told.append(("join", options.rooms, rooms))

    def del_sockets(self, options: BroadcastOptions, rooms: Collection[str]) -> None:
        self.told.append(("leave", options.rooms, rooms))

    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        self.told.append(("disconnect", options.rooms, close))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def io(clock: FakeClock) -> Iterator[sockio.Server[Any]]:
    io: sockio.Server[Any] = sockio.Server(adapter=Cluster, clock=clock)
    io.start()
    yield io
    io.close()


@pytest.fixture
def operator(io: sockio.Server[Any]) -> BroadcastOperator:
    return io.to("room")


@pytest.fixture
def cluster(io: sockio.Server[Any]) -> Cluster:
    adapter = io.sockets.adapter
    assert isinstance(adapter, Cluster)
    return adapter


def test_sockets_of_other_servers_are_remote(operator: BroadcastOperator) -> None:
    (remote,) = operator.fetch_sockets()

    assert isinstance(remote, RemoteSocket)
    assert remote.id == "remote"
    assert remote.handshake is Found.handshake
    assert remote.data == "its data"
    assert remote.rooms == {"remote", "room"}


def test_a_server_that_is_silent_may_be_left_out(
    operator: BroadcastOperator, cluster: Cluster
) -> None:
    cluster.silent = True

    with pytest.raises(ClusterTimeout):
        operator.fetch_sockets()

    (remote,) = operator.fetch_sockets(allow_partial=True)
    assert remote.id == "remote"


def test_what_a_remote_socket_does_reaches_only_it(
    operator: BroadcastOperator, cluster: Cluster
) -> None:
    (remote,) = operator.fetch_sockets()

    remote.emit("hi", 1)
    remote.join("a", ["b"])
    remote.leave("c")
    assert remote.disconnect(True) is remote

    assert cluster.told == [
        (["hi", 1], ("remote",)),
        ("join", ("remote",), ("a", "b")),
        ("leave", ("remote",), ("c",)),
        ("disconnect", ("remote",), True),
    ]


def test_the_answer_of_a_remote_socket_is_one_value(
    operator: BroadcastOperator, cluster: Cluster, clock: FakeClock
) -> None:
    # RemoteSocket.emit with ack: single value.
    heard: list[Any] = []
    cluster.answer = ["value", "ignored"]
    (remote,) = operator.fetch_sockets()

    remote.timeout(5).emit("q", ack=lambda *args: heard.append(args))
    assert remote.timeout(5).emit_with_ack("q") == "value"
    clock.settle()

    assert heard == [(None, "value")]
    assert cluster.told[0][2].expect_single_response
    assert clock.armed == 0


def test_a_remote_socket_that_is_silent(
    operator: BroadcastOperator, clock: FakeClock
) -> None:
    # Null on timeout.
    heard: list[Any] = []
    (remote,) = operator.fetch_sockets()
    waiting = gevent.spawn(_outcome, remote.timeout(5))

    remote.timeout(5).emit("q", ack=lambda *args: heard.append(args))
    clock.advance(5)

    ((error, value),) = heard
    assert isinstance(error, AckTimeout)
    assert value is None
    assert isinstance(waiting.get(timeout=1), AckTimeout)


def _outcome(remote: RemoteSocket) -> Any:
    try:
        return remote.emit_with_ack("q")
    except AckTimeout as exc:
        return exc
