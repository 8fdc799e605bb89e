"""Several processes, one of which has the UDP port: whose session is upgraded there.

Two servers of this process stand for two processes of a host. They meet in a folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sockio
from sockio.protocol.engineio.packet import Packet, PacketType
from tests.support.quic_client import RawSession
from tests.support.quic_served import ALL, QuicServed
from tests.support.raw_client import PollingSession
from tests.support.served import Heard, Served
from tests.support.waiting import wait_until

from .conftest import Serve


class Two:
    """One server that has the UDP port, and another one that has sessions."""

    def __init__(self, port: QuicServed, owner: Served) -> None:
        self.port = port
        self.owner = owner

    def upgrade(self, polling: PollingSession) -> RawSession:
        """Ask to upgrade a session; return the stream, in which nothing else is."""
        stream = self.port.client().open_session().open_stream()
        stream.send(json.dumps({"sid": polling.sid}).join(("0", "")))
        return stream

    def move(self) -> tuple[RawSession, sockio.Socket[Any]]:
        """Return both ends of a socket that has moved to WebTransport."""
        polling, socket = self.owner.poll()
        stream = self.upgrade(polling)
        stream.send("2probe")
        assert stream.receive() == Packet(PacketType.PONG, "probe")
        stream.send("5")
        wait_until(lambda: socket.conn.transport.name == "webtransport")
        return stream, socket


@pytest.fixture
def two(serve: Serve, tmp_path: Path) -> Iterator[Two]:
    options: dict[str, Any] = {"transports": ALL, "adapter": f"unix:{tmp_path / 'x'}"}
    port = QuicServed(serve(**options))
    yield Two(port, serve(**options))
    port.close()


def message(text: str) -> Packet:
    return Packet(PacketType.MESSAGE, text)


def test_a_session_of_another_process_moves(two: Two) -> None:
    stream, socket = two.move()
    socket.on("echo", lambda *args: args)

    stream.send('420["echo","hi"]')

    assert stream.receive() == message('30["hi"]')
    assert two.port.io.engine.clients_count == 0
    assert two.owner.io.engine.clients_count == 1


def test_what_follows_the_first_packet_immediately_goes_along(two: Two) -> None:
    polling, socket = two.owner.poll()
    socket.on("echo", lambda *args: args)
    stream = two.port.client().open_session().open_stream()
    first = json.dumps({"sid": polling.sid}).join(("0", ""))

    stream.send(first, "2probe", "5", '420["echo","hi"]')

    assert stream.receive() == Packet(PacketType.PONG, "probe")
    assert stream.receive() == message('30["hi"]')


def test_much_goes_both_ways(two: Two) -> None:
    stream, socket = two.move()
    socket.on("echo", lambda *args: args)

    stream.send(f'420["echo","{"x" * 300_000}"]')

    assert stream.receive(20) == message(f'30["{"x" * 300_000}"]')


def test_a_broadcast_reaches_the_clients_of_both(two: Two) -> None:
    carried, _ = two.move()
    own, _ = two.port.join()

    two.owner.io.emit("news", 1)

    assert carried.receive() == message('2["news",1]')
    assert own.receive() == message('2["news",1]')


def say_goodbye(stream: RawSession, two: Two) -> None:
    stream.close()


def lose_the_port(stream: RawSession, two: Two) -> None:
    two.port.listening.close()


@pytest.mark.parametrize("end", [say_goodbye, lose_the_port])
def test_the_owner_notices_the_end(
    two: Two, end: Callable[[RawSession, Two], None]
) -> None:
    stream, socket = two.move()
    gone = Heard()
    socket.on("disconnect", gone)

    end(stream, two)

    assert gone.next()[0] == "transport close"


def test_the_client_reads_what_was_sent_before_the_end(two: Two) -> None:
    stream, socket = two.move()
    text = "x" * 100_000
    socket.emit("last words", text)

    socket.disconnect(close=True)

    assert stream.receive(20) == message(f'2["last words","{text}"]')
    assert stream.receive() == message("1")
    assert stream.receive().type is PacketType.PING
    stream.send("3")
    stream.wait_closed()


def test_the_client_notices_that_the_owner_has_gone(two: Two) -> None:
    stream, _ = two.move()

    two.owner.io.close()

    stream.wait_closed()


def test_who_breaks_the_protocol_is_shut_out(two: Two) -> None:
    stream, socket = two.move()
    gone = Heard()
    socket.on("disconnect", gone)

    stream.send_bytes(b"\x00")

    assert gone.next()[0] == "parse error"
    stream.wait_closed()


@pytest.mark.parametrize("how", ["no such session", "no such process", "garbage"])
def test_who_cannot_move_stays(two: Two, how: str) -> None:
    polling, _ = two.owner.poll()
    stream = two.port.client().open_session().open_stream()
    sid = polling.sid[:4] + "A" * 16 if how == "no such session" else "A" * 20
    first = json.dumps({"sid": polling.sid if how == "garbage" else sid})

    stream.send(f"0{first}", *(["2probe", "9"] if how == "garbage" else []))

    stream.wait_closed()
    assert polling.post("40").status == 200


def test_a_session_that_has_moved_does_not_move_again(two: Two) -> None:
    polling, socket = two.owner.poll()
    stream = two.upgrade(polling)
    stream.send("2probe", "5")
    wait_until(lambda: socket.conn.transport.name == "webtransport")

    two.upgrade(polling).wait_closed()

    assert not stream.closed


def test_a_client_that_does_not_read_holds_up_nobody_else(two: Two) -> None:
    stream, socket = two.move()
    other, _ = two.move()

    stream.client.pause()
    socket.emit("much", "x" * 900_000)
    other.send("2")

    assert other.receive().type is PacketType.PONG
