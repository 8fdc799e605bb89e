"""The clients of other languages, over each transport."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sockio
from tests.interop.checks import CHECKS, TRANSPORTS, Check, make_server
from tests.interop.languages import (
    CLIENTS,
    ZISHANG520,
    Foreign,
    ForeignKind,
    ForeignWay,
    passes,
)
from tests.support.foreign import ForeignDriver
from tests.support.loopback import Loopback
from tests.support.served import Heard


@pytest.fixture(scope="session", params=CLIENTS, ids=str)
def _process(request: pytest.FixtureRequest) -> Iterator[tuple[Foreign, ForeignDriver]]:
    client: Foreign = request.param
    driver = client.start()
    yield client, driver
    driver.close()


@pytest.fixture(params=TRANSPORTS)
def way(
    request: pytest.FixtureRequest, _process: tuple[Foreign, ForeignDriver]
) -> Iterator[ForeignWay]:
    """Give each kind of client, with the server for all clients."""
    client, driver = _process
    loopback = Loopback(make_server())
    yield ForeignWay(driver, loopback.url, ForeignKind(client, request.param))
    driver.reset()
    loopback.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_every_client_can_do_and_what_it_cannot(
    way: ForeignWay, check: Check
) -> None:
    passes(way, check)  # raises if it fails, unless for the reason in LACKS


@pytest.mark.parametrize("_process", [ZISHANG520], indirect=True, ids=str)
def test_a_client_that_knows_recovery_gets_what_it_missed(
    _process: tuple[Foreign, ForeignDriver],
) -> None:
    _, driver = _process
    io: sockio.Server = sockio.Server(connection_state_recovery=True)
    loopback = Loopback(io)
    connected = Heard()
    io.on("connection", connected)
    client = driver.connect(loopback.url, transports=["websocket"], reconnection=True)
    assert client.next().event == "connect"
    (socket,) = connected.next()
    io.emit("number", 1)
    assert client.next().args[0] == 1
    assert not client.recovered()

    client.cut()
    io.emit("number", 2)

    assert client.next("connect")
    assert client.recovered()
    assert client.next("number").args[0] == 2
    (recovered,) = connected.next()
    assert recovered.id == socket.id
    driver.reset()
    loopback.close()
