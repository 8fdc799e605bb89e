"""Hanging up: clients see the end of their connection, whoever else has its socket.

A child process that was forked meanwhile has it, too.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import gevent
import gevent.ssl
import pytest

import sockio
from tests import PATCHED
from tests.support.engine import RunningEngine
from tests.support.held import held
from tests.support.http_wire import TIMEOUT, Wire
from tests.support.loopback import Kind, Loopback
from tests.support.raw_websocket import RawWebSocket

CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"
NEVER = float("inf")


def port_of(engine: RunningEngine) -> int:
    port = urlsplit(engine.url).port
    assert port is not None
    return port


def websocket(engine: RunningEngine) -> RawWebSocket:
    websocket, _ = engine.raw.open_websocket_session()
    return websocket


# ------------------------------------------------------------------ WebSockets


def close_and_answer(engine: RunningEngine, websocket: RawWebSocket) -> None:
    engine.session.close()
    websocket.send_frame(b"", 8)


def close_without_an_answer(engine: RunningEngine, _: RawWebSocket) -> None:
    engine.session.close()
    engine.clock.advance(30)


#: What ends a WebSocket, and what the client gets before the end.
ENDS: dict[str, tuple[Callable[[RunningEngine, RawWebSocket], object], bytes]] = {
    "violation": (lambda _, ws: ws.send_frame("4a", masked=False), b"\x88\x02\x03\xea"),
    "their close": (lambda _, ws: ws.send_frame(b"\x03\xe8", 8), b"\x88\x02\x03\xe8"),
    "our close, answered": (close_and_answer, b"\x88\x00"),
    "our close, never answered": (close_without_an_answer, b"\x88\x00"),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_websocket_ends(engine: RunningEngine, how: str) -> None:
    peer = websocket(engine)
    end, last = ENDS[how]

    with held(port_of(engine)):
        end(engine, peer)

        assert peer.wire.take_rest(NEVER) == last


def test_a_websocket_ends_although_its_client_goes_on_sending(
    engine: RunningEngine,
) -> None:
    peer = websocket(engine)
    peer.send_frame("4a", masked=False)
    assert peer.wire.take_rest(NEVER) == b"\x88\x02\x03\xea"

    with held(port_of(engine)):
        peer.send("4still there")
        engine.clock.advance(2)

        with pytest.raises(ConnectionError):
            peer.wire.socket.sendall(bytes(1 << 24))


@pytest.mark.parametrize("kind", ["sockio", "tls"])
def test_who_sends_what_is_too_large_reads_why_it_ends(kind: Kind) -> None:
    # The client is still sending when the server has sent its last frame.
    loopback = Loopback(sockio.Server(), kind)
    try:
        peer = loopback.client().open_socket()
        peer.send("x" * 5_000_000)

        assert peer.wait_closed().code == 1009
    finally:
        loopback.close()


# ------------------------------------------------------------------ HTTP


def get(target: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


@pytest.fixture
def wire(engine: RunningEngine) -> Iterator[Wire]:
    wire = engine.raw.http().wire
    yield wire
    wire.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"no request\r\n\r\n", b"400"),
        (get("/", "Connection: close"), b"404"),
        (get("/engine.io/?EIO=4&transport=polling", "Connection: close"), b"200"),
        (get("/engine.io/?EIO=4", "Upgrade: websocket", "Connection: Upgrade"), b"400"),
    ],
    ids=["refused", "elsewhere", "handshake", "refused upgrade"],
)
def test_an_http_connection_ends_with_its_last_answer(
    engine: RunningEngine, wire: Wire, request_: bytes, status: bytes
) -> None:
    gevent.idle()
    with held(port_of(engine)):
        wire.send(request_)

        assert wire.take_rest(NEVER).startswith(b"HTTP/1.1 " + status)


def test_connections_that_wait_end_with_the_server() -> None:
    server = sockio.create_server().listen("127.0.0.1:0")
    assert isinstance(server.address, tuple)
    wire = Wire(server.address)
    wire.send(get("/"))
    wire.take_until(b"\r\n\r\n", NEVER)

    with held(server.address[1]):
        server.close()

        assert wire.take_rest(NEVER) == b""
    wire.close()


# ------------------------------------------------------------------ TLS


@pytest.fixture
def secure() -> Iterator[sockio.HTTPServer]:
    server = sockio.create_server().listen("127.0.0.1:0", certfile=CERTIFICATE)
    yield server
    server.close(timeout=TIMEOUT)


def test_a_client_that_speaks_no_tls_sees_the_end(secure: sockio.HTTPServer) -> None:
    assert isinstance(secure.address, tuple)
    wire = Wire(secure.address)
    gevent.idle()

    with held(secure.address[1]):
        wire.send(get("/"))

        wire.take_rest(NEVER)
    wire.close()


def test_a_tls_connection_ends(secure: sockio.HTTPServer) -> None:
    assert isinstance(secure.address, tuple)
    wire = Wire(secure.address)
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    wire.socket = context.wrap_socket(
        wire.socket, server_hostname="localhost", suppress_ragged_eofs=False
    )

    with held(secure.address[1]):
        wire.send(get("/", "Connection: close"))

        assert wire.take_rest(NEVER).startswith(b"HTTP/1.1 404")
    wire.close()


def test_who_sends_on_reads_why_it_ends_over_tls(secure: sockio.HTTPServer) -> None:
    assert isinstance(secure.address, tuple)
    wire = Wire(secure.address)
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost")

    wire.send(b"no request\r\n" + bytes(5_000_000))

    assert wire.take_rest(TIMEOUT).startswith(b"HTTP/1.1 400")
    wire.close()


# ------------------------------------------------------------------ a child itself


@pytest.mark.skipif(PATCHED, reason="gevent's hooks of fork do not bear pytest")
def test_a_forked_child_keeps_nobody_from_seeing_the_end(engine: RunningEngine) -> None:
    peer = websocket(engine)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os.close(writer)
        os.read(reader, 1)  # until the parent says so, or ends
        os._exit(0)
    os.close(reader)

    peer.send_frame("4a", masked=False)

    assert peer.wire.take_rest(NEVER) == b"\x88\x02\x03\xea"
    os.close(writer)
    os.waitpid(child, 0)
