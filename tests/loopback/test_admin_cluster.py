"""The admin namespace of two servers: a page of one sees both."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

import sockio
from sockio.adapters import Bus, Cluster, Exchange
from sockio.adapters.buses.redis.bus import RedisBus
from sockio.admin.peers import PATIENCE
from sockio.admin.watching import INTERVAL, SILENCE
from sockio.errors import ConnectError
from sockio.testing import FakeClock, TestClient
from tests.support.admin import LOGIN, USER, page
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until


class Two:
    """Two servers that act as one; each has a client."""

    def __init__(self, make_bus: Callable[[], Bus], **options: Any) -> None:
        self.clocks = FakeClock(), FakeClock()
        self.servers = [
            sockio.Server(clock=clock, adapter=Cluster(make_bus()))
            for clock in self.clocks
        ]
        for number, io in enumerate(self.servers):
            sockio.instrument(io, auth=USER, server_id=f"server {number}", **options)
            io.start()
        for io in self.servers:
            for namespace in io.namespaces.values():
                count = namespace.adapter.server_count
                wait_until(lambda count=count: count() == 2)  # type: ignore[misc]
        self.clients = [TestClient(io) for io in self.servers]

    def close(self) -> None:
        for client in self.clients:
            client.close()
        for io in self.servers:
            io.close()

    def watched(self, number: int) -> bool:
        """Whether a server observes anything."""
        return self.servers[number].reactor.observers.of_packets


@pytest.fixture(scope="module", params=["in process", "redis"])
def broker(request: pytest.FixtureRequest) -> RedisServer | None:
    """Give the broker, if there is to be one; it starts before the first test."""
    return request.getfixturevalue("redis_server") if request.param == "redis" else None


@pytest.fixture
def make_bus(broker: RedisServer | None) -> Callable[[], Bus]:
    if broker is None:
        return Exchange().bus
    prefix = os.urandom(8).hex()
    return lambda: RedisBus(f"{broker.url}?prefix={prefix}")


@pytest.fixture
def two(make_bus: Callable[[], Bus]) -> Iterator[Two]:
    two = Two(make_bus)
    yield two
    two.close()


def hear(page: TestClient, event: str, about: str) -> Any:
    """Return the arguments of the first event of that name that is about something.

    Blocks:
        Until it comes.
    """
    while True:
        args = page.expect(event, timeout=60)
        if about in repr(args):
            return args


def test_a_page_sees_the_sockets_of_both(two: Two) -> None:
    with page(two.servers[0]) as admin:
        [sockets] = admin.expect("all_sockets")

        ids = {each["id"] for each in sockets}
        assert ids == {two.clients[0].id, two.clients[1].id, admin.id}
        [there] = [each for each in sockets if each["id"] == two.clients[1].id]
        assert there["transport"] == "websocket"
        assert len(there["clientId"]) == 12


def test_a_page_hears_of_both(two: Two) -> None:
    with page(two.servers[0]) as admin:
        wait_until(lambda: two.watched(1))
        hear(admin, "server_stats", "server 1")  # it says how it is at once
        there = two.clients[1]

        there.emit("hello", 1)
        there.socket.join("room")
        two.clocks[1].advance(INTERVAL)

        assert hear(admin, "event_received", "hello")[:2] == ("/", there.id)
        assert hear(admin, "room_joined", "room")[:3] == ("/", "room", there.id)
        [stats] = hear(admin, "server_stats", "server 1")
        assert {"type", "count", "timestamp"} <= set(stats["aggregatedEvents"][0])


def test_nothing_is_paid_when_the_last_page_of_all_has_gone(two: Two) -> None:
    with page(two.servers[0]):
        with page(two.servers[1]):
            pass
        wait_until(lambda: two.watched(1))
        assert two.watched(0)
    # Each hears of the other's last page in its own time.
    for number in (0, 1):
        wait_until(lambda number=number: not two.watched(number))  # type: ignore[misc]


def test_a_server_that_says_nothing_more_does_not_watch(two: Two) -> None:
    with page(two.servers[0]):
        wait_until(lambda: two.watched(1))
        for _ in range(int(SILENCE / INTERVAL)):
            two.clocks[1].advance(INTERVAL)

        wait_until(lambda: not two.watched(1))
        two.clocks[0].advance(INTERVAL)
        wait_until(lambda: two.watched(1))


def test_commands_reach_the_sockets_of_the_other(two: Two) -> None:
    here, there = two.clients
    with page(two.servers[0]) as admin:
        admin.emit("join", "/", "room", there.id)
        wait_until(lambda: "room" in there.socket.rooms)
        admin.emit("emit", "/", "room", "hello", 1)
        assert there.expect("hello", timeout=60) == (1,)
        admin.emit("_disconnect", "/", True, "room")
        assert there.expect_disconnect(timeout=60) == "io server disconnect"
        assert here.connected


def test_a_namespace_that_only_the_other_has(two: Two) -> None:
    two.servers[1].of("/rooms")
    there = two.clients[1].of("/rooms")
    with page(two.servers[0]) as admin:
        [sockets] = admin.expect("all_sockets")
        assert there.id in {each["id"] for each in sockets}
        admin.emit("join", "/rooms", "room", there.id)
        wait_until(lambda: "room" in there.socket.rooms)
        admin.emit("_disconnect", "/rooms", False)

        assert there.expect_disconnect(timeout=60) == "io server disconnect"
        assert "/rooms" not in two.servers[0].namespaces


@pytest.mark.parametrize("namespace", ["/", "/nowhere"])
def test_values_that_nest_deeply_end_nothing(two: Two, namespace: str) -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    with page(two.servers[0]) as admin:
        admin.emit("emit", namespace, None, "deep", deep)
        admin.emit("join", namespace, "\ud800")
        admin.emit("emit", "/", None, "still there")

        two.clients[1].expect("still there", timeout=60)


def test_a_page_of_the_other_is_spared(two: Two) -> None:
    watching = two.clients[1].of("/admin", auth=LOGIN)
    with page(two.servers[0]) as admin:
        admin.emit("_disconnect", "/", True)
        assert two.clients[0].expect_disconnect(timeout=60) == "io server disconnect"
        two.servers[0].emit("still there")

        two.clients[1].expect("still there", timeout=60)
        assert watching.connected


def test_a_session_is_known_to_both(two: Two) -> None:
    with page(two.servers[0]) as admin:
        [id] = admin.expect("session")

    page(two.servers[1], {"sessionId": id}).close()


def test_a_session_is_known_to_a_server_that_starts_later(
    make_bus: Callable[[], Bus],
) -> None:
    two = Two(make_bus)
    with page(two.servers[0]) as admin:
        [id] = admin.expect("session")
    late = sockio.Server(clock=FakeClock(), adapter=Cluster(make_bus()))
    sockio.instrument(late, auth=USER)
    late.start()
    wait_until(lambda: late.of("/admin").adapter.server_count() == 3)

    page(late, {"sessionId": id}).close()

    with pytest.raises(ConnectError, match="invalid credentials"):
        page(late, {"sessionId": "0" * 32})
    two.close()
    late.close()


def test_a_server_that_may_only_be_looked_at(make_bus: Callable[[], Bus]) -> None:
    two = Two(make_bus, readonly=True)
    two.servers[1].of("/rooms")
    there = two.clients[1].of("/rooms")
    # A server that is not read-only lacks the namespace, and asks the others.
    two.servers[0].of("/admin").server_side_emit(
        "sockio:admin:command", "_disconnect", "/rooms", False
    )
    answers = (
        two.servers[0].of("/admin").server_side_emit_with_ack("sockio:admin:sockets")
    )

    assert there.id in {each["id"] for each in answers[0]}
    assert there.connected
    two.close()


def test_a_server_that_is_silent_ends_nothing(two: Two) -> None:
    # In Node, the process of the page's server would end.
    two.servers[1].of("/admin").off("sockio:admin:sockets")
    two.servers[1].of("/admin").on("sockio:admin:sockets", lambda *, ack: None)
    coming = gevent.spawn(page, two.servers[0], timeout=60)
    wait_until(lambda: two.watched(0))
    two.clocks[0].settle()
    two.clocks[0].advance(PATIENCE)

    with coming.get() as admin:
        [sockets] = admin.expect("all_sockets")
        # The adapter has found it, without what only its own server knows.
        [there] = [each for each in sockets if each["id"] == two.clients[1].id]
        assert there["clientId"] is None
