"""Connection state recovery with the official client: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

import sockio
from tests.support.cutting_proxy import CuttingProxy
from tests.support.loopback import Loopback
from tests.support.node import Driver, JsClient
from tests.support.served import Heard

LONG = os.environ.get("SOCKIO_LONG") == "1"
CUTS = 200 if LONG else 20
#: Fixed, so that a run that fails can be repeated.
SEED = int(os.environ.get("SOCKIO_SEED", "4880"))

each_transport = pytest.mark.parametrize("transport", ["polling", "websocket"])


@pytest.fixture
def io() -> sockio.Server[Any]:
    """Give a server with recovery on."""
    return sockio.Server(connection_state_recovery=True)


@pytest.fixture
def proxy(io: sockio.Server[Any]) -> Iterator[CuttingProxy]:
    """Give a proxy in front of the server."""
    loopback = Loopback(io)
    proxy = CuttingProxy(loopback.url)
    yield proxy
    proxy.close()
    loopback.close()


def connect(node: Driver, proxy: CuttingProxy, transport: str) -> JsClient:
    """Connect a client that comes back at once when its connection is cut."""
    client = node.connect(
        proxy.url,
        transports=[transport],
        reconnection=True,
        reconnectionDelay=1,
        reconnectionDelayMax=5,
        randomizationFactor=0,
    )
    assert client.next().event == "connect"
    return client


@each_transport
def test_a_client_gets_back_what_it_had(
    node: Driver, io: sockio.Server[Any], proxy: CuttingProxy, transport: str
) -> None:
    connected = Heard()
    io.on("connection", connected)
    client = connect(node, proxy, transport)
    (socket,) = connected.next()
    socket.join("room")
    socket.data.name = "Ann"
    before = client.state()
    assert not before["recovered"]

    proxy.cut_after(0, silently=False)
    while not proxy.wait_cut(0.002):
        io.to("room").emit("number", 1)

    (recovered,) = connected.next()
    assert client.next("connect")
    after = client.state()
    assert after["recovered"]
    assert after["id"] == before["id"] == recovered.id
    assert recovered.recovered
    assert recovered.rooms == {recovered.id, "room"}
    assert recovered.data.name == "Ann"


@each_transport
def test_no_event_poisons_the_offset(
    node: Driver, io: sockio.Server[Any], proxy: CuttingProxy, transport: str
) -> None:
    # Volatile events, and those with an ack, that end in a text.
    connected = Heard()
    io.on("connection", connected)
    client = connect(node, proxy, transport)
    (socket,) = connected.next()
    socket.emit("first")
    assert client.next().event == "first"

    socket.timeout(2).emit("asked", "text", ack=lambda *answer: None)
    assert client.next().event == "asked"
    io.timeout(2).emit("all asked", "text", ack=lambda *answers: None)
    assert client.next().event == "all asked"
    while not socket.conn.writable:  # until a poll waits for it
        client.state()
    socket.volatile.emit("volatile", "text")
    assert client.next().event == "volatile"
    proxy.cut_after(0, silently=False)
    socket.emit("last")
    assert proxy.wait_cut(2)

    assert client.next("last").args[:-1] == []
    assert client.state()["recovered"]


@pytest.mark.patience(120 if LONG else 30)
@each_transport
def test_no_gap_and_no_duplicate_wherever_the_connection_is_cut(
    node: Driver, io: sockio.Server[Any], proxy: CuttingProxy, transport: str
) -> None:
    chance = random.Random(SEED)
    recovered = []
    io.on("connection", lambda socket: recovered.append(socket.recovered))
    client = connect(node, proxy, transport)
    sent = 0

    for _ in range(CUTS):
        proxy.cut_after(chance.randrange(20), silently=chance.random() < 0.5)
        while not proxy.wait_cut(0.001 * chance.randrange(1, 5)):
            io.emit("number", sent)
            sent += 1
        for _ in range(chance.randrange(5)):
            io.emit("number", sent)
            sent += 1
    io.emit("end")

    client.next("end", timeout=30)
    assert [event.args[0] for event in client.take("number")] == list(range(sent))
    assert recovered == [False] + [True] * (len(recovered) - 1)
    assert len(recovered) > CUTS / 4
