"""Emitters of ours, and servers of Node's that receive what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

import sockio
from sockio.errors import ClusterTimeout
from tests.contract.emitters import in_thread
from tests.support.mongo_server import MongoServer
from tests.support.node import Driver, JsClient, NodeServer
from tests.support.redis_server import RedisServer
from tests.support.waiting import PATIENCE, wait_until


class Theirs:
    """Two servers of Node's, a client of each, and an emitter of ours."""

    def __init__(self, node: Driver, servers: list[NodeServer], url: str) -> None:
        self.servers = servers
        self.emitter = sockio.Emitter(url, timeout=PATIENCE)
        self.clients: list[JsClient] = []
        for number, server in enumerate(servers):
            server.run(
                "it.heard = []; it.on('heard', (...args) => it.heard.push(args));"
                "it.on('sum', (...args) => args.pop()(args.reduce((a, b) => a + b)));"
                "it.of('/chat').on('sum', (ack) => ack(7))"
            )
            wait_until(lambda server=server: self.count(server) == 2)  # type: ignore[misc]
            auth = {"rooms": ["all", f"r{number}"]}
            self.clients.append(node.connect(server.url, auth=auth))
            self.clients[-1].next("connect")

    def count(self, server: NodeServer) -> int:
        return int(server.run("return it.of('/').adapter.serverCount()"))

    def rooms(self, number: int) -> set[str]:
        code = "return [...(await it.local.fetchSockets())[0].rooms]"
        return set(self.servers[number].run(code))

    def received(self) -> list[list[Any]]:
        """Return what each client got before the emitter's last word."""
        self.emitter.emit("end")
        for client in self.clients:
            client.next("end")
        return [[e.args for e in client.take("n")] for client in self.clients]


@pytest.fixture(params=["pubsub", "sharded", "streams", "mongo"])
def theirs(request: pytest.FixtureRequest, node: Driver) -> Iterator[Theirs]:
    mode: str = request.param
    if mode == "mongo":
        mongo: MongoServer = request.getfixturevalue("mongo_server")
        options: dict[str, Any] = {
            "collection": mongo.collection,
            "addCreatedAtField": True,
        }
        # Node's servers miss the answers to their first heartbeat.
        options |= {"heartbeatInterval": 300, "heartbeatTimeout": PATIENCE * 1000}
        start = partial(node.server, "mongodb", mongo.port, mode, **options)
        url = mongo.url
    else:
        redis: RedisServer = request.getfixturevalue("redis_server")
        start = partial(node.server, "redis", redis.port, mode)
        url = f"{redis.url}?mode={mode}"
    theirs = Theirs(node, [start() for _ in range(2)], url)
    yield theirs
    theirs.emitter.close()


def test_events_reach_whom_they_are_for(theirs: Theirs) -> None:
    emitter = theirs.emitter
    emitter.emit("n", 1, {"all": [None, 1.5, "é"]}, b"\x00\xff")
    emitter.to("r0").emit("n", 2)
    emitter.to(["r0", "r1", "all"]).except_("r0").compress(False).emit("n", 3)
    emitter.of("/chat").emit("n", 4)

    everybody = [1, {"all": [None, 1.5, "é"]}, b"\x00\xff"]
    assert theirs.received() == [[everybody, [2]], [everybody, [3]]]
    emitter.volatile.emit("n", 5)
    assert [client.next("n").args for client in theirs.clients] == [[5], [5]]


def test_sockets_join_leave_and_are_disconnected(theirs: Theirs) -> None:
    emitter = theirs.emitter

    emitter.in_("all").sockets_join("a", "b")
    emitter.in_("r1").sockets_leave("b")
    wait_until(lambda: {"a", "b"} <= theirs.rooms(0) and "b" not in theirs.rooms(1))
    assert "a" in theirs.rooms(1)
    emitter.in_("r0").disconnect_sockets()
    emitter.in_("r1").disconnect_sockets(close=True)

    reasons = [client.next("disconnect").args[0] for client in theirs.clients]
    assert reasons == ["io server disconnect", "io server disconnect"]


def test_servers_hear_and_answer(theirs: Theirs) -> None:
    emitter = theirs.emitter

    emitter.server_side_emit("heard", 1, {"a": [None]})
    ask = emitter.server_side_emit_with_ack
    assert in_thread(ask, "sum", 1, 2, timeout=PATIENCE) == [3, 3]
    ask = emitter.of("/chat").server_side_emit_with_ack
    assert in_thread(ask, "sum", timeout=PATIENCE) == [7, 7]

    for server in theirs.servers:
        assert server.run("return it.heard") == [[1, {"a": [None]}]]
        assert theirs.count(server) == 2  # an emitter is no server


def test_a_server_that_does_not_listen_does_not_answer(theirs: Theirs) -> None:
    theirs.servers[0].run("it.on('half', (ack) => ack('an answer'))")

    with pytest.raises(ClusterTimeout, match="1 of 2 servers answered") as it:
        in_thread(theirs.emitter.server_side_emit_with_ack, "half", timeout=2)

    assert it.value.responses == ["an answer"]


def test_servers_with_a_parser_of_their_own(
    node: Driver, redis_server: RedisServer
) -> None:
    class Json:
        def encode(self, value: Any) -> bytes:
            return json.dumps(value).encode()

    server = node.server("redis", redis_server.port, parser="json", key="parsed")
    client = node.connect(server.url, auth={"rooms": ["r"]})
    client.next("connect")
    url = f"{redis_server.url}?prefix=parsed"

    with sockio.Emitter(url, parser=Json()) as emitter:
        emitter.to("r").emit("n", {"a": ["é", None]})

    assert client.next("n").args == [{"a": ["é", None]}]
