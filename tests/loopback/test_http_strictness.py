"""Our HTTP server reads a request in one way, however many pieces it comes in."""

from __future__ import annotations

import json
import logging
import re
import socket as stdlib
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import gevent
import gevent.socket
import gevent.ssl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sockio
from sockio.httpd import socket as http_socket
from sockio.httpd.server import HTTPServer, create_server
from sockio.types import Environ, StartResponse
from tests.support.http_cases import CHUNKED, GET, NEXT, POST, REFUSED, SERVED, Heard

CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"
#: Limits that few bytes exceed.
SMALL: dict[str, Any] = {"max_line": 60, "max_head": 150}
EXCEEDED = {
    "long target": (b"GET /" + b"a" * 60, "414 URI Too Long"),
    "long header": (GET + b"A: " + b"b" * 60, "431 Request Header Fields Too Large"),
    "long head": (GET + b"A: bcdefg\r\n" * 12, "431 Request Header Fields Too Large"),
    "control, then too long": (b"GET /\0" + b"a" * 60, "400 Bad Request"),
    "too long, then a control": (b"GET /" + b"a" * 60 + b"\0", "414 URI Too Long"),
    "bad line, then too long": (GET + b"a\r\n" + b"b" * 90, "400 Bad Request"),
    "long trailer": (
        CHUNKED + b"0\r\nA: " + b"b" * 60,
        "431 Request Header Fields Too Large",
    ),
    "long trailers": (
        CHUNKED + b"0\r\n" + b"A: bcdefg\r\n" * 15,
        "431 Request Header Fields Too Large",
    ),
}
#: Not split at each byte, since they are long.
LARGE = {
    "target": (b"GET /" + b"a" * 17000, "414 URI Too Long"),
    "header": (GET + b"A: " + b"b" * 17000, "431 Request Header Fields Too Large"),
    "head": (
        GET + (b"A: " + b"b" * 5000 + b"\r\n") * 24,
        "431 Request Header Fields Too Large",
    ),
    "length": (POST + b"Content-Length: " + b"9" * 5000, "400 Bad Request"),
    "headers": (GET + b"A: b\r\n" * 100, "431 Request Header Fields Too Large"),
    "extensions": (CHUNKED + b"1;" + b"a" * 17000, "413 Content Too Large"),
    "extensions of many chunks": (
        CHUNKED + (b"1;" + b"a" * 170 + b"\r\na\r\n") * 120,
        "413 Content Too Large",
    ),
    "trailers": (
        CHUNKED + b"0\r\n" + b"A: b\r\n" * 101,
        "431 Request Header Fields Too Large",
    ),
    "trailer": (
        CHUNKED + b"0\r\nA: " + b"b" * 17000,
        "431 Request Header Fields Too Large",
    ),
}


@validator
def tell(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    """Answer with what was read; wsgiref checks that it is as PEP 3333 demands."""
    assert environ["SERVER_NAME"]
    assert environ["SERVER_PORT"]
    heard = Heard(
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        environ["QUERY_STRING"],
        environ.get("HTTP_HOST"),
        environ["wsgi.input"].read(1000).decode("latin-1"),
    )
    body = json.dumps(heard).encode()
    length = ("Content-Length", str(len(body)))
    start("200 OK", [("Content-Type", "application/json"), length])
    return [body]


@pytest.fixture
def _warnings_are_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A timer of the server that lasts from test to test would tell their number."""
    caplog.set_level(logging.ERROR, "sockio.engine.http")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the path of a server's Unix socket."""
    path = tmp_path_factory.mktemp("http") / "socket"
    server = create_server(tell).listen(f"unix:{path}")
    yield str(path)
    server.close(timeout=1)


def ask(path: str, pieces: Iterable[bytes]) -> bytes:
    """Send a request in pieces; return all that comes until the server closes."""
    with gevent.socket.socket(stdlib.AF_UNIX) as peer:
        peer.connect(path)
        for piece in pieces:
            try:
                peer.sendall(piece)
            except BrokenPipeError:
                break
            gevent.idle()
        peer.shutdown(stdlib.SHUT_WR)
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    answer = answer.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    return re.sub(rb"Date: .*?\r\n", b"", answer)


def split(data: bytes) -> Iterator[list[bytes]]:
    """Yield ``data`` cut in two at every byte, and cut into single bytes."""
    for at in range(len(data)):
        yield [data[:at], data[at:]] if at else [data]
    yield [data[i : i + 1] for i in range(len(data))]


def answers(answer: bytes) -> list[tuple[str, str]]:
    """Return the status and the body of each answer."""
    found = []
    for part in answer.split(b"HTTP/1.1 ")[1:]:
        head, _, body = part.partition(b"\r\n\r\n")
        found.append((head.split(b"\r\n")[0].decode(), body.decode()))
    return found


@pytest.mark.parametrize("name", SERVED)
def test_a_request_means_the_same_in_however_many_pieces(path: str, name: str) -> None:
    data, heard = SERVED[name]
    expected = [("200 OK", json.dumps(one)) for one in heard]

    for pieces in split(data):
        assert answers(ask(path, pieces)) == expected, pieces


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_is_refused_in_however_many_pieces(path: str, name: str) -> None:
    data, status = REFUSED[name]

    for pieces in split(data):
        assert answers(ask(path, [*pieces, NEXT])) == [(status, "")], pieces


@pytest.mark.parametrize("name", EXCEEDED)
def test_limits_are_exceeded_in_however_many_pieces(tmp_path: Any, name: str) -> None:
    data, status = EXCEEDED[name]
    server = create_server(tell, **SMALL).listen(f"unix:{tmp_path}/socket")

    for pieces in split(data):
        answer = ask(f"{tmp_path}/socket", [*pieces, b"\r\n\r\n", NEXT])
        assert answers(answer) == [(status, "")], pieces
    server.close(timeout=1)


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("size", [1000, 4096, 1 << 20])
@pytest.mark.usefixtures("_warnings_are_not_counted")
def test_what_is_too_large_is_refused(path: str, name: str, size: int) -> None:
    data, status = LARGE[name]
    data += b"\r\n\r\n" + NEXT
    pieces = [data[i : i + size] for i in range(0, len(data), size)]

    assert answers(ask(path, pieces)) == [(status, "")]


def test_what_just_fits_is_served(tmp_path: Any) -> None:
    server = create_server(tell, **SMALL).listen(f"unix:{tmp_path}/socket")
    line = b"GET /" + b"a" * 46 + b" HTTP/1.1"
    field = b"A: " + b"b" * 57
    rest = b"Host: c" + b"d" * 17
    head = b"\r\n".join([line, field, rest, b"", b""])
    assert (len(line), len(field), len(head)) == (60, 60, 150 + 2)
    head = head.replace(b"dd", b"", 1)

    for pieces in split(head):
        ((status, _),) = answers(ask(f"{tmp_path}/socket", pieces))
        assert status == "200 OK"
    server.close(timeout=1)


def test_any_bytes_mean_the_same_in_however_many_pieces(path: str) -> None:
    words = [data for data, _ in (*SERVED.values(), *REFUSED.values())]
    bits = st.sampled_from([*words, b"\r\n", b"\n", b"\r", b" ", b"0", b"\0", b": "])
    cuts = st.lists(st.integers(0, 300), max_size=5).map(sorted)

    @given(st.lists(bits | st.binary(max_size=5), max_size=4), cuts, st.data())
    def check(parts: list[bytes], cuts: list[int], data: st.DataObject) -> None:
        stream = b"".join(parts)
        damaged = data.draw(st.integers(0, max(len(stream) - 1, 0)))
        stream = stream[:damaged] + stream[damaged + 1 :]
        ends = [*cuts, len(stream)]
        pieces = [stream[a:b] for a, b in zip([0, *cuts], ends, strict=True)]

        assert ask(path, [p for p in pieces if p]) == ask(path, [stream])

    check()


def test_an_old_client_cannot_upgrade(tmp_path: Any) -> None:
    engine = sockio.EngineServer()
    server = create_server(engine).listen(f"unix:{tmp_path}/socket")
    handshake = (
        b"GET /engine.io/?EIO=4&transport=websocket HTTP/1.0\r\nHost: test\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    ((status, _),) = answers(ask(f"{tmp_path}/socket", [handshake]))

    assert status == "400 Bad Request"
    server.close(timeout=1)


# ------------------------------------------------------------ while the client waits


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    server = create_server(tell).listen("127.0.0.1:0")
    yield server
    server.close(timeout=1)


def connect(server: HTTPServer) -> Any:
    return gevent.socket.create_connection(server.address, timeout=5)


@pytest.mark.parametrize(
    "begun",
    [
        b"\x16\x03\x01",
        b"GET x HTTP/1.1\r\n",
        b"GET / HTTP/3.1\r\n",
        b"GET / HTTP/1.1\n",
        GET + b"Host: b\r\n",
        GET + b"no colon\r\n",
        GET + b"A: \0",
        POST + b"Transfer-Encoding: gzip\r\n",
        b"GET /" + b"a" * 17000,
        GET + b"A: b\r\n" * 101,
    ],
)
def test_a_head_is_refused_before_its_end(server: HTTPServer, begun: bytes) -> None:
    with connect(server) as peer:
        peer.sendall(begun)

        assert peer.recv(9) == b"HTTP/1.1 "


def test_an_answer_arrives_though_the_client_goes_on_sending(
    server: HTTPServer,
) -> None:
    with connect(server) as peer:
        peer.sendall(b"bad\r\n")
        gevent.idle()
        for _ in range(20):
            peer.sendall(bytes(65536))
            gevent.idle()
        peer.shutdown(stdlib.SHUT_WR)

        answer = b"".join(iter(lambda: peer.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_stays_is_hung_up_on(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_socket, "LINGERING", 0.05)
    with connect(server) as peer:
        peer.sendall(b"bad\r\n")
        while peer.recv(65536):
            pass

        while True:
            try:
                peer.sendall(bytes(1000))
            except ConnectionError:
                break
            gevent.idle()


def test_one_warning_names_the_option(
    server: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        with connect(server) as peer:
            peer.sendall(GET + b"X-\x1b[31mCookie: a\r\n" + b"b" * 20000)
            peer.recv(9)
        with connect(server) as peer:
            peer.sendall(GET + b"Cookie\xff: " + b"secret" * 4000)
            peer.recv(9)

    (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
    said = record.getMessage()
    assert "max_line" in said
    assert "16384" in said
    assert "Cookie\\xff" in said
    assert "secret" not in said
    assert said.isascii()
    assert said.isprintable()


def test_each_option_is_named(
    server: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    for begun in (b"GET /" + b"a" * 17000, GET + (b"A:" + b"b" * 9000 + b"\r\n") * 8):
        with connect(server) as peer:
            peer.sendall(begun)
            peer.recv(9)

    said = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert ["max_line" in one for one in said] == [True, False]
    assert ["max_head" in one for one in said] == [False, True]


def test_an_answer_arrives_under_tls_too() -> None:
    server = create_server(tell).listen("127.0.0.1:0", certfile=CERTIFICATE)
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    with context.wrap_socket(connect(server), server_hostname="localhost") as peer:
        peer.sendall(b"bad\r\n" + bytes(100_000))

        answer = b"".join(iter(lambda: peer.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 400 ")
    server.close(timeout=1)
