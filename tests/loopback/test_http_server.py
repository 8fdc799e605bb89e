"""create_server(): what it answers, and what it does to connections."""

from __future__ import annotations

import contextlib
import io
import socket as stdlib
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import pytest
from gevent.event import Event
from gevent.monkey import get_original

from sockio.engine.http.client_socket import find
from sockio.errors import ConfigError
from sockio.httpd.server import HTTPServer, create_server
from sockio.types import Environ, StartResponse
from tests.support import services

CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"
GET = b"GET / HTTP/1.1\r\nHost: test\r\n"
POST = b"POST / HTTP/1.1\r\nHost: test\r\n"
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
    """Check that the server prints nothing in the test."""
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
        POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies
    ]

    answer = ask(server, b"".join(requests))

    assert [part.split(b"\r\n\r\n")[1] for part in answer.split(b"HTTP/1.1")[1:]] == (
        bodies
    )


def test_accepted_connections_do_not_delay_small_packets(server: HTTPServer) -> None:
    options = []

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        sock = find(environ)
        assert sock is not None
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
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )

    assert answer.endswith(b"\r\n\r\nabcde")


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
        GET + b"no colon\r\n\r\n",
        GET + b"space : x\r\n\r\n",
        GET + b"A: b\r\n folded\r\n\r\n",
        GET + b"A: b\0c\r\n\r\n",
        GET + b"A: b\rc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        GET + b"A: cut",
        b"GET / HTTP/1.1\nA: b\n\n",
        b"GET / HTTP/1.1\nA: b\n\nbody\r\n\r\n",
        POST + b"Content-Length: +1\r\n\r\na",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
        POST + b"Transfer-Encoding: gzip\r\n\r\na",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na",
    ],
)
@pytest.mark.usefixtures("said")
def test_a_malformed_request_is_refused(
    server: HTTPServer, request_bytes: bytes
) -> None:
    answer = ask(server, request_bytes)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n")


def test_a_request_line_without_end_is_refused(server: HTTPServer) -> None:
    answer = ask(server, b"GET /" + b"a" * 17000)

    assert answer.startswith(b"HTTP/1.1 414 ")


def test_a_head_without_end_is_refused(server: HTTPServer) -> None:
    answer = ask(server, GET + b"A: b\r\n" * 11000)

    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.usefixtures("said")
def test_the_limits_of_a_head_are_options() -> None:
    server = create_server(hello, max_line=40, max_head=80).listen("127.0.0.1:0")
    target, lines = b"/" + b"a" * 40, b"A: bc\r\n" * 20
    try:
        for head, status in (
            (GET + b"\r\n", b"HTTP/1.1 200 "),
            (b"GET " + target, b"HTTP/1.1 414 "),
            (GET + lines, b"HTTP/1.1 431 "),
        ):
            assert ask(server, head).startswith(status)
    finally:
        server.close(timeout=1)


@pytest.mark.usefixtures("said")
def test_a_malformed_chunk_is_refused(server: HTTPServer) -> None:
    server.app = echo

    answer = ask(server, POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")

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
            # More than the kernel takes, so that the server meets the reset while it
            # writes.
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


def test_the_access_log_has_no_sid() -> None:
    log = io.StringIO()
    server = create_server(hello, log=log).listen("127.0.0.1:0")
    ask(server, GET.replace(b"/ ", b"/socket.io/?EIO=4&sid=secret&t=1 ") + b"\r\n")
    server.close(timeout=1)

    assert '"GET /socket.io/?EIO=4&sid=***&t=1 HTTP/1.1" 200' in log.getvalue()


# --------------------------------------------------------------- what PEP 3333 asks


def answering(
    *parts: bytes, status: str = "200 OK", **headers: str
) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    """Make an application that yields ``parts``."""
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        start(status, lines)
        return iter(parts)

    return app


@pytest.mark.parametrize(
    ("app", "method", "framing", "body"),
    [
        (hello, b"HEAD", b"Content-Length: 5", b""),
        (answering(b"a", Content_Length="9"), b"HEAD", b"Content-Length: 9", b""),
        (answering(status="204 No Content"), b"GET", b"", b""),
        (answering(b"not sent", status="304 Not Modified"), b"GET", b"", b""),
        (answering(), b"GET", b"Content-Length: 0", b""),
        (
            answering(b"", b"ab", Content_Length="2"),
            b"GET",
            b"Content-Length: 2",
            b"ab",
        ),
    ],
)
def test_the_connection_goes_on_where_the_end_of_the_body_is_clear(
    server: HTTPServer, app: Any, method: bytes, framing: bytes, body: bytes
) -> None:
    server.app = app
    request = method + b" / HTTP/1.1\r\nHost: test\r\n\r\n"

    answers = ask(server, request + request).split(b"HTTP/1.1 ")

    assert len(answers) == 3
    assert answers[1] == answers[2]
    head, _, sent = answers[1].partition(b"\r\n\r\n")
    assert sent == body
    assert framing in head
    assert (b"ontent-" in head or b"ransfer-" in head) is bool(framing)


def test_the_body_can_be_written(server: HTTPServer) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        write = start("200 OK", [("Content-Length", "6")])
        write(b"abc")
        write(b"de")
        return [b"f"]

    server.app = app

    assert ask(server, GET + b"\r\n").endswith(b"\r\n\r\nabcdef")


def test_an_old_client_gets_no_chunks(server: HTTPServer) -> None:
    server.app = answering(b"a", b"b")

    answer = ask(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

    assert answer.endswith(b"\r\n\r\nab")
    assert b"Connection: close\r\n" in answer


def test_a_failing_application_may_change_its_answer(server: HTTPServer) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        try:
            raise ValueError
        except ValueError:
            start("503 Busy", [], sys.exc_info())
        return [b"later"]

    server.app = app

    assert ask(server, GET + b"\r\n").startswith(b"HTTP/1.1 503 Busy\r\n")


def test_an_answer_that_fails_half_way_is_cut_off(
    server: HTTPServer, tmp_path: Path
) -> None:
    closed = []

    class Failing:
        def __iter__(self) -> Iterator[bytes]:
            yield b"abc"
            raise RuntimeError("half way")

        def close(self) -> None:
            closed.append(True)

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        return Failing()

    with (tmp_path / "errors").open("w+") as errors:
        ours = create_server(app, error_log=errors).listen("127.0.0.1:0")
        answer = ask(ours, GET + b"\r\n")
        ours.close(timeout=1)
        errors.seek(0)

        assert "RuntimeError: half way" in errors.read()
    assert answer.endswith(b"\r\n\r\n3\r\nabc\r\n")
    assert closed == [True]


def test_each_request_has_a_context_of_its_own(server: HTTPServer) -> None:
    user: ContextVar[str] = ContextVar("user", default="nobody")

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        before = user.get()
        user.set("somebody")
        start("200 OK", [])
        return [before.encode()]

    server.app = app

    for _ in range(2):
        assert ask(server, GET + b"\r\n").endswith(b"nobody")


# --------------------------------------------------------- how requests may arrive


def test_a_request_may_arrive_byte_by_byte(server: HTTPServer) -> None:
    server.app = echo
    request = b"\r\n" + POST + b"Content-Length: 3\r\n\r\nabc"
    with connect(server) as peer:
        peer.setsockopt(stdlib.IPPROTO_TCP, stdlib.TCP_NODELAY, 1)
        for _ in range(2):
            for byte in request:
                peer.send(bytes((byte,)))
                gevent.idle()

            assert read_response(peer)[1] == b"abc"


@pytest.mark.parametrize("server_of", ["plain", "tls"])
def test_a_large_body_waits_for_the_application(
    server_of: str, server: HTTPServer, secure: HTTPServer
) -> None:
    asked, go_on = Event(), Event()
    large = bytes(range(256)) * (16 << 10)

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        asked.set()
        go_on.wait()
        start("200 OK", [])
        return [environ["wsgi.input"].read()]

    server.app = secure.app = app
    tls = server_of == "tls"
    with connect_securely(secure) if tls else connect(server) as peer:
        head = POST + b"Content-Length: %d\r\n\r\n" % len(large)
        sending = gevent.spawn(peer.sendall, head + large)
        asked.wait()
        gevent.idle()

        assert not sending.ready()
        go_on.set()
        assert read_response(peer)[1] == large


def test_a_body_that_nobody_reads_is_passed_over(server: HTTPServer) -> None:
    body = b"GET /no HTTP/1.1\r\n\r\n" * 10000
    request = POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)

    answer = ask(server, request + request)

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"HTTP/1.1") == 2


def test_a_body_too_large_to_be_passed_over_ends_the_connection(
    server: HTTPServer,
) -> None:
    answer = ask(server, POST + b"Content-Length: 100000000\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in answer


def test_nothing_is_served_behind_a_garbled_body(server: HTTPServer) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        with contextlib.suppress(OSError):
            environ["wsgi.input"].read()
        return hello(environ, start)

    server.app = app
    request = POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"

    answer = ask(server, request + GET + b"\r\n")

    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close\r\n" in answer


@pytest.mark.usefixtures("said")
def test_a_body_that_is_cut_off_is_refused(server: HTTPServer) -> None:
    server.app = echo

    answer = ask(server, POST + b"Content-Length: 9\r\n\r\nabc")

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_slow_reader_holds_up_nobody_else(server: HTTPServer) -> None:
    large = bytes(8 << 20)
    server.app = lambda environ, start: (
        start("200 OK", []),
        [large] if environ["PATH_INFO"] == "/large" else [BODY],
    )[1]
    with connect(server) as slow:
        slow.sendall(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n")

        assert ask(server, GET + b"\r\n").endswith(BODY)
        assert read_response(slow)[1] == large


# ---------------------------------------------------------------------- addresses


@pytest.mark.parametrize("address", [0, ("127.0.0.1", 0), "127.0.0.1:0", ":0", "*:0"])
def test_listens_where_it_is_told_to(address: Any) -> None:
    server = create_server(hello).listen(address)
    try:
        assert isinstance(server.address, tuple)
        host, port = server.address
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
        services.missing("ipv6", str(exc))
    try:
        assert isinstance(server.address, tuple)
        _, port = server.address
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
        closing = gevent.spawn(server.close, timeout=60)
        gevent.idle()
        assert not closing.ready()
        go_on.set()
        head, body = read_response(peer)

        assert b"Connection: close\r\n" in head
        assert body == BODY
        assert peer.recv(1) == b""
        assert closing.get(timeout=30) is None


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

    assert serving.get(timeout=30) is None


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
    return secured(connect(server))


def secured(sock: Any) -> Any:
    """Return the socket of a client after its handshake."""
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    return context.wrap_socket(sock, server_hostname="localhost")


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


def test_who_connects_when_it_closes_gets_an_answer(secure: HTTPServer) -> None:
    sock = connect(secure)
    gevent.idle()

    secure.close()

    with secured(sock) as peer:
        peer.sendall(GET + b"\r\n")
        head, body = read_response(peer)
        assert (head[:12], body) == (b"HTTP/1.1 200", BODY)
        assert peer.recv(1) == b""


def test_it_does_not_wait_long_for_who_does_not_begin(secure: HTTPServer) -> None:
    with connect(secure) as peer:
        peer.settimeout(8)  # as long as it is open it gives twenty seconds
        gevent.idle()

        secure.close()

        assert peer.recv(1) == b""


def test_a_context_that_would_block_is_refused() -> None:
    context = get_original("ssl", "SSLContext")(ssl.PROTOCOL_TLS_SERVER)

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
