"""Mixed: servers of ours and of Node's in one cluster, and what they must do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import gevent
import pytest

import sockio
from tests.support.json_process import Ack
from tests.support.loopback import Loopback
from tests.support.node import Driver, JsClient, NodeServer
from tests.support.served import Heard
from tests.support.waiting import wait_until


class Peer(Protocol):
    """A server, in the words of these tests."""

    url: str

    def emit(self, event: str, *args: Any, **to: Any) -> None: ...
    def ask(self, event: str) -> list[Any]: ...
    def join(self, room: str, of: str) -> None: ...
    def leave(self, room: str, of: str) -> None: ...
    def disconnect(self, room: str) -> None: ...
    def fetch(self, room: str) -> list[tuple[str, set[str], Any]]: ...
    def say(self, event: str, *args: Any) -> None: ...
    def ask_servers(self, event: str, *args: Any) -> list[Any]: ...
    def count(self) -> int: ...


class Ours:
    """One of ours."""

    def __init__(self, url: str, **options: Any) -> None:
        self.io: sockio.Server[Any] = sockio.Server(adapter=url, **options)
        self.heard = Heard()

        @self.io.on("connection")
        def connection(socket: sockio.Socket[Any]) -> None:
            socket.join(socket.handshake.auth.get("rooms", []))
            socket.data["of"] = "ours"

        self.io.on("heard", self.heard)
        self.io.on("sum", lambda *numbers: sum(numbers))
        self.loopback = Loopback(self.io)
        self.io.start()
        self.url = self.loopback.url

    def emit(self, event: str, *args: Any, **to: Any) -> None:
        target: Any = self.io
        for room in to.get("rooms", ()):
            target = target.to(room)
        for room in to.get("but", ()):
            target = target.except_(room)
        target.emit(event, *args)

    def ask(self, event: str) -> list[Any]:
        return self.io.timeout(30).emit_with_ack(event)

    def join(self, room: str, of: str) -> None:
        self.io.in_(of).sockets_join(room)

    def leave(self, room: str, of: str) -> None:
        self.io.in_(of).sockets_leave(room)

    def disconnect(self, room: str) -> None:
        self.io.in_(room).disconnect_sockets()

    def fetch(self, room: str) -> list[tuple[str, set[str], Any]]:
        found = self.io.in_(room).fetch_sockets()
        return [(s.id, set(s.rooms), s.handshake.auth["name"]) for s in found]

    def say(self, event: str, *args: Any) -> None:
        self.io.server_side_emit(event, *args)

    def ask_servers(self, event: str, *args: Any) -> list[Any]:
        return self.io.server_side_emit_with_ack(event, *args)

    def count(self) -> int:
        return self.io.sockets.adapter.server_count()


class Theirs:
    """One of Node's."""

    def __init__(self, server: NodeServer) -> None:
        self._run = server.run
        self.url = server.url
        self._run(
            "it.heard = []; it.on('heard', (...args) => it.heard.push(args));"
            "it.on('sum', (...args) => args.pop()(args.reduce((a, b) => a + b)))"
        )

    @property
    def heard(self) -> list[list[Any]]:
        found: list[list[Any]] = self._run("return it.heard")
        return found

    def emit(self, event: str, *args: Any, **to: Any) -> None:
        code = "let to = it; for (const room of args[0]) to = to.to(room);"
        code += "for (const room of args[1]) to = to.except(room);"
        rooms, but = list(to.get("rooms", ())), list(to.get("but", ()))
        self._run(f"{code} to.emit(...args.slice(2))", rooms, but, event, *args)

    def ask(self, event: str) -> list[Any]:
        return list(self._run("return it.timeout(30000).emitWithAck(args[0])", event))

    def join(self, room: str, of: str) -> None:
        self._run("it.in(args[0]).socketsJoin(args[1])", of, room)

    def leave(self, room: str, of: str) -> None:
        self._run("it.in(args[0]).socketsLeave(args[1])", of, room)

    def disconnect(self, room: str) -> None:
        self._run("it.in(args[0]).disconnectSockets()", room)

    def fetch(self, room: str) -> list[tuple[str, set[str], Any]]:
        code = "const all = await it.in(args[0]).fetchSockets();"
        code += "return all.map((s) => [s.id, [...s.rooms], s.handshake.auth.name])"
        return [(id, set(rooms), name) for id, rooms, name in self._run(code, room)]

    def say(self, event: str, *args: Any) -> None:
        self._run("it.serverSideEmit(...args)", event, *args)

    def ask_servers(self, event: str, *args: Any) -> list[Any]:
        return list(self._run("return it.serverSideEmitWithAck(...args)", event, *args))

    def count(self) -> int:
        return int(self._run("return it.of('/').adapter.serverCount()"))


def wait_until_heard(client: JsClient, emit: Callable[[], None]) -> None:
    """Emit "warm" until a client hears it, so slowly that it keeps nobody busy."""

    def heard() -> bool:
        emit()
        return bool(client.take("warm"))

    wait_until(heard, pause=0.02)


class Mixed:
    """Two servers of each kind, and a client of each server."""

    def __init__(
        self,
        node: Driver,
        ours: Sequence[Ours],
        theirs: Sequence[NodeServer],
        *,
        node_keeps_order: bool = True,
    ) -> None:
        """Start the clients.

        Args:
            node: Where they run.
            ours: Two servers of ours.
            theirs: Two of Node's.
            node_keeps_order: Whether servers of Node send and take messages in order.
        """
        self.node = node
        self.ours = list(ours)
        self.theirs = [Theirs(server) for server in theirs]
        self._node_keeps_order = node_keeps_order
        self.peers: list[Peer] = [*self.ours, *self.theirs]
        wait_until(lambda: [peer.count() for peer in self.peers] == [4] * 4)
        self.clients: list[JsClient] = []
        for number, peer in enumerate(self.peers):
            auth = {"rooms": ["all", f"r{number}"], "name": f"client {number}"}
            self.clients.append(node.connect(peer.url, auth=auth))
        self.ids = []
        for client in self.clients:
            client.next("connect")
            self.ids.append(client.state()["id"])
        self._warm_up()

    def _warm_up(self) -> None:
        """Wait until all servers hear what is said to the rooms of their clients."""
        for number, client in enumerate(self.clients):
            for room in ("all", f"r{number}"):
                emit = partial(self.peers[number - 1].emit, "warm", rooms=[room])
                wait_until_heard(client, emit)

    def is_ordered(self, sender: int, receiver: int) -> bool:
        """Whether what the one says arrives at the other's client in order."""
        return self._node_keeps_order or (sender < 2 and receiver < 2)

    def received(self, numbers: Sequence[int]) -> list[list[list[Any]]]:
        """Return what each client got, when all have got the last word of each peer.

        Args:
            numbers: How many events each of them gets; more are returned, too.
        """
        for number, peer in enumerate(self.peers):
            peer.emit("end", number)
        for client in self.clients:
            for _ in self.peers:
                client.next("end")
        return [
            [client.next("n").args for _ in range(number)]
            + [event.args for event in client.take("n")]
            for client, number in zip(self.clients, numbers, strict=True)
        ]

    def close(self) -> None:
        for ours in self.ours:
            ours.loopback.close()
            ours.io.close()


class MixedChecks:
    """What any bus must pass whose broker servers of Node share.

    A module that has a subclass has a fixture ``mixed``.
    """

    def test_broadcasts_reach_whom_they_are_for(self, mixed: Mixed) -> None:
        for number, peer in enumerate(mixed.peers):
            peer.emit("n", number, {"all": [None, 1.5, "é"]}, b"\x00\xff")
            peer.emit("n", number, "r0 r2", rooms=["r0", "r2", "all"], but=["r1", "r3"])
            peer.emit("n", number, "r1", rooms=["r1"])
            peer.emit("n", number, "r3", rooms=[mixed.ids[3]])
            peer.emit("n", number, "nobody", rooms=["nobody"])

        for number, events in enumerate(mixed.received([8] * 4)):
            for sender in range(4):
                own = ["r0 r2", "r1", "r0 r2", "r3"][number]
                found = [event for event in events if event[0] == sender]
                if not mixed.is_ordered(sender, number):
                    found.sort(key=len, reverse=True)
                assert found == [
                    [sender, {"all": [None, 1.5, "é"]}, b"\x00\xff"],
                    [sender, own],
                ]

    def test_sockets_join_leave_and_are_found(self, mixed: Mixed) -> None:
        for number, peer in enumerate(mixed.peers):
            room = f"made by {number}"
            peer.join(room, "all")
            for other in mixed.peers:
                wait_until(lambda other=other, room=room: len(other.fetch(room)) == 4)  # type: ignore[misc]
            peer.leave(room, "r1")
            wait_until(lambda room=room: len(mixed.peers[1].fetch(room)) == 3)  # type: ignore[misc]

        for peer in mixed.peers:
            found = {id: (rooms, name) for id, rooms, name in peer.fetch("all")}
            for number, id in enumerate(mixed.ids):
                made = set() if number == 1 else {f"made by {n}" for n in range(4)}
                assert found[id] == (
                    {id, "all", f"r{number}", *made},
                    f"client {number}",
                )

    def test_everybody_asks_all_clients(self, mixed: Mixed) -> None:
        for peer in mixed.peers:
            asking = gevent.spawn(peer.ask, "q")
            for number, client in enumerate(mixed.clients):
                question = client.next("q")
                assert isinstance(question.args[-1], Ack)
                client.ack(question.args[-1], [number, bytes([number])])

            answers = sorted(asking.get(timeout=60))
            assert answers == [[number, bytes([number])] for number in range(4)]

    def test_servers_hear_and_answer_each_other(self, mixed: Mixed) -> None:
        for number, peer in enumerate(mixed.peers):
            peer.say("heard", number, {"a": [1]})
            assert peer.ask_servers("sum", number, 10) == [number + 10] * 3

        for number, ours in enumerate(mixed.ours):
            others = [n for n in range(4) if n != number]
            heard = [ours.heard.next() for _ in others]
            assert heard == [(n, {"a": [1]}) for n in others]
        for number, theirs in enumerate(mixed.theirs, 2):
            wait_until(lambda theirs=theirs: len(theirs.heard) == 3)  # type: ignore[misc]
            others = [n for n in range(4) if n != number]
            assert theirs.heard == [[n, {"a": [1]}] for n in others]

    def test_bytes_between_servers(self, mixed: Mixed) -> None:
        ours, theirs = mixed.ours[0], mixed.theirs[0]

        ours.say("heard", b"\x00\xff")

        assert mixed.ours[1].heard.next() == (b"\x00\xff",)
        wait_until(lambda: theirs.heard)
        assert theirs.heard == [[b"\x00\xff"]]

    @pytest.mark.parametrize("number", range(4))
    def test_clients_are_disconnected(self, mixed: Mixed, number: int) -> None:
        mixed.peers[number].disconnect("all")

        for client in mixed.clients:
            assert client.next("disconnect").args == ["io server disconnect"]
