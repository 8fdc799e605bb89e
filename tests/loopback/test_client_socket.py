"""Finding, watching and taking over the connections of pywsgi servers."""

from __future__ import annotations

import contextlib
import gc
import io
import socket as stdlib
import ssl
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import pytest
from gevent.event import AsyncResult, Event
from gevent.pywsgi import WSGIHandler, WSGIServer
from geventwebsocket.handler import WebSocketHandler

from sockio.engine.http.client_socket import HangupWatch, TakenSocket, find, take_over
from sockio.httpd.server import create_server
from sockio.types import Environ, StartResponse, WSGIApp

CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
#: A server that kept reading would take this for requests.
EARLY = b"\x81\nGET / HTTP/1.1\n\nGET / HTTP/1.1\r\n\r\n"

Start = Callable[[WSGIApp], Any]


class Access(io.StringIO):
    """An access log."""

    @property
    def statuses(self) -> list[str]:
        return [line.split('" ')[1].split()[0] for line in self.getvalue().splitlines()]


@pytest.fixture
def access() -> Access:
    return Access()


@pytest.fixture(params=["pywsgi", "ours"])
def start(
    request: pytest.FixtureRequest, access: Access
) -> Iterator[Callable[[WSGIApp], tuple[str, int]]]:
    """Start a server with the given application; return its address."""
    with contextlib.ExitStack() as cleanup:

        def start_server(app: WSGIApp) -> tuple[str, int]:
            if request.param == "ours":
                ours = create_server(app, log=access).listen("127.0.0.1:0")
                cleanup.callback(ours.close, timeout=1)
                return ours.address  # type: ignore[return-value]
            return start_pywsgi(cleanup, app, access)

        yield start_server


def start_pywsgi(
    cleanup: contextlib.ExitStack, app: WSGIApp, access: Access, **options: Any
) -> tuple[str, int]:
    server = WSGIServer(("127.0.0.1", 0), app, log=access, **options)
    server.start()
    cleanup.callback(server.stop)
    return server.address  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Check that no server has printed a traceback."""
    yield
    assert capfd.readouterr() == ("", "")


class Taking:
    """An application that takes each connection over and says hello on it."""

    def __init__(self, *, hello: bytes = SWITCHED) -> None:
        self.taken: AsyncResult[TakenSocket] = AsyncResult()
        #: Ends the request's greenlet, if that has to stay.
        self.over = Event()
        self.hello = hello

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        taken = take_over(environ)
        assert taken is not None
        taken.sock.send(self.hello)
        self.taken.set(taken)
        if not taken.released:
            self.over.wait()
        return taken.finish(start)


def receive(peer: Any, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := peer.recv(count - len(data))):
        data += more
    return data


def server_greenlets() -> list[Any]:
    """Return the greenlets of connections that a server of gevent still serves."""
    gc.collect()
    return [
        thing
        for thing in gc.get_objects()
        if issubclass(type(thing), gevent.Greenlet)
        and not thing.dead
        and "_handle_and_close" in repr(thing)
    ]


def test_a_taken_socket_outlives_its_request(start: Start, access: Access) -> None:
    app = Taking()
    with gevent.socket.create_connection(start(app)) as peer:
        peer.sendall(UPGRADE)
        assert receive(peer, len(SWITCHED)) == SWITCHED
        taken = app.taken.get()
        gevent.idle()

        assert taken.released
        assert not taken.upgraded
        assert server_greenlets() == []
        assert access.statuses == ["101"]
        taken.sock.send(b"to you")
        assert receive(peer, 6) == b"to you"
        peer.sendall(b"to me")
        gevent.socket.wait_read(taken.sock.fileno())
        assert taken.sock.recv(100) == b"to me"
        with pytest.raises(BlockingIOError):
            taken.sock.recv(1)
        taken.sock.close()
        assert peer.recv(1) == b""


def test_what_the_server_had_read_is_handed_on(start: Start) -> None:
    app = Taking()
    with gevent.socket.create_connection(start(app)) as peer:
        peer.sendall(UPGRADE + EARLY)
        assert receive(peer, len(SWITCHED)) == SWITCHED
        taken = app.taken.get()

        assert taken.early == EARLY
        taken.sock.close()
        assert peer.recv(1) == b""


def test_an_ordinary_request_can_be_taken_with_its_body(start: Start) -> None:
    app = Taking(hello=b"hello")
    with gevent.socket.create_connection(start(app)) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\npart")
        assert receive(peer, 5) == b"hello"
        taken = app.taken.get()
        gevent.idle()

        assert taken.early == b"part"
        assert server_greenlets() == []
        taken.sock.close()
        assert peer.recv(1) == b""


def test_works_where_start_response_is_wrapped(start: Start, access: Access) -> None:
    app = Taking()

    def middleware(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        return app(environ, lambda status, headers, exc=None: start(status, headers))

    with gevent.socket.create_connection(start(middleware)) as peer:
        peer.sendall(UPGRADE)
        assert receive(peer, len(SWITCHED)) == SWITCHED
        app.taken.get().sock.send(b"more")

        assert receive(peer, 4) == b"more"
        app.taken.get().sock.close()
        assert peer.recv(1) == b""
    assert access.statuses == ["000"]


def test_gevent_websockets_upgrade_is_taken_over_too(access: Access) -> None:
    app = Taking(hello=b"")
    with contextlib.ExitStack() as cleanup:
        address = start_pywsgi(cleanup, app, access, handler_class=WebSocketHandler)
        peer = cleanup.enter_context(gevent.socket.create_connection(address))
        peer.sendall(UPGRADE + EARLY)
        head = receive(peer, len(SWITCHED))
        while not head.endswith(b"\r\n\r\n"):
            head += receive(peer, 1)
        taken = app.taken.get()
        gevent.idle()

        assert head.startswith(b"HTTP/1.1 101 ")
        assert taken.upgraded
        assert taken.released
        assert taken.early == EARLY
        assert server_greenlets() == []
        taken.sock.send(b"more")
        assert receive(peer, 4) == b"more"
        taken.sock.close()
        # The handler has sent no close frame, neither before nor after.
        assert peer.recv(1) == b""


# ---------------------------------------------------------------------------- TLS


@pytest.fixture(params=["pywsgi", "ours", "geventwebsocket"])
def start_secure(
    request: pytest.FixtureRequest, access: Access
) -> Iterator[Callable[[WSGIApp], tuple[str, int]]]:
    with contextlib.ExitStack() as cleanup:

        def start_server(app: WSGIApp) -> tuple[str, int]:
            if request.param == "ours":
                ours = create_server(app, log=access)
                ours.listen("127.0.0.1:0", certfile=CERTIFICATE)
                cleanup.callback(ours.close, timeout=1)
                return ours.address  # type: ignore[return-value]
            context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            websocket = request.param == "geventwebsocket"
            handler = WebSocketHandler if websocket else WSGIHandler
            return start_pywsgi(
                cleanup, app, access, ssl_context=context, handler_class=handler
            )

        yield start_server


def connect_securely(address: tuple[str, int]) -> Any:
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    sock = gevent.socket.create_connection(address)
    return context.wrap_socket(sock, server_hostname="localhost")


@pytest.mark.parametrize("start_secure", ["pywsgi", "geventwebsocket"], indirect=True)
@pytest.mark.parametrize("early", [b"", EARLY])
@pytest.mark.parametrize("closed_by", ["nobody", "us"])
def test_a_tls_socket_is_kept_by_the_request_until_the_end(
    start_secure: Start, access: Access, early: bytes, closed_by: str
) -> None:
    app = Taking(hello=b"hello")
    with connect_securely(start_secure(app)) as peer:
        peer.sendall(UPGRADE + early)
        taken = app.taken.get()
        greeting = b""
        while not greeting.endswith(b"hello"):
            greeting += peer.recv(1000)

        assert taken.tls
        assert not taken.released
        assert taken.early == early
        with pytest.raises(ssl.SSLWantReadError):
            taken.sock.recv(1)
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        gevent.socket.wait_read(taken.sock.fileno())
        assert taken.sock.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
        # Bytes that nobody received must not become a request.
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        gevent.socket.wait_read(taken.sock.fileno())
        if closed_by == "us":
            taken.sock.close()
        app.over.set()

        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""
        assert server_greenlets() == []
        assert len(access.statuses) <= 1


@pytest.mark.parametrize("start_secure", ["ours"], indirect=True)
@pytest.mark.parametrize("early", [b"", EARLY])
def test_our_own_server_lets_go_of_a_tls_socket(
    start_secure: Start, access: Access, early: bytes
) -> None:
    app = Taking(hello=b"hello")
    with connect_securely(start_secure(app)) as peer:
        peer.sendall(UPGRADE + early)
        taken = app.taken.get()
        assert peer.recv(1000) == b"hello"

        assert taken.tls
        assert taken.released
        assert taken.early == early
        assert access.statuses == ["101"]
        with pytest.raises(ssl.SSLWantReadError):
            taken.sock.recv(1)
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        gevent.socket.wait_read(taken.sock.fileno())
        assert taken.sock.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
        taken.sock.close()

        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""


# ----------------------------------------------------------------- unknown servers


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"wsgi.input": io.BytesIO()},
        {"wsgi.input": io.BufferedReader(io.BytesIO())},
        {"SERVER_SOFTWARE": "gevent/26.9", "wsgi.input": io.BytesIO()},
    ],
)
def test_where_there_is_no_socket_nothing_is_found(environ: Environ) -> None:
    assert find(environ) is None
    assert take_over(environ) is None


@pytest.mark.parametrize("kind", [stdlib.socket, gevent.socket.socket])
def test_a_socket_of_another_server_is_found_and_left_alone(kind: Any) -> None:
    with kind() as sock:
        environ: Environ = {"werkzeug.socket": sock}
        environ["SERVER_SOFTWARE"] = "Werkzeug/3.1"

        found = find(environ)
        assert found is not None
        assert found is sock
        assert take_over(environ) is None
        assert found.fileno() != -1


def test_a_connection_shared_by_requests_is_nobodys() -> None:
    with gevent.socket.socket() as sock:
        environ = {"gunicorn.socket": sock, "SERVER_PROTOCOL": "HTTP/2.0"}

        assert find(environ) is None
        assert take_over(environ) is None


def test_a_replaced_input_keeps_gunicorns_socket_with_it() -> None:
    with gevent.socket.socket() as sock:
        environ = {"gunicorn.socket": sock, "wsgi.input": io.BytesIO()}

        assert take_over(environ) is None
        assert sock.fileno() != -1


# ------------------------------------------------------------------------ hang-ups


class Watching:
    """An application that answers when the client has hung up, or when told to."""

    def __init__(self) -> None:
        self.watching = Event()
        self.calls = 0
        self.done = Event()
        self.hung_up = Event()
        #: Whether requests of clients that have gone stay unanswered: under TLS,
        #: gevent's server prints a traceback when it answers one.
        self.quits = False

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        sock = find(environ)
        assert sock is not None
        watch = HangupWatch(sock, self.on_hangup)
        self.watching.set()
        self.done.wait()
        watch.close()
        self.watching.clear()
        self.done.clear()
        if self.calls and self.quits:
            taken = take_over(environ)
            assert taken is not None
            taken.sock.close()
            return taken.finish(start, "499 Client Closed Request")
        ending = [("Connection", "close")] if self.calls else []
        start("200 OK", [("Content-Length", "2"), *ending])
        return [b"ok"]

    def on_hangup(self) -> None:
        self.calls += 1
        self.hung_up.set()
        self.done.set()


GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
HANG_UPS: dict[str, Callable[[Any], object]] = {
    "close": lambda peer: peer.close(),
    "half": lambda peer: peer.shutdown(stdlib.SHUT_WR),
    "reset": lambda peer: (
        peer.setsockopt(stdlib.SOL_SOCKET, stdlib.SO_LINGER, b"\1\0\0\0\0\0\0\0"),
        peer.close(),
    ),
}


@pytest.mark.parametrize("how", HANG_UPS)
@pytest.mark.parametrize("pipelined", [b"", GET], ids=["idle", "pipelined"])
def test_a_hang_up_is_noticed_once(start: Start, how: str, pipelined: bytes) -> None:
    app = Watching()
    with gevent.socket.create_connection(start(app)) as peer:
        peer.sendall(GET)
        app.watching.wait()
        peer.sendall(pipelined)
        gevent.idle()

        HANG_UPS[how](peer)

        assert app.hung_up.wait(5)
        gevent.idle()
        assert app.calls == 1


def test_a_client_that_was_gone_before_is_noticed(start: Start) -> None:
    app = Watching()
    peer = gevent.socket.create_connection(start(app))
    peer.sendall(GET)
    peer.close()

    assert app.hung_up.wait(5)


def test_pipelined_bytes_stay_for_the_server_and_cost_nothing(start: Start) -> None:
    app = Watching()
    with gevent.socket.create_connection(start(app)) as peer:
        peer.sendall(GET)
        app.watching.wait()
        peer.sendall(GET)
        turns = 0

        def count() -> None:
            nonlocal turns
            turns += 1

        # With a watcher that fires again and again the loop would never wait.
        gevent.get_hub().wait(gevent.get_hub().loop.timer(0.02))
        prepare = gevent.get_hub().loop.prepare()
        prepare.start(count)
        gevent.get_hub().wait(gevent.get_hub().loop.timer(0.05))
        prepare.stop()
        prepare.close()

        assert turns < 10
        for _ in range(2):
            app.watching.wait()
            app.done.set()
            assert receive(peer, 17) == b"HTTP/1.1 200 OK\r\n"
            while peer.recv(1000)[-2:] != b"ok":
                pass
        assert app.calls == 0


def test_a_closed_watch_calls_nobody(start: Start) -> None:
    app = Watching()
    with gevent.socket.create_connection(start(app)) as peer:
        peer.sendall(GET)
        app.watching.wait()
        app.done.set()
        assert receive(peer, 17) == b"HTTP/1.1 200 OK\r\n"
    gevent.idle()

    assert app.calls == 0


@pytest.mark.parametrize("goodbye", [False, True])
def test_a_hang_up_is_noticed_under_tls(start_secure: Start, goodbye: bool) -> None:
    app = Watching()
    app.quits = True
    peer = connect_securely(start_secure(app))
    peer.sendall(GET)
    app.watching.wait()
    if goodbye:
        # The alert waits in the kernel like any other bytes.
        peer.settimeout(0.0)
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.unwrap()
        gevent.idle()

    peer.close()

    assert app.hung_up.wait(5)
    assert app.calls == 1
