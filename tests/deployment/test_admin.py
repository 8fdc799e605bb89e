"""Two workers that one admin page watches, whichever of them it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.admin import LOGIN
from tests.support.deployed import OUR_WORKER, Deployed, gunicorn
from tests.support.node import Driver, JsClient

APP = "tests.deployment.apps.administered:io"
WEBSOCKET: Any = {"transports": ["websocket"]}


@pytest.fixture(
    scope="module",
    params=[gunicorn("gevent", APP, "-w", "2"), gunicorn(OUR_WORKER, APP, "-w", "2")],
    ids=["gunicorn", "our worker"],
)
def server(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    with Deployed(*request.param) as server:
        yield server


def one_of_each(node: Driver, server: Deployed) -> dict[int, JsClient]:
    """Return a client of each worker, by process."""
    found: dict[int, JsClient] = {}
    while len(found) < 2:
        client = node.connect(server.url, **WEBSOCKET)
        [pid] = client.emit_with_ack("who")
        found.setdefault(pid, client)
    return found


def test_a_page_sees_both_workers_and_comes_back_to_either(
    server: Deployed, node: Driver
) -> None:
    clients = one_of_each(node, server)
    admin = node.connect(f"{server.url}/admin", auth=LOGIN, **WEBSOCKET)
    [session] = admin.next("session").args
    [sockets] = admin.next("all_sockets").args
    ids = {client.state()["id"] for client in clients.values()}
    assert ids < {each["id"] for each in sockets}

    told: dict[int, str] = {}
    while set(told) != set(clients):
        [stats] = admin.next("server_stats").args
        told[stats["pid"]] = stats["serverId"]
    assert all(told[pid].endswith(f"#{pid}") for pid in told)

    for client in clients.values():
        client.emit("hello", client.state()["id"])
    heard = [admin.next("event_received").args for _ in clients]
    assert {(sid, event[0], event[1]) for _, sid, event, _ in heard} == {
        (sid, "hello", sid) for sid in ids
    }

    # New connections go to whichever worker is free.
    for _ in range(6):
        again = node.connect(
            f"{server.url}/admin", auth={"sessionId": session}, **WEBSOCKET
        )
        again.next("config")
    for client in clients.values():
        admin.emit("_disconnect", "/", True, client.state()["id"])
        assert client.next("disconnect").args == ["io server disconnect"]
    server.assert_quiet()
