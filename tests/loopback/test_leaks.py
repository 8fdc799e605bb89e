"""Whatever way clients come and go, the server keeps nothing of them."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest

import sockio
from sockio.protocol.websocket.frames import frame
from sockio.testing import FakeClock
from tests.support.leaks import Snapshot, nothing_to_collect, ours
from tests.support.loopback import Loopback
from tests.support.raw_client import RawClient
from tests.support.raw_websocket import Refused

#: So many events that reading pauses while their handler waits.
TOO_MUCH = ['42["overfilled"]', *['42["a"]'] * 100]
CLOSE_FRAME = frame(b"", 8, mask=b"abcd")

LONG = os.environ.get("SOCKIO_LONG") == "1"
#: Cycles over all ways to come and go.
CYCLES = 20_000 if LONG else 400
#: How much the memory may grow over the second half.
GROWTH = 1.02


def make_server(clock: FakeClock) -> sockio.Server:
    def allow(request: sockio.Request) -> None:
        if request.query.get("refuse"):
            raise sockio.Forbidden("no")

    policy = sockio.InboxPolicy(high_events=10, low_events=5)
    io = sockio.Server(clock=clock, allow_request=allow, allow_eio3=True, inbox=policy)

    @io.use
    def guard(socket: sockio.Socket) -> None:
        if socket.handshake.auth.get("refuse"):
            raise sockio.ConnectError("no")

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        socket.join("everybody")
        socket.on("echo", lambda value: value)
        socket.on("bye", lambda: socket.disconnect(True))

        @socket.on("everything")
        def everything() -> None:
            socket.use(lambda event, args: socket.connected)
            socket.on_any(lambda *args: socket.id)
            socket.on_any_outgoing(lambda *args: socket.id)
            socket.emit("answered", ack=lambda *args: socket.id)
            socket.emit("unanswered", ack=lambda *args: socket.id)
            socket.timeout(5).emit("late", ack=lambda *args: socket.id)
            socket.stream("ticks")

        @socket.on("overfilled")
        def overfilled() -> None:
            while not io.stats().paused:
                gevent.idle()
            socket.disconnect(True)

    return io


def close_websocket(client: RawClient) -> None:
    websocket = client.open_socket()
    websocket.send('420["echo",1]')
    assert websocket.receive_message() == "430[1]"
    websocket.close()


def cut_websocket(client: RawClient) -> None:
    client.open_socket().cut()


def use_everything(client: RawClient) -> None:
    websocket = client.open_socket()
    websocket.send('42["everything"]')
    numbers = [str(websocket.receive_message())[2] for _ in range(3)]
    websocket.send(f"43{numbers[0]}[]")
    websocket.send('420["echo",1]')
    websocket.receive_message()
    websocket.close()


def end_by_server(client: RawClient) -> None:
    websocket = client.open_socket()
    websocket.send('42["bye"]')
    assert websocket.receive_message() == "41"
    websocket.wait_closed()


def break_protocol(client: RawClient) -> None:
    websocket = client.open_socket()
    websocket.send("4nonsense")
    websocket.wait_closed()


def break_the_framing(client: RawClient) -> None:
    websocket = client.open_socket()
    websocket.send_bytes(frame("not masked"))
    websocket.wait_closed()


def be_refused_by_middleware(client: RawClient) -> None:
    websocket, _ = client.open_websocket_session()
    websocket.send('40{"refuse":true}')
    assert websocket.receive_message() == '44{"message":"no"}'
    websocket.close()


def be_refused_by_handshake(client: RawClient) -> None:
    with pytest.raises(Refused):
        client.websocket(refuse=1)
    assert client.request(transport="polling", refuse=1).status == 403


def close_polling(client: RawClient) -> None:
    session = client.open_session()
    session.post("40")
    assert session.poll().text.startswith("40")
    session.post("1")


def abort_poll(client: RawClient) -> None:
    session = client.open_session()
    session.start_poll().close()


def upgrade_and_cut(client: RawClient) -> None:
    session = client.open_session()
    session.upgrade().cut()


def abandon(client: RawClient) -> None:
    client.open_session().post("40")


def come_as_an_old_client(client: RawClient) -> None:
    session = client.open_session(EIO=3)
    assert session.poll().text == "2:40"
    websocket = session.upgrade()
    websocket.send('451-0["echo",{"_placeholder":true,"num":0}]')
    websocket.send(b"\4\1")
    assert websocket.receive() == '461-0[{"_placeholder":true,"num":0}]'
    assert websocket.receive() == b"\4\1"
    websocket.cut()


def break_the_old_protocol(client: RawClient) -> None:
    websocket = client.websocket(EIO=3)
    websocket.send("3")  # before anything was sent to it
    websocket.wait_closed()


def close_polling_by_scripts(client: RawClient) -> None:
    session = client.open_session(EIO=3, j=0)
    session.post("d=1:1", {"Content-Type": "application/x-www-form-urlencoded"})


def fail_an_upgrade(client: RawClient) -> None:
    session = client.open_session()
    websocket = session.websocket()
    websocket.send("4too early")
    websocket.wait_closed()
    session.post("1")


def leave_during_an_upgrade(client: RawClient) -> None:
    session = client.open_session()
    websocket = session.websocket()
    websocket.send("2probe")
    assert websocket.receive() == "3probe"
    websocket.cut()
    session.post("1")


def be_ended_while_paused(client: RawClient) -> None:
    websocket = client.open_socket()
    websocket.send_bytes(
        b"".join(frame(text, mask=b"abcd") for text in TOO_MUCH) + CLOSE_FRAME
    )
    assert websocket.receive_message() == "41"
    websocket.wait_closed()


def be_ended_in_a_post(client: RawClient) -> None:
    session = client.open_session()
    session.post("40")
    session.poll()
    poll = session.start_poll()
    session.post("\x1e".join(TOO_MUCH))
    poll.close()


WAYS: list[Callable[[RawClient], None]] = [
    close_websocket,
    cut_websocket,
    use_everything,
    end_by_server,
    break_protocol,
    break_the_framing,
    be_refused_by_middleware,
    be_refused_by_handshake,
    close_polling,
    abort_poll,
    upgrade_and_cut,
    come_as_an_old_client,
    break_the_old_protocol,
    close_polling_by_scripts,
    abandon,
    fail_an_upgrade,
    leave_during_an_upgrade,
    be_ended_while_paused,
    be_ended_in_a_post,
]


def resident() -> int:
    """Memory of this process in pages."""
    return int(Path("/proc/self/statm").read_text().split()[1])


def run(loopback: Loopback, clock: FakeClock, cycles: int) -> None:
    """Come and go ``cycles`` times, then let the abandoned sessions time out."""
    for way in itertools.islice(itertools.cycle(WAYS), cycles):
        with RawClient(loopback.url, "/socket.io/") as client:
            way(client)
        if not loopback.engine.clients_count % 50:
            clock.advance(45)
    with gevent.Timeout(5):
        while loopback.engine.clients_count:
            clock.advance(45)


@pytest.mark.patience(3600 if LONG else 30)
def test_nothing_stays_of_clients_that_came_and_went() -> None:
    clock = FakeClock()
    loopback = Loopback(make_server(clock))
    try:
        run(loopback, clock, CYCLES // 4)  # workers, caches and buffers are made
        clock.settle()
        gc.collect()
        before, objects = Snapshot.take(), ours()

        run(loopback, clock, CYCLES // 4)
        half = resident()
        run(loopback, clock, CYCLES // 2)

        clock.settle()
        assert not before.leaks()
        gc.collect()
        grown = ours() - objects
        assert not {name: n for name, n in grown.items() if n > 2}, grown
        if LONG:
            assert resident() <= half * GROWTH
    finally:
        loopback.close()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_client_waits_for_the_garbage_collector(
    way: Callable[[RawClient], None],
) -> None:
    clock = FakeClock()
    loopback = Loopback(make_server(clock))

    def come_and_go() -> None:
        with RawClient(loopback.url, "/socket.io/") as client:
            way(client)
        with gevent.Timeout(5):
            while loopback.engine.clients_count:
                clock.advance(45)
        clock.advance(60)

    try:
        come_and_go()  # what is kept for later clients is made
        with nothing_to_collect():
            come_and_go()
    finally:
        loopback.close()
