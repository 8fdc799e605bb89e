"""EmitterContract: what an emitter must do, whichever broker is in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import gevent
import pytest

import sockio
from sockio.errors import ClusterTimeout, EncodeError, ReservedEventError
from tests import PATCHED
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Heard, Served
from tests.support.waiting import wait_until


class Heads:
    """Two servers of ours on one broker, a client of each, and an emitter."""

    def __init__(self, url: str, emitter: sockio.Emitter) -> None:
        self.emitter = emitter
        self.servers = [Served(sockio.Server(adapter=url)) for _ in range(2)]
        self.clients: list[RawWebSocket] = []
        self.sockets: list[sockio.Socket[Any]] = []
        for name in ("/", "/chat"):
            for served in self.servers:
                served.io.of(name)
        for number, served in enumerate(self.servers):
            served.io.start()
            client, socket = served.connect()
            socket.join(f"room {number}")
            self.clients.append(client)
            self.sockets.append(socket)
        for name in ("/", "/chat"):
            for served in self.servers:
                adapter = served.io.of(name).adapter
                wait_until(lambda adapter=adapter: adapter.server_count() == 2)  # type: ignore[misc]
        self.joined()

    def joined(self) -> None:
        """Wait until the broker sends what is for the rooms that there are now."""
        for served in self.servers:
            cluster: Any = served.io.adapter()
            wait_until(lambda cluster=cluster: cluster.bus.up)  # type: ignore[misc]

    def received(self) -> list[list[Any]]:
        """Return the events that each client got before the emitter's last word."""
        self.emitter.emit("last word")
        return [
            list(iter(client.receive_event, ["last word"])) for client in self.clients
        ]

    def close(self) -> None:
        self.emitter.close()
        for served in self.servers:
            served.close()


def in_thread(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``fn`` while the servers here go on; it blocks its thread if unpatched."""
    if PATCHED:
        return gevent.spawn(fn, *args, **kwargs).get()
    return gevent.get_hub().threadpool.apply(fn, args, kwargs)


class EmitterContract:
    """A subclass provides ``url``."""

    @pytest.fixture
    def heads(self, url: str) -> Iterator[Heads]:
        heads = Heads(url, sockio.Emitter(url, timeout=60))
        yield heads
        heads.close()

    def test_events_reach_whom_they_are_for(self, heads: Heads) -> None:
        emitter, there = heads.emitter, heads.sockets[1]

        emitter.emit("n", 1, {"deep": ["é", None, 1.5]})
        emitter.to("room 0").emit("n", 2)
        emitter.to("room 0").in_(["room 1", 7]).exclude(there.id).emit("n", 3)
        emitter.except_("room 0").emit("n", 4)
        emitter.to(there.id).compress(False).emit("n", 5)
        emitter.to([]).emit("n", 6)
        emitter.to("room 0").send("n", 7)

        first = ["n", 1, {"deep": ["é", None, 1.5]}]
        assert heads.received() == [
            [first, ["n", 2], ["n", 3], ["message", "n", 7]],
            [first, ["n", 4], ["n", 5]],
        ]

    def test_a_volatile_event_reaches_who_can_take_it(self, heads: Heads) -> None:
        heads.emitter.volatile.to("room 1").emit("n", 1)

        assert heads.clients[1].receive_event() == ["n", 1]

    def test_bytes_travel_anywhere(self, heads: Heads) -> None:
        heads.emitter.emit("n", b"\x00\xff", {"deep": [bytearray(b"1"), None]})

        for client in heads.clients:
            event = '["n",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,'
            assert str(client.receive_message()) == f'452-{event}"num":1}},null]}}]'
            assert client.receive_message() == b"\x00\xff"
            assert client.receive_message() == b"1"

    def test_events_of_a_namespace(self, heads: Heads) -> None:
        chat = heads.emitter.of("chat")
        socket = heads.servers[1].also(heads.clients[1], "/chat")
        socket.join("room 1")
        heads.joined()

        assert chat.name == "/chat"
        chat.to("room 1").emit("n", 1)

        assert heads.clients[1].receive_message() == '42/chat,["n",1]'
        assert heads.received() == [[], []]

    def test_sockets_join_leave_and_are_disconnected(self, heads: Heads) -> None:
        emitter, (here, there) = heads.emitter, heads.sockets

        emitter.in_(["room 0", "room 1"]).sockets_join("new", 7)
        emitter.in_("room 1").sockets_leave(["7"])
        emitter.to([]).sockets_join("nobody")
        emitter.sockets_join()
        emitter.to([]).disconnect_sockets()
        assert heads.received() == [[], []]
        wait_until(lambda: "new" in here.rooms and "new" in there.rooms)
        wait_until(lambda: "7" in here.rooms and "7" not in there.rooms)
        assert "nobody" not in {*here.rooms, *there.rooms}

        emitter.in_("room 0").disconnect_sockets()
        emitter.in_("room 1").disconnect_sockets(close=True)

        assert heads.clients[0].receive_message() == "41"
        heads.clients[1].wait_closed()

    def test_servers_hear_an_event_and_answer(self, heads: Heads) -> None:
        heard = [Heard(answer={"n": n}) for n in range(2)]
        chat = [Heard(answer=b"\x00\xff"), Heard(answer=None)]
        for served, root, in_chat in zip(heads.servers, heard, chat, strict=True):
            served.io.on("heard", root)
            served.io.of("/chat").on("heard", in_chat)

        heads.emitter.server_side_emit("heard", 1, b"\x00\xff")
        ask = heads.emitter.server_side_emit_with_ack
        answers = in_thread(ask, "heard", 2, timeout=60)
        ask = heads.emitter.of("/chat").server_side_emit_with_ack
        bytes_answered = in_thread(ask, "heard", timeout=60)

        for listener in heard:
            assert listener.next() == (1, b"\x00\xff")
            assert listener.next() == (2,)
        assert sorted(answers, key=lambda answer: int(answer["n"])) == [
            {"n": 0},
            {"n": 1},
        ]
        assert b"\x00\xff" in bytes_answered
        assert None in bytes_answered
        assert len(bytes_answered) == 2

    def test_servers_that_do_not_answer(self, heads: Heads) -> None:
        heads.servers[0].io.on("heard", Heard(answer=1))

        ask = heads.emitter.server_side_emit_with_ack
        with pytest.raises(ClusterTimeout, match="1 of 2 servers answered") as it:
            in_thread(ask, "heard", timeout=2)

        assert it.value.responses == [1]

    def test_threads_share_an_emitter(self, heads: Heads) -> None:
        def emit(number: int) -> None:
            for count in range(20):
                heads.emitter.emit("n", number, count)

        threads = [Thread(target=emit, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: not any(thread.is_alive() for thread in threads))

        for events in heads.received():
            for number in range(4):
                mine = [event[2] for event in events if event[1] == number]
                assert mine == list(range(20))

    def test_what_cannot_travel_is_an_error_of_the_caller(self, heads: Heads) -> None:
        with pytest.raises(EncodeError, match=r"event 'n', args\[0\].*object"):
            heads.emitter.emit("n", object())
        with pytest.raises(EncodeError, match="object"):
            heads.emitter.to([]).emit("n", object())
        with pytest.raises(EncodeError, match=r"event 'n', args\[0\].*object"):
            heads.emitter.server_side_emit("n", object())
        with pytest.raises(EncodeError, match=r"event 'n', args\[0\].*object"):
            heads.emitter.server_side_emit_with_ack("n", object())
        with pytest.raises(ReservedEventError):
            heads.emitter.emit("disconnect")
        with pytest.raises(ReservedEventError):
            heads.emitter.server_side_emit("connection")

        assert heads.received() == [[], []]

    def test_after_a_close_it_connects_again(self, heads: Heads) -> None:
        with heads.emitter as emitter:
            emitter.emit("n", 1)
        emitter.emit("n", 2)

        assert heads.received() == [[["n", 1], ["n", 2]]] * 2
