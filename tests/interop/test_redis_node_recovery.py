"""Clients that come back to another server, Node's or ours, with Redis streams."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support.cutting_proxy import CuttingProxy
from tests.support.node import Driver, JsClient
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

from .mixed import Ours, Peer, Theirs, wait_until_heard

RECOVERY: dict[str, Any] = {"connectionStateRecovery": {}}


class Movers:
    """Servers of both kinds, with a witness on each, and a client that moves."""

    def __init__(self, node: Driver, broker: RedisServer, prefix: str) -> None:
        self._broker, self._prefix = broker, prefix
        query = f"prefix={prefix}&session_key_prefix={prefix}:"
        url = f"{broker.url}?mode=streams&{query}"
        self.ours = [Ours(url, connection_state_recovery=True) for _ in range(2)]
        names = {
            "streamName": prefix,
            "channelPrefix": prefix,
            "sessionKeyPrefix": f"{prefix}:",
        }
        self.theirs = Theirs(
            node.server("redis", broker.port, "streams", RECOVERY, **names)
        )
        self.peers: dict[str, Peer] = {
            "ours": self.ours[0],
            "other": self.ours[1],
            "theirs": self.theirs,
        }
        wait_until(lambda: [peer.count() for peer in self.peers.values()] == [3] * 3)
        auth = {"rooms": ["room"], "name": "Ann"}
        self.witnesses = [
            node.connect(peer.url, auth=auth) for peer in self.peers.values()
        ]
        self.proxy = CuttingProxy(self.theirs.url)
        self._node, self._auth = node, auth
        for witness in self.witnesses:
            wait_until_heard(witness, partial(self.ours[0].emit, "warm"))

    def connect(self, to: str) -> JsClient:
        """Connect the client that moves."""
        self.proxy.lead_to(self.peers[to].url)
        client = self._node.connect(
            self.proxy.url, auth=self._auth, transports=["websocket"]
        )
        client.next("connect")
        return client

    def cut(self, client: JsClient) -> None:
        """Cut its connection, and wait until the session is kept."""
        client.cut()
        client.next("disconnect")
        wait_until(lambda: self._keys() != "*0\r\n")

    def _keys(self) -> str:
        return self._broker.command("KEYS", f"{self._prefix}:*")

    def all_have_heard(self, event: str) -> None:
        """Have all servers say something, and wait until each has read it."""
        for peer in self.peers.values():
            peer.emit(event)
        for witness in self.witnesses:
            for _ in self.peers:
                witness.next(event)

    def move(self, client: JsClient, to: str) -> None:
        """Bring the client back, to another server."""
        self.proxy.lead_to(self.peers[to].url)
        client.reopen()
        client.next("connect")

    def close(self) -> None:
        self.proxy.close()
        for ours in self.ours:
            ours.loopback.close()
            ours.io.close()


@pytest.fixture
def movers(node: Driver, redis_server: RedisServer) -> Iterator[Movers]:
    movers = Movers(node, redis_server, os.urandom(4).hex())
    yield movers
    movers.close()


@pytest.mark.parametrize(
    ("first", "then"), [("ours", "theirs"), ("theirs", "ours"), ("ours", "other")]
)
def test_a_client_comes_back_to_another_server(
    movers: Movers, first: str, then: str
) -> None:
    client = movers.connect(first)
    before = client.state()["id"]
    sender, other = movers.peers[first], movers.peers[then]
    sender.emit("n", 0)
    assert client.next("n").args[0] == 0
    movers.cut(client)
    sender.emit("n", 1, b"\x00\xff")
    sender.emit("n", 2, rooms=["room", "nowhere"])
    sender.emit("n", "wrong", rooms=["nowhere"])
    sender.emit("n", "wrong", but=["room"])
    movers.all_have_heard("turn")
    other.emit("n", 3, rooms=[before])
    movers.all_have_heard("now")

    movers.move(client, then)

    assert client.state()["recovered"]
    assert client.state()["id"] == before
    assert found(sender, before) == found(other, before) == {before, "room"}
    for number, peer in enumerate((sender, other), 4):
        peer.emit("n", number, rooms=[before])
    heard: list[list[Any]] = [client.next("n").args[:-1] for _ in range(5)]
    assert heard[:3] == [[1, b"\x00\xff"], [2], [3]]
    assert sorted(heard[3:]) == [[4], [5]]
    assert client.take("n") == []


def found(peer: Peer, sid: str) -> set[str]:
    """Return the rooms of a socket, as a server finds them in the cluster."""
    ((_, rooms, name),) = peer.fetch(sid)
    assert name == "Ann"
    return rooms


def test_what_a_client_had_goes_along(movers: Movers) -> None:
    client = movers.connect("ours")
    ours, theirs = movers.ours[0], movers.theirs
    sid = client.state()["id"]
    socket = ours.io.sockets.sockets[sid]
    socket.data["score"] = [1, {"a": b"\x00"}]
    ours.emit("n", 0)
    client.next("n")
    movers.cut(client)
    movers.move(client, "theirs")
    run = theirs._run
    code = "const socket = it.sockets.sockets.get(args[0]);"

    assert run(code + "return socket.data", sid) == {
        "of": "ours",
        "score": [1, {"a": b"\x00"}],
    }

    run(code + "socket.data.score = 7; socket.join('more')", sid)
    movers.cut(client)
    movers.move(client, "other")
    assert client.state()["recovered"]
    back = movers.ours[1].io.sockets.sockets[sid]
    assert back.data.score == 7
    assert back.rooms == {sid, "room", "more"}
