from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from struct import pack
from types import SimpleNamespace
from typing import Any

import pytest

from sockio.engine.handover.raw_request import RawRequest, let_go, raw_request
from sockio.engine.http.client_socket import take_over
from sockio.types import Environ, StartResponse
from tests.support.one_connection import LISTENER, PEER, SERVERS, Worker, serve

UPGRADE = (
    b"GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
POST = b"POST /a?b HTTP/1.1\r\nHost: x\r\n"
BODIES = {
    "length": b"Content-Length: 5\r\n\r\nhello",
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
}

every_server = pytest.mark.parametrize("kind", SERVERS)


class App:
    """An application that notes its requests, after ``before`` was called."""

    def __init__(self, before: Callable[[Environ], object] = lambda environ: None):
        self._before = before
        self.raw: list[RawRequest | None] = []

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        self._before(environ)
        self.raw.append(raw_request(environ))
        start("200 OK", [("Content-Length", "0")])
        return [b""]

    def only(self) -> RawRequest:
        (raw,) = self.raw
        assert raw is not None
        return raw


def raw_of(
    kind: str,
    data: bytes,
    before: Callable[[Environ], object] = lambda environ: None,
    **options: Any,
) -> RawRequest:
    """Return the request in ``data``, as an application under that server sees it."""
    app = App(before)
    serve(kind, app, data, **options)
    return app.only()


@every_server
def test_an_ordinary_request(kind: str) -> None:
    raw = raw_of(kind, b"GET /%20?c=%31 HTTP/1.1\r\nHost: x\r\n\r\n")

    assert raw.head.upper() == b"GET /%20?C=%31 HTTP/1.1\r\nHOST: X\r\n\r\n"
    assert raw[1:] == (PEER, LISTENER, 0, True)


@every_server
@pytest.mark.parametrize("body", BODIES)
def test_a_body_stays_behind_the_head(kind: str, body: str) -> None:
    raw = raw_of(kind, POST + BODIES[body])

    assert raw.given
    head = (POST + BODIES[body]).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert raw.head.upper() == head.upper()


@every_server
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_body_that_somebody_has_read(kind: str, body: str, size: int) -> None:
    raw = raw_of(kind, POST + BODIES[body], lambda e: e["wsgi.input"].read(size))

    assert not raw.given


@every_server
@pytest.mark.parametrize("body", BODIES)
def test_a_body_of_which_somebody_has_read_a_line(kind: str, body: str) -> None:
    raw = raw_of(kind, POST + BODIES[body], lambda e: e["wsgi.input"].readline())

    assert not raw.given


@every_server
def test_another_body_in_the_place_of_the_servers(kind: str) -> None:
    data = POST + BODIES["length"]
    raw = raw_of(kind, data, lambda e: e.update({"wsgi.input": io.BytesIO(b"hello")}))

    assert not raw.given


@every_server
def test_a_request_that_the_application_makes_up(kind: str) -> None:
    app = App(lambda environ: environ.update(QUERY_STRING="another"))
    serve(kind, app, b"GET /?b HTTP/1.1\r\nHost: x\r\n\r\n")

    assert app.raw == [None]


def test_a_request_of_another_server() -> None:
    assert raw_request({"QUERY_STRING": ""}) is None


@every_server
def test_a_generator_between_the_server_and_us(kind: str) -> None:
    app = App()

    def generator(environ: Environ, start: StartResponse) -> Iterator[bytes]:
        yield from app(environ, start)

    serve(kind, generator, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert not app.only().given


EXPECTING = POST + b"Expect: 100-continue\r\n" + BODIES["length"]


@every_server
def test_expect_is_left_to_who_has_not_answered_it(kind: str) -> None:
    raw = raw_of(kind, EXPECTING)

    assert raw.given
    assert (b"EXPECT" not in raw.head.upper()) == (kind == "gunicorn")


@every_server
def test_who_reads_here_answers_expect(kind: str) -> None:
    raw = raw_of(kind, EXPECTING, lambda environ: environ["wsgi.input"].read(1))

    assert b"expect" not in raw.head.lower()
    assert raw.head.endswith(b"\r\n\r\n")


def test_permission_without_reading() -> None:
    # pywsgi sends it even so.
    raw = raw_of("pywsgi", EXPECTING, lambda environ: environ["wsgi.input"].read(0))

    assert raw.given
    assert b"expect" not in raw.head.lower()


@pytest.mark.parametrize("kind", ["gunicorn", "pywsgi", "ours"])
def test_an_upgrade(kind: str) -> None:
    raw = raw_of(kind, UPGRADE)

    assert raw.head.upper() == UPGRADE.upper()
    assert (raw.answered, raw.given) == (0, True)


def test_an_upgrade_that_is_answered_already() -> None:
    app = App()
    answer = serve("geventwebsocket", app, UPGRADE)

    head = answer.partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 101 ")
    assert app.only().answered == len(head) + 4
    assert app.only().given


# ------------------------------------------------------------------ gunicorn alone


@pytest.mark.parametrize(
    ("mode", "header"),
    [
        ("v1", b"PROXY TCP4 203.0.113.7 192.0.2.9 40000 443\r\n"),
        ("v1", b"PROXY TCP6 2001:DB8::7 2001:db8::9 40000 443\r\n"),
        ("auto", b"PROXY TCP4 203.0.113.7 192.0.2.9 40000 443\r\n"),
        (
            "v2",
            b"\x21\x11" + pack(">H", 12) + b"\xcb\0\x71\x07\xc0\0\2\x09\x9c\x40\1\xbb",
        ),
        ("v2", b"\x21\x21" + pack(">H", 36) + bytes(range(32)) + b"\x9c\x40\1\xbb"),
        ("v2", b"\x20\0\0\0"),
        ("auto", b"\x20\0\0\0"),
        ("v2", b"\x21\1\0\0"),
    ],
)
def test_a_proxy_header(mode: str, header: bytes) -> None:
    if not header.startswith(b"PROXY"):
        header = b"\r\n\r\n\0\r\nQUIT\n" + header
    request = b"GET / HTTP/1.1\r\nHOST: x\r\n\r\n"
    app = App()
    serve("gunicorn", app, header + request + request, proxy_protocol=mode)

    # The second request has come through the same proxy.
    assert [raw and raw.head for raw in app.raw] == [header + request] * 2


def test_an_unwanted_protocol() -> None:
    app = App()
    worker = Worker(app, {"protocol": "uwsgi"})
    with pytest.raises(StopIteration):
        worker.handle_request(LISTENER, _request(worker, (1, 1)), Wire(), PEER)

    assert app.raw == [None]


def _request(worker: Worker, version: tuple[int, int], **changes: Any) -> Any:
    """Return what gunicorn makes of a request that came by another protocol."""
    values = {
        "method": "GET",
        "uri": "/a?b",
        "path": "/a",
        "query": "b",
        "version": version,
        "scheme": "https",
        "headers": [("X-A", "1"), ("EXPECT", "100-continue"), ("HOST", "x")],
        "body": io.BytesIO(),
        "cfg": worker.cfg,
        "proxy_protocol_info": None,
        "_expected_100_continue": False,
        "stream": SimpleNamespace(stream_id=1),
        "should_close": lambda: True,
    }
    return SimpleNamespace(**values | changes)


def by_http2(**changes: Any) -> RawRequest | None:
    app = App()
    worker = Worker(app, {})
    request = _request(worker, (2, 0), **changes)
    worker.handle_http2_request(LISTENER, request, Wire(), PEER, Wire())
    return app.raw[0]


class Wire:
    """Takes everything that is sent, by whatever method."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **named: True


def test_a_request_by_http2() -> None:
    raw = by_http2()

    assert raw is not None
    assert raw.head == b"GET /a?b HTTP/1.1\r\nX-A: 1\r\nHOST: x\r\n\r\n"
    assert raw[1:] == (PEER, LISTENER, 0, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"uri": "/a?b\r\nX: y"},
        {"uri": "/a b"},
        {"uri": "/a\u20ac"},
        {"headers": [("X: y\r\nZ", "1")]},
        {"headers": [("X", "1\r\nY: z")]},
        {"headers": [("X", "\u20ac")]},
    ],
)
def test_what_http2_can_say_and_http1_cannot(changes: dict[str, Any]) -> None:
    assert by_http2(**changes) is None


# ------------------------------------------------------------------ letting go


@every_server
def test_a_request_that_is_let_go_is_not_answered(kind: str) -> None:
    taken = []

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        found = take_over(environ)
        assert found is not None
        taken.append(found.early)
        found.sock.send(b"by another")
        found.sock.close()
        return let_go(found, environ, start)

    answer = serve(kind, app, POST + BODIES["length"] + b"GET / HTTP/1.1\r\n")

    assert answer == b"by another"
    assert taken == [b"helloGET / HTTP/1.1\r\n"]
