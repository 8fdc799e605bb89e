"""create_server(): what it answers, and what it does to connections."""

from __future__ import annotations

import contextlib
import socket as stdlib
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import pytest
from gevent.event import Event

from sockio.engine.http.http_server import HTTPServer, create_server
from sockio.errors import ConfigError
from sockio.types import Environ, StartResponse

CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"
GET = b"GET / HTTP/1.1\r\nHost: test\r\n"
BODY = b"hello"


def hello(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [BODY]


def echo(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start("200 OK", [])
    return [environ["wsgi.input"].read()]


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    server = create_server(hello).listen("127.0.0.1:0")
    yield server
    server.close(timeout=1)


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing may be printed by the server in a test that uses this."""
    yield
    assert capfd.readouterr() == ("", "")


def connect(server: HTTPServer) -> Any:
    return gevent.socket.create_connection(server.address)


def read_response(peer: Any) -> tuple[bytes, bytes]:
    """Return head and body of one response with a Content-Length."""
    reader = peer.makefile("rb")
    head = b"".join(iter(reader.readline, b"\r\n"))
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    return head, reader.read(length)


def ask(server: HTTPServer, request: bytes) -> bytes:
    """Send one request; return all that comes until the server closes."""
    with connect(server) as peer:
        peer.sendall(request)
        peer.shutdown(stdlib.SHUT_WR)
        return b"".join(iter(lambda: peer.recv(65536), b""))


def test_keeps_the_connection_for_the_next_request(server: HTTPServer) -> None:
    with connect(server) as peer:
        for _ in range(3):
            peer.sendall(GET + b"\r\n")
            head, body = read_response(peer)

            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"connection:" not in head.lower()
            assert body == BODY


def test_says_that_it_closes_when_the_client_asked_for_it(server: HTTPServer) -> None:
    with connect(server) as peer:
        peer.sendall(GET + b"Connection: close\r\n\r\n")
        head, _ = read_response(peer)

        assert b"Connection: close\r\n" in head
        assert peer.recv(1) == b""


def test_an_old_client_keeps_its_connection_only_on_request(
    server: HTTPServer,
) -> None:
    with connect(server) as peer:
        peer.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        kept, _ = read_response(peer)
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        closed, _ = read_response(peer)

        assert b"Connection: keep-alive\r\n" in kept
        assert b"Connection: close\r\n" in closed
        assert peer.recv(1) == b""


def test_pipelined_requests_are_answered_in_order(server: HTTPServer) -> None:
    server.app = echo
    bodies = [b"one", b"", b"three"]
    requests = [
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        for body in bodies
    ]

    answer = ask(server, b"".join(requests))

    assert [part.split(b"\r\n\r\n")[1] for part in answer.split(b"HTTP/1.1")[1:]] == (
        bodies
    )


def test_accepted_connections_do_not_delay_small_packets(server: HTTPServer) -> None:
    options = []

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        sock = environ["wsgi.input"].rfile.raw._sock
        options.append(sock.getsockopt(stdlib.IPPROTO_TCP, stdlib.TCP_NODELAY))
        return hello(environ, start)

    server.app = app
    ask(server, GET + b"\r\n")

    assert options
    assert all(options)


def test_environ_says_what_was_asked(server: HTTPServer) -> None:
    seen: Environ = {}

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        seen.update(environ)
        return hello(environ, start)

    server.app = app
    ask(
        server,
        b"GET http://test/a%20b/%C3%A9?c=%20&d HTTP/1.1\r\nHost: test\r\n"
        b"Cookie: a=1\r\nCookie: b=2\r\nX-Two: 1\r\nX-Two:  2 \r\nX_Bad: 1\r\n"
        b"Content-Type: text/x\r\n\r\n",
    )

    assert seen["PATH_INFO"] == "/a b/\xc3\xa9"
    assert seen["QUERY_STRING"] == "c=%20&d"
    assert seen["RAW_URI"] == "http://test/a%20b/%C3%A9?c=%20&d"
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert seen["HTTP_X_TWO"] == "1, 2"
    assert "HTTP_X_BAD" not in seen
    assert seen["CONTENT_TYPE"] == "text/x"
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["SERVER_PORT"] == str(server.address[1])  # type: ignore[index]
    assert seen["wsgi.url_scheme"] == "http"


def test_bodies_come_chunked_too(server: HTTPServer) -> None:
    server.app = echo

    answer = ask(
        server,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )

    assert answer.endswith(b"\r\n\r\nabcde")


def test_a_client_that_waits_for_permission_gets_it(server: HTTPServer) -> None:
    server.app = echo
    with connect(server) as peer:
        peer.sendall(
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"ok")

        assert read_response(peer)[1] == b"ok"


def test_an_iterator_without_length_is_sent_in_chunks(server: HTTPServer) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        yield b"abc"
        yield b"de"

    server.app = app

    answer = ask(server, GET + b"\r\n")

    assert answer.endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


def test_a_large_response_arrives_whole(server: HTTPServer) -> None:
    large = bytes(3 << 20)

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        return [large]

    server.app = app

    assert ask(server, GET + b"\r\n").endswith(b"\r\n\r\n" + large)


def test_there_is_nothing_without_an_application(server: HTTPServer) -> None:
    server.app = None

    assert ask(server, GET + b"\r\n").startswith(b"HTTP/1.1 404 Not Found\r\n")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nspace : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: cut",
        b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\na",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na",
    ],
)
@pytest.mark.usefixtures("said")
def test_a_malformed_request_is_refused(
    server: HTTPServer, request_bytes: bytes
) -> None:
    answer = ask(server, request_bytes)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n")


def test_a_request_line_without_end_is_refused(server: HTTPServer) -> None:
    answer = ask(server, b"GET /" + b"a" * 9000)

    assert answer.startswith(b"HTTP/1.1 414 ")


@pytest.mark.usefixtures("said")
def test_a_malformed_chunk_is_refused(server: HTTPServer) -> None:
    server.app = echo

    answer = ask(server, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_an_exception_of_the_application_is_reported(
    server: HTTPServer, capfd: pytest.CaptureFixture[str]
) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        raise RuntimeError("bug in the application")

    server.app = app

    answer = ask(server, GET + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert "RuntimeError: bug in the application" in capfd.readouterr().err


@pytest.mark.usefixtures("said")
def test_a_client_that_left_is_no_news(server: HTTPServer) -> None:
    asked, left, answered = Event(), Event(), Event()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        asked.set()
        left.wait()
        start("200 OK", [])
        try:
            # More than the kernel takes, so that the reset is met while writing.
            yield bytes(8 << 20)
            yield bytes(8 << 20)
        finally:
            answered.set()

    server.app = app
    peer = connect(server)
    peer.sendall(GET + b"\r\n")
    asked.wait()
    reset(peer)
    left.set()

    assert answered.wait(5)


@pytest.mark.usefixtures("said")
def test_a_client_that_resets_an_idle_connection_is_no_news(
    server: HTTPServer,
) -> None:
    peer = connect(server)
    peer.sendall(GET + b"\r\n")
    read_response(peer)
    reset(peer)

    assert ask(server, GET + b"\r\n").startswith(b"HTTP/1.1 200 ")


def reset(peer: Any) -> None:
    """Close with RST instead of FIN."""
    peer.setsockopt(stdlib.SOL_SOCKET, stdlib.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()


def test_the_access_log_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    with (tmp_path / "access.log").open("w+") as log:
        server = create_server(hello, log=log).listen("127.0.0.1:0")
        ask(server, GET + b"\r\n")
        server.close(timeout=1)
        log.seek(0)

        assert '"GET / HTTP/1.1" 200' in log.read()


# ---------------------------------------------------------------------- addresses


@pytest.mark.parametrize("address", [0, ("127.0.0.1", 0), "127.0.0.1:0", ":0", "*:0"])
def test_listens_where_it_is_told_to(address: Any) -> None:
    server = create_server(hello).listen(address)
    try:
        host, port = server.address  # type: ignore[misc]
        assert host in ("127.0.0.1", "::", "0.0.0.0")
        with gevent.socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(GET + b"\r\n")
            assert read_response(peer)[1] == BODY
    finally:
        server.close(timeout=1)


@pytest.mark.parametrize("address", [("::1", 0), "[::1]:0", ("::", 0)])
def test_listens_on_ipv6(address: Any) -> None:
    try:
        server = create_server(hello).listen(address)
    except OSError as exc:
        pytest.skip(f"no IPv6 here: {exc}")
    try:
        _, port = server.address  # type: ignore[misc]
        with gevent.socket.create_connection(("::1", port)) as peer:
            peer.sendall(GET + b"\r\n")
            assert read_response(peer)[1] == BODY
    finally:
        server.close(timeout=1)


def test_a_unix_socket_comes_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    server = create_server(hello).listen(f"unix:{path}")

    assert server.address == f"unix:{path}"
    with gevent.socket.socket(stdlib.AF_UNIX) as peer:
        peer.connect(str(path))
        peer.sendall(GET + b"\r\n")
        assert read_response(peer)[1] == BODY
    server.close(timeout=1)
    assert not path.exists()


def test_the_socket_file_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with stdlib.socket(stdlib.AF_UNIX) as dead:
        dead.bind(str(path))

    server = create_server(hello).listen(f"unix:{path}")
    with pytest.raises(OSError, match="in use"):
        create_server(hello).listen(f"unix:{path}")
    server.close(timeout=1)


def test_another_servers_socket_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    first = create_server(hello).listen(f"unix:{path}")
    path.unlink()
    second = create_server(hello).listen(f"unix:{path}")

    first.close(timeout=1)

    assert path.exists()
    second.close(timeout=1)


@pytest.mark.parametrize("address", ["localhost", "host:x", 70000, ":-1", ("h", -1)])
def test_a_wrong_address_is_refused_at_once(address: Any) -> None:
    with pytest.raises(ConfigError, match="address"):
        create_server(hello).listen(address)


def test_an_address_in_use_is_the_callers_problem(server: HTTPServer) -> None:
    with pytest.raises(OSError, match="in use"):
        create_server(hello).listen(server.address)  # type: ignore[arg-type]


def test_listens_once_at_a_time(server: HTTPServer) -> None:
    with pytest.raises(ConfigError, match="already listening"):
        server.listen(0)


def test_may_listen_again_after_closing(server: HTTPServer) -> None:
    server.close(timeout=1)
    assert server.address is None

    server.listen("127.0.0.1:0")

    assert ask(server, GET + b"\r\n").startswith(b"HTTP/1.1 200 ")


# ------------------------------------------------------------------------ closing


def test_closing_ends_connections_that_wait_for_a_request(
    server: HTTPServer,
) -> None:
    with connect(server) as used, connect(server) as unused:
        used.sendall(GET + b"\r\n")
        read_response(used)

        server.close(timeout=1)

        assert used.recv(1) == b""
        assert unused.recv(1) == b""


def test_closing_lets_a_request_under_way_finish(server: HTTPServer) -> None:
    asked, go_on = Event(), Event()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        asked.set()
        go_on.wait()
        return hello(environ, start)

    server.app = app
    with connect(server) as peer:
        peer.sendall(GET + b"\r\n")
        asked.wait()
        closing = gevent.spawn(server.close, timeout=5)
        gevent.idle()
        assert not closing.ready()
        go_on.set()
        head, body = read_response(peer)

        assert b"Connection: close\r\n" in head
        assert body == BODY
        assert peer.recv(1) == b""
        assert closing.get(timeout=1) is None


def test_closing_kills_what_does_not_finish_in_time(server: HTTPServer) -> None:
    asked = Event()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        asked.set()
        Event().wait()
        return []

    server.app = app
    with connect(server) as peer:
        peer.sendall(GET + b"\r\n")
        asked.wait()

        server.close(timeout=0)

        assert peer.recv(12) in (b"", b"HTTP/1.1 500")


def test_serves_until_it_is_closed(server: HTTPServer) -> None:
    serving = gevent.spawn(server.serve_forever)
    ask(server, GET + b"\r\n")
    assert not serving.ready()

    server.close(timeout=1)

    assert serving.get(timeout=1) is None


def test_serving_needs_an_address() -> None:
    with pytest.raises(ConfigError, match="listen"):
        create_server(hello).serve_forever()


# ---------------------------------------------------------------------------- TLS


@pytest.fixture
def secure() -> Iterator[HTTPServer]:
    server = create_server(hello).listen("127.0.0.1:0", certfile=CERTIFICATE)
    yield server
    server.close(timeout=1)


def connect_securely(server: HTTPServer) -> Any:
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    return context.wrap_socket(connect(server), server_hostname="localhost")


@pytest.mark.usefixtures("said")
def test_speaks_tls(secure: HTTPServer) -> None:
    with connect_securely(secure) as peer:
        for _ in range(2):
            peer.sendall(GET + b"\r\n")
            assert read_response(peer)[1] == BODY


@pytest.mark.usefixtures("said")
def test_a_failed_tls_handshake_is_no_news(secure: HTTPServer) -> None:
    with contextlib.suppress(ConnectionResetError):
        ask(secure, GET + b"\r\n")
    connect(secure).close()

    with connect_securely(secure) as peer:
        peer.sendall(GET + b"\r\n")
        assert read_response(peer)[1] == BODY


@pytest.mark.usefixtures("said")
def test_a_tls_client_that_left_is_no_news(secure: HTTPServer) -> None:
    asked, left, answered = Event(), Event(), Event()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        assert environ["wsgi.url_scheme"] == "https"
        asked.set()
        left.wait()
        start("200 OK", [])
        try:
            yield bytes(8 << 20)
            yield bytes(8 << 20)
        finally:
            answered.set()

    secure.app = app
    peer = connect_securely(secure)
    peer.sendall(GET + b"\r\n")
    asked.wait()
    peer.close()
    left.set()

    assert answered.wait(5)


def test_closing_ends_idle_tls_connections(secure: HTTPServer) -> None:
    with connect_securely(secure) as peer:
        peer.sendall(GET + b"\r\n")
        read_response(peer)

        secure.close(timeout=1)

        assert peer.recv(1) == b""


def test_a_context_that_would_block_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    with pytest.raises(ConfigError, match=r"gevent\.ssl"):
        create_server(hello).listen(0, ssl_context=context)


@pytest.mark.parametrize(
    "options",
    [
        {"keyfile": CERTIFICATE},
        {
            "certfile": CERTIFICATE,
            "ssl_context": gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        },
    ],
)
def test_half_a_certificate_is_refused(options: Any) -> None:
    with pytest.raises(ConfigError, match="certfile"):
        create_server(hello).listen(0, **options)
