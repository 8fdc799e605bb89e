"""The admin namespace of one server: what a page sees, and what it may do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import sockio
from sockio.errors import ConfigError, ConnectError
from sockio.protocol.socketio.packet import RESERVED_EVENTS
from sockio.testing import FakeClock, TestClient
from tests.support.admin import USER, page, told
from tests.support.served import Heard

CHANGES = ["EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"]
#: When the clock of the tests starts.
NOW = "2023-11-14T22:13:20.000Z"


@pytest.fixture
def io(clock: FakeClock) -> Iterator[sockio.Server[Any]]:
    io = sockio.Server(clock=clock)
    yield io
    io.close()


@pytest.fixture
def client(io: sockio.Server[Any]) -> Iterator[TestClient]:
    with TestClient(io) as client:
        yield client


# ------------------------------------------------------------------ coming in


@pytest.mark.parametrize(
    ("options", "features"),
    [
        ({}, [*CHANGES, "AGGREGATED_EVENTS", "ALL_EVENTS"]),
        ({"mode": "production"}, [*CHANGES, "AGGREGATED_EVENTS"]),
        ({"readonly": True}, ["AGGREGATED_EVENTS", "ALL_EVENTS"]),
        ({"mode": "production", "readonly": True}, ["AGGREGATED_EVENTS"]),
    ],
)
def test_what_a_page_gets_first(
    io: sockio.Server[Any], options: Any, features: list[str]
) -> None:
    sockio.instrument(io, auth=USER, **options)

    with page(io) as admin:
        names = [event.event for event in admin.received]
        shows_all = ["all_sockets"] if "ALL_EVENTS" in features else []
        assert names == ["session", "config", *shows_all, "server_stats", "queues"]
        assert admin.expect("config") == ({"supportedFeatures": features},)
        assert re.fullmatch(r"[0-9a-f]{32}", admin.expect("session")[0])


def test_everybody_may_come_in_if_that_is_said(
    io: sockio.Server[Any], caplog: pytest.LogCaptureFixture
) -> None:
    sockio.instrument(io, auth=False)

    with page(io, None) as admin:
        assert not told(admin, "session")
    assert "everybody may enter" in caplog.text


def test_a_server_is_instrumented_once(io: sockio.Server[Any]) -> None:
    sockio.instrument(io, auth=False)

    with pytest.raises(ConfigError, match="call it once"):
        sockio.instrument(io, auth=False, namespace="/other")


def test_nobody_may_be_in_the_namespace_yet(io: sockio.Server[Any]) -> None:
    io.of("/admin")
    with TestClient(io, namespace="/admin"):
        with pytest.raises(ConfigError, match="before the server starts"):
            sockio.instrument(io, auth=USER)

        assert len(io.reactor.observers.all) == 2  # the server's, and the client's


def test_without_bcrypt_no_namespace_is_made(
    io: sockio.Server[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)

    with pytest.raises(ConfigError, match=r"sockio\[admin\]"):
        sockio.instrument(io, auth=USER)

    assert "/admin" not in io.namespaces


def test_what_is_no_server() -> None:
    nothing: Any = object()

    with pytest.raises(ConfigError, match=r"give a sockio\.Server"):
        sockio.instrument(nothing, auth=False)


def test_a_condition_of_ones_own(io: sockio.Server[Any]) -> None:
    @sockio.instrument(io, auth=USER).use
    def only_from_the_office(socket: sockio.Socket[Any]) -> bool:
        return socket.handshake.address == "10.0.0.1"

    with pytest.raises(ConnectError, match="Connection refused"):
        page(io)
    page(io, address="10.0.0.1").close()


def test_it_stays_guarded_when_a_pattern_has_made_it(clock: FakeClock) -> None:
    io = sockio.Server(clock=clock, cleanup_empty_child_namespaces=True)
    io.of(re.compile(r"^/\w+$"))
    sockio.instrument(io, auth=USER)
    page(io).close()

    with pytest.raises(ConnectError, match="invalid credentials"):
        page(io, None)

    io.close()


# ------------------------------------------------------------------ sockets and rooms


def test_all_sockets(io: sockio.Server[Any], client: TestClient) -> None:
    sockio.instrument(io, auth=False)
    io.of("/other")
    client.of("/other")
    client.socket.join("room")
    client.socket.data.user = {"name": "ann", "password": "x"}

    with page(io) as admin:
        [sockets] = admin.expect("all_sockets")

    first, own, other = sorted(sockets, key=lambda told: str(told["nsp"]))
    assert first["id"] == client.id
    assert first["nsp"] == "/"
    assert first["transport"] == "websocket"
    assert first["data"] == {"user": {"name": "ann", "password": "[hidden]"}}
    assert set(first["rooms"]) == {client.id, "room"}
    assert first["clientId"] == other["clientId"] != own["clientId"]
    assert client.socket.conn.id not in repr(sockets)
    assert (other["nsp"], own["nsp"]) == ("/other", "/admin")
    assert set(first["handshake"]) == {
        "address", "headers", "query", "issued", "secure", "time", "url", "xdomain"
    }  # fmt: skip


def test_secrets_of_a_handshake_are_hidden(io: sockio.Server[Any]) -> None:
    sockio.instrument(io, auth=False)
    client = TestClient(
        io,
        auth={"token": "s3cret"},
        headers={"authorization": "Bearer s3cret", "x-trace": "7"},
        cookies={"session": "s3cret"},
        query={"access_token": "s3cret", "page": "2"},
    )

    with page(io) as admin:
        [sockets] = admin.expect("all_sockets")

    assert "s3cret" not in repr(sockets)
    handshake = sockets[0]["handshake"]
    assert handshake["headers"]["x-trace"] == "7"
    assert handshake["headers"]["cookie"] == "[hidden]"
    assert handshake["query"]["page"] == "2"
    assert "access_token=[hidden]&page=2" in handshake["url"]
    client.close()


def test_the_life_of_a_socket(io: sockio.Server[Any]) -> None:
    sockio.instrument(io, auth=False)
    with page(io) as admin:
        told(admin)
        client = TestClient(io)
        sid = client.id
        client.socket.join("room")
        client.socket.leave("room")
        client.socket.join("last")
        client.close()

        heard = told(admin)

    assert [each for each in heard if each[0] != "socket_connected"] == [
        ("room_joined", "/", sid, sid, NOW),
        ("room_joined", "/", "room", sid, NOW),
        ("room_left", "/", "room", sid, NOW),
        ("room_joined", "/", "last", sid, NOW),
        ("socket_disconnected", "/", sid, "client namespace disconnect", NOW),
        ("room_left", "/", sid, sid, NOW),
        ("room_left", "/", "last", sid, NOW),
    ]
    assert heard[1][0] == "socket_connected"
    assert (heard[1][1]["id"], heard[1][2]) == (sid, NOW)


def test_a_page_sees_other_pages(io: sockio.Server[Any]) -> None:
    sockio.instrument(io, auth=False)
    with page(io) as first:
        told(first)
        second = page(io)
        sid = second.id
        assert [each[0] for each in told(second)] == ["config", "all_sockets"]
        second.close()

        heard = [(each[0], sid in each or each[1]["id"] == sid) for each in told(first)]

    assert heard == [
        ("room_joined", True),
        ("socket_connected", True),
        ("socket_disconnected", True),
        ("room_left", True),
    ]


def test_changes_of_data_at_any_depth(
    io: sockio.Server[Any], client: TestClient, clock: FakeClock
) -> None:
    sockio.instrument(io, auth=False)
    client.socket.data.list = [1]
    with page(io) as admin:
        told(admin)
        clock.advance(2)
        assert not told(admin)

        client.socket.data.list.append({"deep": b"x"})
        clock.advance(2)
        client.socket.on("set", lambda: setattr(client.socket.data, "token", "t"))
        client.emit("set")

        about = {"id": client.id, "nsp": "/"}
        data = {"list": [1, {"deep": b"x"}]}
        updated = told(admin, "socket_updated")
    assert updated == [
        ("socket_updated", {**about, "data": data}),
        ("socket_updated", {**about, "data": {**data, "token": "[hidden]"}}),
    ]


# ------------------------------------------------------------------ events


def test_events_of_a_socket(io: sockio.Server[Any], client: TestClient) -> None:
    sockio.instrument(io, auth=False)
    client.socket.on("login", lambda who: "welcome")
    with page(io) as admin:
        told(admin)
        client.emit_with_ack("login", {"name": "ann", "password": "s3cret"})
        client.socket.emit("plain", b"\xff", None)
        io.emit("all", 1)
        io.of("/admin").emit("own", 2)
        client.expect("plain")

        heard = told(admin, "event_received", "event_sent")

    login = {"name": "ann", "password": "[hidden]"}
    assert heard == [
        ("event_received", "/", client.id, ["login", login], NOW),
        ("event_sent", "/", client.id, ["plain", b"\xff", None], NOW),
        ("event_sent", "/", client.id, ["all", 1], NOW),
    ]


def test_a_broadcast_is_told_for_each_receiver(io: sockio.Server[Any]) -> None:
    sockio.instrument(io, auth=False)
    with TestClient(io) as one, TestClient(io) as two, page(io) as admin:
        io.emit("all")

        receivers = {each[2] for each in told(admin, "event_sent")}
        assert receivers == {one.id, two.id}


def test_in_production_only_figures_are_told(
    io: sockio.Server[Any], client: TestClient
) -> None:
    sockio.instrument(io, auth=False, mode="production")
    with page(io) as admin:
        told(admin)
        client.socket.join("room")
        client.emit("something")
        TestClient(io).close()

        assert told(admin) == []


# ------------------------------------------------------------------ figures


def test_figures_every_two_seconds(
    io: sockio.Server[Any], client: TestClient, clock: FakeClock
) -> None:
    sockio.instrument(io, auth=False, mode="production", server_id="one")
    with page(io) as admin:
        told(admin)
        client.emit("é", 1)
        clock.advance(1)
        TestClient(io).close()
        clock.advance(1)
        [stats] = admin.expect("server_stats")
        clock.advance(2)
        [later] = admin.expect("server_stats")

    assert stats["serverId"] == "one"
    assert stats["clientsCount"] == 2
    assert stats["pollingClientsCount"] == 0
    assert stats["namespaces"] == [
        {"name": "/", "socketsCount": 1},
        {"name": "/admin", "socketsCount": 1},
    ]
    second = 1_700_000_000_000
    rows = {
        (row["timestamp"] - second, row["type"], row.get("subType")): row["count"]
        for row in stats["aggregatedEvents"]
    }
    assert rows[0, "packetsIn", None] == 1
    assert rows[0, "bytesIn", None] == len('2["é",1]'.encode())
    assert rows[1000, "rawConnection", None] == 1
    assert rows[1000, "rawDisconnection", "transport close"] == 1
    assert later["uptime"] >= stats["uptime"] > 0
    assert "rawConnection" not in {row["type"] for row in later["aggregatedEvents"]}


def test_nothing_is_paid_while_nobody_watches(
    io: sockio.Server[Any], client: TestClient, clock: FakeClock
) -> None:
    observers = len(io.reactor.observers.all)
    makers, timers = io.reactor.around.makers, clock.armed
    sockio.instrument(io, auth=False)

    def idle() -> bool:
        return (
            len(io.reactor.observers.all) == observers + 1
            and io.reactor.around.makers == makers
            and client.socket.conn.watch is None
            and not io.reactor.observers.of_packets
            and clock.armed == timers
        )

    assert idle()
    with page(io), page(io):
        assert client.socket.conn.watch is not None
    assert idle()
    assert TestClient(io).socket.conn.watch is None


def test_an_application_sees_nothing_of_it(
    io: sockio.Server[Any], client: TestClient
) -> None:
    sockio.instrument(io, auth=False)
    caught = Heard()
    client.socket.on_any(caught)
    client.socket.conn.on("packet", Heard())
    with page(io):
        client.emit("hello")

        assert caught.calls == [("hello",)]
        assert dict(client.socket.data) == {}
        assert len(client.socket.listeners_any()) == 1
        assert client.socket.listeners_any_outgoing() == []
        assert client.socket.event_names() == []
        assert io.event_names() == []
    assert client.socket.conn.watch is not None  # for the application's own listener


# ------------------------------------------------------------------ commands

#: What is no room, and no name of an event.
ODD: list[Any] = ["", 5, True, ["a"], {"a": 1}]
#: What is neither true nor false.
NO_FLAG: list[Any] = [None, 1, "true", {}]
#: Commands for ``/`` that mean nothing.
UNFIT: list[tuple[str, tuple[Any, ...]]] = [
    ("emit", ()),
    *(("emit", (None, event)) for event in sorted(RESERVED_EVENTS)),
    *(("emit", (None, event)) for event in (None, *ODD[1:])),
    *(("emit", (room, "hello")) for room in ODD),
    *((name, (room,)) for name in ("join", "leave") for room in (None, *ODD)),
    *(("join", ("b", room)) for room in ODD),
    *(("leave", ("a", room)) for room in ODD),
    *((name, ("a", None, "more")) for name in ("join", "leave")),
    *((name, ()) for name in ("join", "leave", "_disconnect")),
    *(("_disconnect", (close,)) for close in NO_FLAG),
    *(("_disconnect", (True, room)) for room in ODD),
    ("_disconnect", (True, None, "more")),
]


@pytest.fixture
def admin(io: sockio.Server[Any]) -> Iterator[TestClient]:
    sockio.instrument(io, auth=False)
    with page(io) as admin:
        yield admin


def test_join_leave_emit_disconnect(
    io: sockio.Server[Any], admin: TestClient, client: TestClient
) -> None:
    other = TestClient(io)

    admin.emit("join", "/", "room", client.id)
    assert "room" in client.socket.rooms
    assert "room" not in other.socket.rooms
    admin.emit("emit", "/", "room", "hello", 1, b"x")
    assert client.expect("hello") == (1, b"x")
    other.expect_nothing()
    admin.emit("emit", "/", None, "all")
    other.expect("all")
    admin.emit("leave", "/", "room", "room")
    assert "room" not in client.socket.rooms
    admin.emit("join", "/", "everybody")
    assert "everybody" in client.socket.rooms & other.socket.rooms
    admin.emit("_disconnect", "/", False, client.id)
    assert client.expect_disconnect() == "io server disconnect"
    admin.emit("_disconnect", "/", True, None)
    assert other.expect_disconnect() == "io server disconnect"
    assert io.engine.clients_count == 1
    assert admin.connected


def test_a_page_that_may_only_look(io: sockio.Server[Any], client: TestClient) -> None:
    sockio.instrument(io, auth=False, readonly=True)
    with page(io) as admin:
        admin.emit("join", "/", "room")
        admin.emit("emit", "/", None, "hello")
        admin.emit("leave", "/", client.id)
        admin.emit("_disconnect", "/", True)
        admin.emit("kick", "/", client.id)

        assert client.socket.rooms == {client.id}
        client.expect_nothing()
        assert client.connected


@pytest.mark.parametrize(
    "where",
    [(), (None,), (5,), ([],), ({"name": "/"},), ("/nowhere",), ("/_0",), ("",)],
)
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("emit", (None, "hello")),
        ("join", ("room",)),
        ("leave", ("room",)),
        ("_disconnect", (True,)),
    ],
)
def test_namespaces_that_there_are_not_are_not_made(
    io: sockio.Server[Any], admin: TestClient, name: str, where: Any, what: Any
) -> None:
    io.of(re.compile("^/dynamic"))

    admin.emit(name, *where, *what)

    assert set(io.namespaces) == {"/", "/admin"}
    assert admin.connected


@pytest.mark.parametrize(("name", "args"), UNFIT)
def test_commands_that_do_not_fit_are_ignored(
    admin: TestClient, client: TestClient, name: str, args: tuple[Any, ...]
) -> None:
    client.socket.join("a")

    admin.emit(name, "/", *args)

    assert client.socket.rooms == {client.id, "a"}
    client.expect_nothing()
    assert client.connected
    assert admin.connected


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("_disconnect", [False]),
        ("_disconnect", [True]),
        ("_disconnect", [True, "ID"]),
        ("join", ["room"]),
        ("leave", ["ID"]),
        ("emit", [None, "config", {"supportedFeatures": []}]),
    ],
)
def test_no_page_can_reach_the_pages(
    io: sockio.Server[Any], admin: TestClient, name: str, args: list[Any]
) -> None:
    with page(io) as other:
        told(other)

        admin.emit(name, "/admin", *[other.id if arg == "ID" else arg for arg in args])

        assert told(other) == []
        assert other.connected
        assert other.socket.rooms == {other.id}


def test_a_connection_over_which_somebody_watches_is_spared(
    io: sockio.Server[Any], client: TestClient
) -> None:
    sockio.instrument(io, auth=False)
    watching = client.of("/admin")
    other = TestClient(io)

    watching.emit("_disconnect", "/", True)

    assert other.expect_disconnect() == "io server disconnect"
    assert client.connected
    watching.emit("_disconnect", "/", False)
    assert client.expect_disconnect() == "io server disconnect"
    assert watching.connected


def test_values_that_nest_deeply_end_nothing(
    io: sockio.Server[Any], admin: TestClient, client: TestClient
) -> None:
    deep: list[Any] = []
    for _ in range(500):  # a greenlet may begin with some of Python's 1000 calls used
        deep = [deep]

    admin.emit("emit", "/", None, "deep", deep)

    [got] = client.expect("deep")
    assert got == deep
    assert admin.connected
