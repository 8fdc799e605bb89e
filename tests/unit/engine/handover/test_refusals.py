from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from sockio.engine.handover.refusals import UNAVAILABLE, UNKNOWN, refuse
from tests.support.http_wire import HttpConnection, Wire


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, HttpConnection]]:
    """Provide a connection over TCP: the server's end, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = HttpConnection(listener.getsockname(), "localhost")
        server, _ = listener.accept()
    server.setblocking(False)
    yield server, client
    client.close()
    server.close()


def rest(wire: Wire) -> bytes:
    """Return what comes until the connection ends, which it does without an error."""
    wire.socket.settimeout(20)
    return bytes(wire.buffer) + b"".join(iter(lambda: wire.socket.recv(65536), b""))


@pytest.mark.parametrize(("answer", "status"), [(UNKNOWN, 400), (UNAVAILABLE, 503)])
def test_the_client_gets_an_answer_and_the_end(
    connection: tuple[socket.socket, HttpConnection], answer: bytes, status: int
) -> None:
    server, client = connection
    client.send("GET", "/socket.io/?sid=abc")

    refuse(server, answer)

    got = client.receive()
    assert got.status == status
    assert rest(client.wire) == b""
    assert server.fileno() == -1
    if status == 400:
        assert json.loads(got.text) == {"code": 1, "message": "Session ID unknown"}
    else:
        assert got.headers["retry-after"] == "1"


def test_it_gets_it_even_if_nobody_has_read_what_it_sent(
    connection: tuple[socket.socket, HttpConnection],
) -> None:
    server, client = connection
    client.send("POST", "/", b"x" * 100_000)

    refuse(server, UNKNOWN)

    assert rest(client.wire) == UNKNOWN


def test_who_has_a_part_of_an_answer_gets_no_other(
    connection: tuple[socket.socket, HttpConnection],
) -> None:
    server, client = connection
    server.send(b"HTTP/1.1 101 ")

    refuse(server, UNKNOWN, begun=True)

    assert rest(client.wire) == b"HTTP/1.1 101 "


def test_a_client_that_has_gone(
    connection: tuple[socket.socket, HttpConnection],
) -> None:
    server, client = connection
    client.wire.reset()

    refuse(server, UNKNOWN)
    refuse(server, UNKNOWN)

    assert server.fileno() == -1
