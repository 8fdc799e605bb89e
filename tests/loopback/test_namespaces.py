"""Namespaces: each on its own over one connection, and those made on demand."""

from __future__ import annotations

import re
from typing import Any

import gevent
import pytest

import sockio
from sockio.errors import ConfigError, ConnectError, NotSupported
from tests.support.raw_websocket import NO_CODE
from tests.support.served import Gate, Heard, Served, event

from .conftest import Serve

TENANT = re.compile(r"^/tenant-\d+$")


# ------------------------------------------------------------------ of()


def test_of_returns_one_namespace_for_each_name(io: sockio.Server[Any]) -> None:
    assert io.of("/chat") is io.of("/chat")
    assert io.of("chat") is io.of("/chat")
    assert io.of("/chat").name == "/chat"
    assert io.of("/chat") is not io.of("/")


def test_of_takes_a_connection_handler(served: Served) -> None:
    heard = Heard()
    served.io.of("/chat", heard)

    _, socket = served.connect("/chat")

    assert heard.next() == (socket,)


def test_of_refuses_what_is_no_name(io: sockio.Server[Any]) -> None:
    with pytest.raises(ConfigError, match="give a name, a compiled pattern"):
        io.of(5)  # type: ignore[call-overload]


def test_events_stay_in_their_namespace(served: Served) -> None:
    heard_main, heard_chat = Heard(), Heard()
    served.io.of("/chat")
    websocket, main = served.connect()
    chat = served.also(websocket, "/chat")
    main.on("hi", heard_main)
    chat.on("hi", heard_chat)

    websocket.send('42/chat,["hi",1]')

    assert heard_chat.next() == (1,)
    assert heard_main.calls == []
    chat.emit("yo")
    assert websocket.receive() == '42/chat,["yo"]'


def test_a_broadcast_stays_in_its_namespace(served: Served) -> None:
    served.io.of("/chat")
    websocket, _ = served.connect()
    served.also(websocket, "/chat")

    served.io.of("/chat").emit("here")
    served.io.emit("there")

    assert websocket.receive() == '42/chat,["here"]'
    assert websocket.receive() == '42["there"]'


def test_leaving_one_namespace_keeps_the_others(served: Served) -> None:
    served.io.of("/chat")
    websocket, main = served.connect()
    chat = served.also(websocket, "/chat")
    gone = Heard()
    chat.on("disconnect", gone)

    websocket.send("41/chat,")

    assert gone.next() == ("client namespace disconnect", None)
    main.emit("still here")
    assert websocket.receive_event() == ["still here"]


def test_the_sockets_of_a_client_do_not_wait_for_each_other(served: Served) -> None:
    # Each socket has a greenlet of its own.
    gate, heard = Gate(), Heard()
    served.io.of("/chat")
    websocket, main = served.connect()
    chat = served.also(websocket, "/chat")
    main.on("slow", gate.stop)
    chat.on("quick", heard)

    websocket.send('42["slow"]')
    websocket.send('42/chat,["quick"]')

    assert heard.next() == ()
    assert gate.reached
    gate.open()


def test_namespaces_with_uncommon_names(served: Served) -> None:
    for name in ("/a/b", "/a?b=c", "/ü😀", "/ ", "/0"):
        served.io.of(name)
        websocket, socket = served.connect(name)

        socket.emit("hi", 1)

        assert websocket.receive() == f'42{name},["hi",1]'


# ------------------------------------------------------------------ on demand


def test_a_pattern_lets_clients_make_namespaces(served: Served) -> None:
    parent = served.io.of(TENANT)
    parent.on("connection", lambda socket: socket.emit("hi", socket.nsp.name))

    websocket, socket = served.connect("/tenant-12")

    assert event(websocket.receive()) == ["hi", "/tenant-12"]
    assert socket.nsp is served.io.of("/tenant-12")
    assert parent.children == {socket.nsp}


def test_a_name_that_no_parent_wants_is_refused(served: Served) -> None:
    served.io.of(TENANT)
    served.io.of(lambda name, auth: False)
    websocket, _ = served.connect()

    websocket.send("40/tenant-x,")

    assert websocket.receive() == '44/tenant-x,{"message":"Invalid namespace"}'


def test_a_predicate_sees_name_and_auth(served: Served) -> None:
    heard = Heard(answer=True)
    served.io.of(lambda name, auth: heard(name, auth))

    served.connect("/any", {"token": 1})

    assert heard.next() == ("/any", {"token": 1})


def test_a_predicate_without_auth_sees_an_empty_one(served: Served) -> None:
    heard = Heard(answer=True)
    served.io.of(lambda name, auth: heard(name, auth))

    served.connect("/any")

    assert heard.next() == ("/any", {})


def test_parents_are_asked_in_order(served: Served) -> None:
    # In order of registration; after an error or a falsy answer the next one is asked.
    order = Heard()

    def failing(name: str, auth: Any) -> bool:
        order("failing")
        raise RuntimeError(name)

    def too_slow(name: str, auth: Any) -> bool:
        order("too slow")
        raise gevent.Timeout(1)  # which is no Exception

    def refusing(name: str, auth: Any) -> None:
        order("refusing")

    def accepting(name: str, auth: Any) -> int:
        order("accepting")
        return 1

    asked = (failing, too_slow, refusing, accepting, accepting)
    parents = [served.io.of(fn) for fn in asked]

    served.connect("/any")

    heard = [args for (args,) in order.calls]
    assert heard == ["failing", "too slow", "refusing", "accepting"]
    assert [len(parent.children) for parent in parents] == [0, 0, 0, 1, 0]


def test_a_predicate_before_a_pattern_is_asked_first(served: Served) -> None:
    predicate = served.io.of(lambda name, auth: True)
    pattern = served.io.of(TENANT)

    served.connect("/tenant-1")

    assert len(predicate.children) == 1
    assert not pattern.children


def test_a_slow_predicate_holds_nobody_else(served: Served) -> None:
    gate, heard = Gate(), Heard()

    def slow(name: str, auth: Any) -> bool:
        gate.stop()
        return True

    served.io.of(slow)
    websocket, socket = served.connect()
    socket.on("quick", heard)
    websocket.send("40/slow,")
    gate.wait_reached()

    websocket.send('42["quick"]')

    assert heard.next() == ()
    gate.open()
    assert str(websocket.receive()).startswith("40/slow,{")


def test_events_for_a_namespace_that_is_looked_up_are_held(served: Served) -> None:
    gate, heard = Gate(), Heard()

    def slow(name: str, auth: Any) -> bool:
        gate.stop()
        return True

    served.io.of(slow).on("connection", lambda socket: socket.on("early", heard))
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/slow,")
    websocket.send('42/slow,["early",1]')
    websocket.send('42/slow,["early",2]')
    gate.wait_reached()

    gate.open()

    assert heard.next() == (1,)
    assert heard.next() == (2,)


def test_a_second_connect_during_the_look_up_closes(served: Served) -> None:
    gate = Gate()
    served.io.of(lambda name, auth: gate.stop())
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/slow,")
    gate.wait_reached()

    websocket.send("40/slow,")

    assert websocket.wait_closed().code == NO_CODE
    gate.open()


def test_a_client_that_goes_during_the_look_up_was_never_there(
    served: Served,
) -> None:
    gate, heard = Gate(), Heard()

    def slow(name: str, auth: Any) -> bool:
        gate.stop()
        return True

    served.io.of(slow).on("connection", heard)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/slow,")
    gate.wait_reached()

    websocket.cut()
    while served.engine.clients_count:
        gevent.idle()
    gate.open()
    gevent.idle()

    assert heard.calls == []


def test_two_clients_make_one_namespace(served: Served) -> None:
    # If the namespace appeared while a slow checker ran, the existing one is used.
    gate = Gate()

    def slow(name: str, auth: Any) -> bool:
        gate.stop()
        return True

    parent = served.io.of(slow)
    one, _ = served.raw.open_websocket_session()
    two, _ = served.raw.open_websocket_session()
    one.send("40/slow,")
    two.send("40/slow,")
    gate.wait_reached()

    gate.open()

    assert str(one.receive()).startswith("40/slow,{")
    assert str(two.receive()).startswith("40/slow,{")
    assert len(parent.children) == 1
    assert len(served.io.of("/slow").sockets) == 2


def test_a_child_has_the_middlewares_of_its_parent(served: Served) -> None:
    # It copies them when it is made.
    parent = served.io.of(TENANT)

    @parent.use
    def refuse(socket: Any) -> None:
        raise ConnectError("no", {"nsp": socket.nsp.name})

    websocket, _ = served.connect()
    websocket.send("40/tenant-1,")

    assert (
        websocket.receive() == '44/tenant-1,{"message":"no","data":{"nsp":"/tenant-1"}}'
    )


def test_what_is_added_later_does_not_reach_children_that_exist(
    served: Served,
) -> None:
    # A child has what its parent had when the child was made.
    late = Heard()
    parent = served.io.of(TENANT)
    served.connect("/tenant-1")

    parent.on("connection", late)
    served.connect("/tenant-1")
    _, socket = served.connect("/tenant-2")

    assert late.next() == (socket,)
    assert late.calls == [(socket,)]


def test_new_namespace_is_announced(served: Served) -> None:
    # By the event new_namespace.
    heard = Heard()
    served.io.on("new_namespace", heard)
    served.io.of(TENANT)

    _, socket = served.connect("/tenant-1")
    static = served.io.of("/static")

    assert heard.next() == (socket.nsp,)
    assert heard.next() == (static,)


def test_a_name_given_to_of_becomes_a_child_of_the_pattern(served: Served) -> None:
    # io.of("/x") that matches a regex parent also becomes a child.
    heard = Heard()
    parent = served.io.of(TENANT)
    parent.on("connection", heard)

    child = served.io.of("/tenant-7")
    _, socket = served.connect("/tenant-7")

    assert parent.children == {child}
    assert heard.next() == (socket,)


# ------------------------------------------------------------------ a parent's calls


def test_a_parent_emits_to_all_children(served: Served) -> None:
    parent = served.io.of(TENANT)
    one, _ = served.connect("/tenant-1")
    two, _ = served.connect("/tenant-2")

    parent.emit("hi", b"\1")

    for websocket, name in ((one, "/tenant-1"), (two, "/tenant-2")):
        message = websocket.receive()
        assert message == f'451-{name},["hi",{{"_placeholder":true,"num":0}}]'
        assert websocket.receive() == b"\1"


def test_a_parent_addresses_rooms(served: Served) -> None:
    parent = served.io.of(TENANT)
    one, in_room = served.connect("/tenant-1")
    two, excluded = served.connect("/tenant-2")
    three, _ = served.connect("/tenant-2")
    in_room.join("room")
    excluded.join("room", "other")

    parent.to("room").except_("other").emit("hi")
    parent.emit("all")

    assert event(one.receive()) == ["hi"]
    assert event(one.receive()) == ["all"]
    assert event(two.receive()) == ["all"]
    assert event(three.receive()) == ["all"]


def test_a_parent_collects_the_answers_of_its_children(served: Served) -> None:
    parent = served.io.of(TENANT)
    clients = [served.connect(f"/tenant-{n}")[0] for n in (1, 2, 2)]
    answers = gevent.spawn(parent.timeout(2).emit_with_ack, "q")

    for number, websocket in enumerate(clients):
        packet = str(websocket.receive())
        websocket.send(packet.replace("42", "43", 1).replace('"q"', str(number)))

    assert sorted(answers.get(timeout=30)) == [0, 1, 2]


def test_a_parent_moves_and_disconnects_sockets(served: Served) -> None:
    parent = served.io.of(TENANT)
    websocket, socket = served.connect("/tenant-1")

    parent.sockets_join("a", "b")
    parent.to("a").sockets_leave("b")
    assert socket.rooms == {socket.id, "a"}

    parent.disconnect_sockets()
    assert websocket.receive() == "41/tenant-1,"


def test_a_parent_cannot_fetch_sockets(io: sockio.Server[Any]) -> None:
    parent = io.of(TENANT)

    for fetch in (parent.fetch_sockets, parent.to("x").fetch_sockets):
        with pytest.raises(NotSupported, match=r"call it on each of \.children"):
            fetch()


# ------------------------------------------------------------------ cleaning up


def test_an_empty_child_goes_when_that_is_wanted(serve: Serve) -> None:
    served = serve(cleanup_empty_child_namespaces=True)
    parent = served.io.of(TENANT)
    one, first = served.connect("/tenant-1")
    _, second = served.connect("/tenant-1")
    child = first.nsp

    second.disconnect()
    assert parent.children == {child}
    gone = Heard()
    first.on("disconnect", gone)
    one.send("41/tenant-1,")
    gone.next()

    assert parent.children == set()
    assert "/tenant-1" not in served.io.namespaces
    assert served.connect("/tenant-1")[1].nsp is not child


def test_a_child_whose_client_was_refused_goes_too(serve: Serve) -> None:
    served = serve(cleanup_empty_child_namespaces=True)
    parent = served.io.of(TENANT)

    @parent.use
    def refuse(socket: Any) -> None:
        raise ConnectError("no")

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/tenant-1,")

    assert websocket.receive() == '44/tenant-1,{"message":"no"}'
    assert parent.children == set()


def test_a_child_with_a_client_that_connects_stays(serve: Serve) -> None:
    served = serve(cleanup_empty_child_namespaces=True)
    gate = Gate()
    parent = served.io.of(TENANT)

    @parent.use
    def slow(socket: Any) -> None:
        if socket.handshake.auth:
            gate.stop()

    websocket, first = served.connect("/tenant-1")
    slow_one, _ = served.raw.open_websocket_session()
    slow_one.send('40/tenant-1,{"slow":1}')
    gate.wait_reached()

    first.disconnect()
    gate.open()

    assert str(slow_one.receive()).startswith("40/tenant-1,{")
    assert parent.children == {served.newest("/tenant-1").nsp}
    assert websocket.receive() == "41/tenant-1,"


@pytest.mark.parametrize("cleanup", [True, False])
def test_other_namespaces_stay(serve: Serve, cleanup: bool) -> None:
    # Static namespaces are never removed.
    served = serve(cleanup_empty_child_namespaces=cleanup)
    static = served.io.of("/static")
    parent = None if cleanup else served.io.of(TENANT)
    _, socket = served.connect("/static" if cleanup else "/tenant-1")
    nsp = socket.nsp

    socket.disconnect()

    assert served.io.of(nsp.name) is nsp
    assert served.io.of("/static") is static
    assert parent is None or parent.children == {nsp}
