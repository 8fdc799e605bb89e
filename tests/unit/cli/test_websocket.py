"""The client's end of a WebSocket, and a server's end that a test plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent.socket
import pytest

from sockio.cli.websocket import WebSocket
from sockio.errors import ProtocolError
from sockio.protocol.websocket.frames import CLOSE, PING, PONG, FrameReader, frame
from tests.support.reading import fed


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    """Give the sockets of the client and of the server."""
    client, server = gevent.socket.socketpair()
    yield client, server
    client.close()
    server.close()


def heard(server: Any) -> list[Any]:
    return fed(FrameReader(max_payload=1000), server.recv(65536))


def test_messages_both_ways(pair: tuple[Any, Any]) -> None:
    client, server = pair
    websocket = WebSocket(client, 30.0, early=frame("early"))
    server.sendall(frame(b"later") + frame("last"))

    websocket.send("hi")

    assert heard(server) == ["hi"]
    assert [websocket.receive() for _ in range(3)] == ["early", b"later", "last"]


def test_many_messages_in_one_read(pair: tuple[Any, Any]) -> None:
    client, server = pair
    websocket = WebSocket(client, 30.0)
    server.sendall(frame("x") * 100)

    assert [websocket.receive() for _ in range(100)] == ["x"] * 100


def test_pings_are_answered(pair: tuple[Any, Any]) -> None:
    client, server = pair
    websocket = WebSocket(client, 30.0)
    server.sendall(frame(b"beat", PING) + frame("message"))

    assert websocket.receive() == "message"
    assert heard(server) == [(PONG, b"beat")]


def test_nothing_comes_in_time(pair: tuple[Any, Any]) -> None:
    with pytest.raises(TimeoutError, match=r"nothing came for 0\.01 s"):
        WebSocket(pair[0], 30.0).receive(0.01)


def test_the_server_closes_after_a_message(pair: tuple[Any, Any]) -> None:
    client, server = pair
    websocket = WebSocket(client, 30.0)
    server.sendall(frame("last") + frame(b"\x03\xf0", CLOSE))

    assert websocket.receive() == "last"
    with pytest.raises(ConnectionError, match="code 1008"):
        websocket.receive()
    assert heard(server) == [(CLOSE, b"\x03\xe8")]


def test_the_connection_ends(pair: tuple[Any, Any]) -> None:
    client, server = pair
    server.close()

    with pytest.raises(ConnectionError, match="closed the connection"):
        WebSocket(client, 30.0).receive()
    WebSocket(client, 30.0).close()


def test_frames_that_may_not_be(pair: tuple[Any, Any]) -> None:
    client, server = pair
    server.sendall(frame("masked", mask=b"mask"))

    with pytest.raises(ProtocolError):
        WebSocket(client, 30.0).receive()
