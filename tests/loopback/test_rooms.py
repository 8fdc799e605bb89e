"""Rooms: joining, leaving, and who is told about it."""

from __future__ import annotations

from typing import Any

import gevent

from tests.support.served import Heard, Served

ROOM_EVENTS = ("create-room", "join-room", "leave-room", "delete-room")


def watched(served: Served) -> Heard:
    """Listen to every room event of the main namespace; its name comes first."""
    heard = Heard()
    for name in ROOM_EVENTS:
        served.io.sockets.adapter.on(name, lambda *args, n=name: heard(n, *args))
    return heard


def test_a_socket_is_in_a_room_of_its_own(served: Served) -> None:
    _, socket = served.connect()

    assert socket.rooms == frozenset({socket.id})


def test_join_and_leave(served: Served) -> None:
    _, socket = served.connect()

    socket.join("a")
    socket.join("b", ["c", "d"], {"e"})
    assert socket.rooms == {socket.id, *"abcde"}

    socket.leave("a")
    socket.leave("b", ["c", "nothing"])
    assert socket.rooms == {socket.id, "d", "e"}


def test_rooms_are_a_snapshot(served: Served) -> None:
    _, socket = served.connect()
    before = socket.rooms

    socket.join("a")

    assert before == {socket.id}


def test_a_number_is_a_room(served: Served) -> None:
    websocket, socket = served.connect()
    room: Any = 5
    socket.join(room)

    served.io.to(room).emit("hi")

    assert websocket.receive_event() == ["hi"]
    assert "5" in socket.rooms


def test_a_room_of_one_namespace_is_none_of_another(served: Served) -> None:
    served.io.of("/chat")
    websocket, main = served.connect()
    chat = served.also(websocket, "/chat")
    main.join("room")

    served.io.of("/chat").to("room").emit("nobody")
    chat.join("room")
    served.io.of("/chat").to("room").emit("hi")

    assert websocket.receive() == '42/chat,["hi"]'


def test_leaving_the_own_room_is_allowed(served: Served) -> None:
    websocket, socket = served.connect()

    socket.leave(socket.id)

    assert socket.rooms == frozenset()
    served.io.emit("all")
    assert websocket.receive_event() == ["all"]


def test_room_events(served: Served) -> None:
    # Only the first join fires join-room; the room of the socket's own id counts, too.
    heard = watched(served)
    _, socket = served.connect()
    socket.join("room")
    socket.join("room")
    socket.leave("room")
    socket.leave("room")

    assert heard.calls == [
        ("create-room", socket.id),
        ("join-room", socket.id, socket.id),
        ("create-room", "room"),
        ("join-room", "room", socket.id),
        ("leave-room", "room", socket.id),
        ("delete-room", "room"),
    ]


def test_a_room_lives_as_long_as_somebody_is_in_it(served: Served) -> None:
    _, first = served.connect()
    _, second = served.connect()
    first.join("room")
    second.join("room")
    heard = watched(served)

    first.leave("room")
    second.leave("room")

    assert heard.calls == [
        ("leave-room", "room", first.id),
        ("leave-room", "room", second.id),
        ("delete-room", "room"),
    ]


def test_a_disconnect_leaves_all_rooms(served: Served) -> None:
    websocket, socket = served.connect()
    socket.join("room")
    gone = Heard()
    socket.on("disconnect", gone)
    heard = watched(served)

    websocket.close()

    gone.next()
    assert sorted(call[:2] for call in heard.calls) == sorted(
        (name, room)
        for name in ("leave-room", "delete-room")
        for room in ("room", socket.id)
    )
    assert not served.io.sockets.adapter.rooms


def test_room_listeners_run_where_they_may_block(served: Served) -> None:
    # In the greenlet that joins; if that is the hub, in the socket's mailbox.
    where = Heard()
    websocket, socket = served.connect()
    socket.join("room")

    def listener(room: str, sid: str) -> None:
        gevent.idle()
        where(room, gevent.getcurrent() is gevent.get_hub())

    served.io.sockets.adapter.on("leave-room", listener)

    socket.leave("room")
    assert where.calls == [("room", False)]
    websocket.close()

    where.next()
    assert where.next() == (socket.id, False)


def test_after_the_disconnect_nothing_is_joined(served: Served) -> None:
    _, socket = served.connect()
    socket.disconnect()

    socket.join("room")
    served.io.sockets_join("other")

    assert not served.io.sockets.adapter.rooms
    assert not served.io.sockets.adapter.sids


def test_rooms_in_the_last_handlers(served: Served) -> None:
    # socket.rooms keeps its value until the handlers of `disconnecting` have run.
    heard = Heard()
    websocket, socket = served.connect()
    socket.join("room")

    @socket.on("disconnecting")
    def disconnecting(reason: str) -> None:
        heard("disconnecting", socket.rooms, socket.connected)

    @socket.on("disconnect")
    def disconnect(reason: str) -> None:
        heard("disconnect", socket.rooms, socket.connected)

    websocket.close()

    assert heard.next() == ("disconnecting", {"room", socket.id}, False)
    assert heard.next() == ("disconnect", frozenset(), False)


def test_who_disconnects_is_in_no_room_at_once(served: Served) -> None:
    # No broadcast, fetch or count sees a dead socket.
    heard = Heard()
    _, socket = served.connect()
    websocket, other = served.connect()
    for each in (socket, other):
        each.join("room")

    @socket.on("disconnecting")
    def disconnecting(reason: str) -> None:
        socket.to("room").emit("left", socket.id)
        heard(served.io.to("room").fetch_sockets())

    socket.disconnect()

    assert heard.next() == ([other],)
    assert websocket.receive_event() == ["left", socket.id]


def test_rooms_can_be_inspected(served: Served) -> None:
    _, socket = served.connect()
    socket.join("room")
    adapter: Any = served.io.sockets.adapter

    assert set(adapter.rooms) == {socket.id, "room"}
    assert adapter.rooms["room"] == {socket.id}
    assert adapter.sids[socket.id] == {socket.id, "room"}
    assert adapter.sockets(["room"]) == {socket.id}
