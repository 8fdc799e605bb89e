"""AdapterContract: what every adapter must do, however it reaches other servers.

A subclass provides ``cluster``: one or more servers that share a namespace. The sockets
and namespaces are fakes with the interface that adapters see, and no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from sockio.adapters import (
    Adapter,
    AdapterFactory,
    BroadcastOptions,
    Flags,
    FoundSocket,
    LocalNamespace,
    LocalSocket,
    Session,
)
from sockio.errors import EncodeError
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime.clock import Clock
from sockio.runtime.observers import Observers
from sockio.runtime.repeats import Repeats
from sockio.runtime.surroundings import Surroundings
from sockio.runtime.workers import Workers

NAMESPACE = "/chat"
EVENT = ["chat", "hi"]


class FakeHandshake:
    """A handshake that knows its socket."""

    def __init__(self, sid: str) -> None:
        self.sid = sid

    def as_dict(self) -> dict[str, Any]:
        return {"headers": {"x-sid": self.sid}, "auth": {}}


class FakeSocket:
    """A socket of one server, and its way out; remembers what reached it."""

    def __init__(self, server: Server, sid: str) -> None:
        self.server = server
        self.id = sid
        self.handshake = FakeHandshake(sid)
        self.data: Any = {"name": sid}
        #: The event arrays delivered.
        self.received: list[list[Any]] = []
        #: For each of them, whether it was volatile.
        self.volatile: list[bool] = []
        #: None, or how the server asked it to disconnect.
        self.closed: bool | None = None
        #: Called before each delivery, as an outgoing catch-all listener.
        self.on_outgoing: Callable[[Packet], object] = lambda packet: None
        self._acks: dict[int, tuple[Callable[..., object], Callable[[], None]]] = {}

    @property
    def label(self) -> str:
        return self.id

    @property
    def outgoing(self) -> FakeSocket:
        return self

    @property
    def rooms(self) -> frozenset[str]:
        return self.server.adapter.socket_rooms(self.id) or frozenset()

    def deliver(self, wire: Any, packet: Packet, volatile: bool) -> None:
        self.on_outgoing(packet)
        if self.closed is None:
            self.received.append(json.loads(wire))
            self.volatile.append(volatile)

    def expect_ack(
        self,
        ack_id: int,
        answered: Callable[[list[Any]], None],
        lost: Callable[[], None],
    ) -> None:
        self._acks[ack_id] = (answered, lost)

    def cancel_ack(self, ack_id: int) -> bool:
        return self._acks.pop(ack_id, None) is not None

    def disconnect(self, close: bool) -> None:
        self.closed = close
        self.vanish()

    # ---- what the client does

    def answer(self, *args: Any) -> None:
        """Acknowledge all events that asked for it."""
        acks, self._acks = self._acks, {}
        for answered, _ in acks.values():
            answered(list(args))

    def vanish(self) -> None:
        """Disconnect: leave the namespace and all rooms; the acks fail."""
        self.server.connected.pop(self.id, None)
        self.server.adapter.del_all(self.id)
        acks, self._acks = self._acks, {}
        for _, lost in acks.values():
            lost()


class Server:
    """A server's half of the namespace, and its adapter."""

    #: There is no recovery here.
    recovery_duration = None
    recovery_mirrored = False
    clock = Clock()

    def __init__(self, factory: AdapterFactory) -> None:
        self.connected: dict[str, FakeSocket] = {}
        #: How often a packet was encoded.
        self.encoded = 0
        #: The sockets for which room events were fired.
        self.announced: list[str] = []
        #: What other servers have emitted.
        self.served: list[tuple[Any, ...]] = []
        #: The answer to such an event; None: there is none.
        self.answer: Any = None
        self.observers = Observers(Surroundings())
        self.repeats = Repeats(self.clock, Workers())
        self._ids = 1000
        self.adapter: Adapter = factory(self)

    @property
    def name(self) -> str:
        return NAMESPACE

    @property
    def sockets(self) -> dict[str, FakeSocket]:
        return self.connected

    def encode(self, packet: Packet, flags: Flags) -> Any:
        self.encoded += 1
        try:
            return json.dumps(packet.data)
        except TypeError as exc:
            raise EncodeError(str(exc)) from exc

    @property
    def carriage(self) -> Any:
        """Not used: there is no recovery here."""
        raise AssertionError

    def let_go(self, pid: str) -> None:
        """Do nothing: there is no recovery here."""

    def next_ack_id(self) -> int:
        self._ids += 1
        return self._ids

    def announce(self, sid: str, fire: Callable[[], None]) -> None:
        self.announced.append(sid)
        fire()

    def serve(
        self,
        event: str,
        args: Sequence[Any],
        reply: Callable[[Any], None] | None,
        trail: Mapping[str, str] | None = None,
    ) -> None:
        self.served.append((event, *args))
        if reply is not None and self.answer is not None:
            reply(self.answer)


class Question:
    """A broadcast with acks, and what became of it."""

    def __init__(self) -> None:
        #: How many servers the adapter said would report.
        self.expected: list[int] = []
        self.counts: list[int] = []
        self.answers: list[list[Any]] = []
        self.gone = 0
        self.stop: Callable[[], None] = lambda: None

    @property
    def asked(self) -> int:
        return sum(self.counts)

    # what an adapter reports

    def expect(self, servers: int) -> None:
        self.expected.append(servers)

    def count(self, clients: int) -> None:
        self.counts.append(clients)

    def answered(self, args: list[Any]) -> None:
        self.answers.append(args)

    def lost(self) -> None:
        self.gone += 1


class Cluster:
    """Servers that share a namespace; ``settle`` waits until no message travels."""

    def __init__(
        self,
        factories: Iterable[AdapterFactory],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self.servers = [Server(factory) for factory in factories]
        self.settle = settle
        self._sockets = 0
        self._ids = 0
        for server in self.servers:
            server.adapter.init()
        settle()

    @property
    def adapter(self) -> Adapter:
        """The adapter through which tests speak to the cluster."""
        return self.servers[0].adapter

    def socket(self, *rooms: str, server: int | None = None) -> FakeSocket:
        """Connect a socket; without ``server``, to each of the servers in turn."""
        number, self._sockets = self._sockets, self._sockets + 1
        where = self.servers[(server if server is not None else number) % self.count]
        socket = FakeSocket(where, f"sid-{number}")
        where.connected[socket.id] = socket
        where.adapter.add_all(socket.id, [socket.id, *rooms])
        self.settle()
        return socket

    @property
    def count(self) -> int:
        return len(self.servers)

    def broadcast(self, *data: Any, **options: Any) -> None:
        packet = Packet(PacketType.EVENT, NAMESPACE, list(data) or EVENT)
        self.adapter.broadcast(packet, addressed(**options))
        self.settle()

    def ask(self, **options: Any) -> Question:
        question = Question()
        self._ids += 1
        question.stop = self.adapter.broadcast_with_ack(
            Packet(PacketType.EVENT, NAMESPACE, EVENT, self._ids),
            addressed(flags=Flags(timeout=5.0), **options),
            question,
        )
        self.settle()
        return question

    def close(self) -> None:
        for server in self.servers:
            server.adapter.close()


def addressed(
    rooms: Iterable[str] = (),
    except_: Iterable[str] = (),
    flags: Flags | None = None,
) -> BroadcastOptions:
    """Return options; ``rooms`` in the order given."""
    return BroadcastOptions(
        rooms=tuple(rooms), except_=frozenset(except_), flags=flags or Flags()
    )


def fakes_fit(server: Server, socket: FakeSocket) -> None:
    """For the type checker: the fakes are what adapters expect."""
    namespace: LocalNamespace = server
    local: LocalSocket = socket
    assert (namespace, local) == (server, socket)


class AdapterContract:
    """Any adapter must pass this."""

    # ---- whom a broadcast reaches

    def test_a_broadcast_reaches_everybody(self, cluster: Cluster) -> None:
        sockets = [cluster.socket(), cluster.socket("r1"), cluster.socket("r1", "r2")]

        cluster.broadcast()

        assert [socket.received for socket in sockets] == [[EVENT]] * 3

    def test_a_room_reaches_its_members(self, cluster: Cluster) -> None:
        a, b = cluster.socket("r1"), cluster.socket("r2")

        cluster.broadcast(rooms=["r1"])

        assert a.received == [EVENT]
        assert b.received == []

    def test_a_union_of_rooms_reaches_each_socket_once(self, cluster: Cluster) -> None:
        a, b, c = cluster.socket("r1", "r2"), cluster.socket("r2"), cluster.socket()

        cluster.broadcast(rooms=["r1", "r2", "r1"])

        assert (a.received, b.received, c.received) == ([EVENT], [EVENT], [])

    def test_except_wins_over_room(self, cluster: Cluster) -> None:
        a, b = cluster.socket("r1"), cluster.socket("r1", "r2")

        cluster.broadcast(rooms=["r1"], except_=["r2"])

        assert (a.received, b.received) == ([EVENT], [])

    def test_except_without_rooms_leaves_out_of_everybody(
        self, cluster: Cluster
    ) -> None:
        a, b, c = cluster.socket("r1"), cluster.socket("r2"), cluster.socket()

        cluster.broadcast(except_=["r1", "r2"])

        assert (a.received, b.received, c.received) == ([], [], [EVENT])

    def test_a_socket_is_addressed_by_its_id(self, cluster: Cluster) -> None:
        a, b = cluster.socket(), cluster.socket()

        cluster.broadcast("to b", rooms=[b.id])
        cluster.broadcast("not b", except_=[b.id])

        assert (a.received, b.received) == ([["not b"]], [["to b"]])

    def test_an_unknown_room_reaches_nobody(self, cluster: Cluster) -> None:
        a = cluster.socket("r1")

        cluster.broadcast(rooms=["r2"])

        assert a.received == []

    def test_local_stays_on_this_server(self, cluster: Cluster) -> None:
        sockets = [cluster.socket() for _ in range(4)]

        cluster.broadcast(flags=Flags(local=True))

        reached = [socket for socket in sockets if socket.received]
        here = [s for s in sockets if s.server is cluster.servers[0]]
        assert reached == here

    def test_a_socket_in_a_middleware_is_not_reached(self, cluster: Cluster) -> None:
        a = cluster.socket("r1")
        del a.server.connected[a.id]

        cluster.broadcast()
        cluster.broadcast(rooms=["r1"])

        assert a.received == []

    # ---- how it is sent

    def test_broadcasts_arrive_in_order(self, cluster: Cluster) -> None:
        a, b = cluster.socket("r1"), cluster.socket("r1", "r2")

        for number in range(20):
            cluster.broadcast(number, rooms=["r1", "r2"] if number % 2 else [])

        assert a.received == b.received == [[number] for number in range(20)]

    def test_rooms_are_served_in_the_order_given(self, cluster: Cluster) -> None:
        order: list[str] = []
        a, b, c, d = (
            cluster.socket(*rooms, server=0)
            for rooms in (["r1"], ["r2"], ["r1"], ["r2", "r1"])
        )
        for name, socket in {"a": a, "b": b, "c": c, "d": d}.items():
            socket.on_outgoing = partial(_note, order, name)

        cluster.broadcast(rooms=["r2", "r1"])

        assert order == ["b", "d", "a", "c"]

    def test_a_packet_is_encoded_once_for_each_server(self, cluster: Cluster) -> None:
        for _ in range(6):
            cluster.socket()

        cluster.broadcast()

        assert [server.encoded for server in cluster.servers] == [1] * cluster.count

    @pytest.mark.parametrize("volatile", [False, True])
    def test_volatile_is_handed_on(self, cluster: Cluster, volatile: bool) -> None:
        sockets = [cluster.socket(), cluster.socket()]

        cluster.broadcast(flags=Flags(volatile=volatile))

        assert [socket.volatile for socket in sockets] == [[volatile]] * 2

    def test_what_cannot_travel_is_an_error_of_the_caller(
        self, cluster: Cluster
    ) -> None:
        a = cluster.socket()

        with pytest.raises(EncodeError):
            cluster.broadcast("bad", object())

        assert a.received == []

    def test_a_socket_that_fails_does_not_stop_the_others(
        self, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        a, b, c = (cluster.socket(server=0) for _ in range(3))
        b.on_outgoing = lambda packet: 1 / 0

        cluster.broadcast()

        assert (a.received, b.received, c.received) == ([EVENT], [], [EVENT])
        assert "ZeroDivisionError" in caplog.text

    def test_a_socket_that_vanishes_meanwhile_does_not_stop_the_others(
        self, cluster: Cluster
    ) -> None:
        a, b, c = (cluster.socket("r1", server=0) for _ in range(3))
        a.on_outgoing = lambda packet: b.vanish()
        c.on_outgoing = lambda packet: cluster.socket("r1", server=0)

        cluster.broadcast(rooms=["r1"])

        assert (a.received, b.received, c.received) == ([EVENT], [], [EVENT])

    # ---- answers

    def test_answers_are_counted_and_forwarded(self, cluster: Cluster) -> None:
        a, b = cluster.socket("r1"), cluster.socket("r1")
        cluster.socket()

        question = cluster.ask(rooms=["r1"])
        b.answer("from b")
        cluster.settle()
        a.answer("from a")
        cluster.settle()

        assert question.expected == [cluster.count]
        assert len(question.counts) == cluster.count
        assert question.asked == 2
        assert [answer[0] for answer in question.answers] == ["from b", "from a"]
        assert question.gone == 0

    def test_nobody_is_asked_where_nobody_is(self, cluster: Cluster) -> None:
        question = cluster.ask(rooms=["r1"])

        assert question.asked == 0
        assert question.answers == []

    def test_a_client_that_leaves_is_lost_once(self, cluster: Cluster) -> None:
        a, b = cluster.socket(), cluster.socket()

        question = cluster.ask()
        a.answer("yes")
        a.vanish()
        b.vanish()
        cluster.settle()

        assert question.asked == 2
        assert question.gone == 1
        assert len(question.answers) == 1

    def test_a_client_that_cannot_be_asked_is_lost(self, cluster: Cluster) -> None:
        a, b, c = (cluster.socket(server=0) for _ in range(3))
        b.on_outgoing = lambda packet: 1 / 0

        def leave_and_fail(packet: Packet) -> None:
            c.vanish()
            raise ValueError

        c.on_outgoing = leave_and_fail

        question = cluster.ask()
        a.answer()

        assert question.asked == 3
        assert question.gone == 2
        assert question.answers == [[]]

    def test_two_questions_do_not_mix(self, cluster: Cluster) -> None:
        a, b = cluster.socket(), cluster.socket()

        first = cluster.ask(rooms=[a.id])
        second = cluster.ask(rooms=[b.id])
        b.answer("b")
        a.answer("a")
        cluster.settle()

        assert [answer[0] for answer in first.answers] == ["a"]
        assert [answer[0] for answer in second.answers] == ["b"]

    def test_after_stop_nothing_is_heard(self, cluster: Cluster) -> None:
        a, b = cluster.socket(), cluster.socket()
        question = cluster.ask()

        question.stop()
        a.answer("late")
        b.vanish()
        cluster.settle()

        assert question.answers == []
        assert question.gone == 0

    # ---- rooms

    def test_a_socket_that_leaves_a_room(self, cluster: Cluster) -> None:
        a = cluster.socket("r1", "r2")

        a.server.adapter.del_(a.id, "r1")
        cluster.settle()
        cluster.broadcast("to r1", rooms=["r1"])
        cluster.broadcast("to r2", rooms=["r2"])

        assert a.received == [["to r2"]]
        assert a.rooms == {a.id, "r2"}

    def test_a_forgotten_socket_is_in_no_room(self, cluster: Cluster) -> None:
        a = cluster.socket("r1")

        a.server.adapter.del_all(a.id)
        a.server.adapter.del_all(a.id)

        assert a.server.adapter.socket_rooms(a.id) is None
        assert dict(a.server.adapter.rooms) == {}
        assert dict(a.server.adapter.sids) == {}

    def test_rooms_and_sids_can_be_read(self, cluster: Cluster) -> None:
        a = cluster.socket("r1", server=0)
        b = cluster.socket("r1", server=0)

        assert cluster.adapter.rooms["r1"] == {a.id, b.id}
        assert cluster.adapter.sids[a.id] == {a.id, "r1"}
        assert cluster.adapter.socket_rooms("unknown") is None

    def test_sockets_of_rooms(self, cluster: Cluster) -> None:
        a, b, c = cluster.socket("r1"), cluster.socket("r2"), cluster.socket()

        assert cluster.adapter.sockets([]) == {a.id, b.id, c.id}
        assert cluster.adapter.sockets(["r1", "r2"]) == {a.id, b.id}
        assert cluster.adapter.sockets(["r3"]) == set()

    def test_room_events(self, cluster: Cluster) -> None:
        heard: list[tuple[str, ...]] = []
        adapter = cluster.adapter
        for name in ("create-room", "join-room", "leave-room", "delete-room"):
            adapter.on(name, partial(_hear, heard, name))

        a, b = cluster.socket("r1", server=0), cluster.socket("r1", server=0)
        adapter.add_all(a.id, ["r1"])
        adapter.del_(a.id, "r1")
        adapter.del_(a.id, "r1")
        b.vanish()

        assert heard == [
            ("create-room", a.id),
            ("join-room", a.id, a.id),
            ("create-room", "r1"),
            ("join-room", "r1", a.id),
            ("create-room", b.id),
            ("join-room", b.id, b.id),
            ("join-room", "r1", b.id),
            ("leave-room", "r1", a.id),
            ("leave-room", b.id, b.id),
            ("delete-room", b.id),
            ("leave-room", "r1", b.id),
            ("delete-room", "r1"),
        ]
        assert cluster.servers[0].announced == [a.id, b.id, a.id, b.id]

    # ---- the sockets themselves

    def test_fetch_sockets_tells_about_them(self, cluster: Cluster) -> None:
        a, b = cluster.socket("r1"), cluster.socket("r1")
        cluster.socket("r2")

        found = cluster.adapter.fetch_sockets(addressed(rooms=["r1"]))

        shown = sorted((shown_as(socket) for socket in found), key=lambda s: s["id"])
        assert shown == [
            {
                "id": socket.id,
                "rooms": {socket.id, "r1"},
                "data": {"name": socket.id},
                "handshake": {"headers": {"x-sid": socket.id}, "auth": {}},
            }
            for socket in (a, b)
        ]

    def test_fetch_sockets_local(self, cluster: Cluster) -> None:
        sockets = [cluster.socket() for _ in range(4)]

        found = cluster.adapter.fetch_sockets(addressed(flags=Flags(local=True)))

        here = [s.id for s in sockets if s.server is cluster.servers[0]]
        assert [socket.id for socket in found] == here

    def test_sockets_join_and_leave(self, cluster: Cluster) -> None:
        a, b, c = cluster.socket("r1"), cluster.socket("r1"), cluster.socket()

        cluster.adapter.add_sockets(addressed(["r1"]), ["r2", "r3"])
        cluster.settle()
        cluster.adapter.del_sockets(addressed(["r3"], [a.id]), ["r3", "r1"])
        cluster.settle()

        assert a.rooms == {a.id, "r1", "r2", "r3"}
        assert b.rooms == {b.id, "r2"}
        assert c.rooms == {c.id}

    @pytest.mark.parametrize("close", [False, True])
    def test_disconnect_sockets(self, cluster: Cluster, close: bool) -> None:
        a, b, c = cluster.socket("r1"), cluster.socket("r1"), cluster.socket()

        cluster.broadcast("bye")
        cluster.adapter.disconnect_sockets(addressed(["r1"]), close)
        cluster.settle()

        assert (a.closed, b.closed, c.closed) == (close, close, None)
        assert a.received == b.received == [["bye"]]

    # ---- servers, sessions

    def test_servers_are_counted(self, cluster: Cluster) -> None:
        assert cluster.adapter.server_count() == cluster.count

    def test_other_servers_get_what_one_emits(self, cluster: Cluster) -> None:
        for number in range(3):
            cluster.adapter.server_side_emit(["hello", number, b"bytes"])
        cluster.settle()

        here, *others = cluster.servers
        assert here.served == []
        for server in others:
            assert server.served == [("hello", n, b"bytes") for n in range(3)]

    def test_their_answers_are_collected(self, cluster: Cluster) -> None:
        answers: list[Any] = []
        for number, server in enumerate(cluster.servers):
            server.answer = number

        cluster.adapter.server_side_emit(["hello"], lambda *args: answers.append(args))
        cluster.settle()

        ((error, values),) = answers
        assert error is None
        assert sorted(values) == list(range(1, cluster.count))

    def test_an_unknown_session_is_not_restored(self, cluster: Cluster) -> None:
        session = Session(sid="s", pid="p", rooms=("r1",), data={})

        cluster.adapter.persist_session(session)

        assert cluster.adapter.restore_session("other", "0") is None


def _hear(heard: list[tuple[str, ...]], name: str, *args: str) -> None:
    heard.append((name, *args))


def _note(order: list[str], name: str, packet: Packet) -> None:
    order.append(name)


def shown_as(socket: FoundSocket) -> dict[str, Any]:
    """Return what a found socket says about itself."""
    return {
        "id": socket.id,
        "rooms": set(socket.rooms),
        "data": socket.data,
        "handshake": socket.handshake.as_dict(),
    }
