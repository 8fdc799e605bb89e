"""URLs, and answers of a server that says what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gevent.server
import pytest

from sockio.cli.web import Place, WebConnection, context_for
from sockio.errors import ConfigError

Say: Any = Callable[[bytes], Place]


@pytest.fixture
def say() -> Iterator[Say]:
    """Give a function that starts a server which says the same to all."""
    servers = []

    def start(words: bytes, timeout: float = 30.0) -> Place:
        def handle(sock: Any, address: object) -> None:
            sock.recv(65536)
            sock.sendall(words)
            if words:
                sock.close()
            else:
                sock.recv(1)

        server = gevent.server.StreamServer(("127.0.0.1", 0), handle)
        server.start()
        servers.append(server)
        return Place.of(f"http://127.0.0.1:{server.server_port}", None, timeout)

    yield start
    for server in servers:
        server.stop(timeout=1)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "path"),
    [
        ("127.0.0.1:3000", "127.0.0.1", 3000, False, ""),
        ("http://example.org/", "example.org", 80, False, ""),
        ("wss://example.org/api/", "example.org", 443, True, "/api"),
        ("https://[::1]:8443", "::1", 8443, True, ""),
    ],
)
def test_urls(url: str, host: str, port: int, tls: bool, path: str) -> None:
    place = Place.of(url, "context", 1.0)

    assert (place.host, place.port, place.path) == (host, port, path)
    assert place.tls == ("context" if tls else None)
    shown = f"[{host}]" if ":" in host else host
    assert str(place) == f"{shown}:{port}"


def test_the_user_of_a_url_is_a_header_and_not_shown() -> None:
    place = Place.of("http://ann:secret@example.org", None, 1.0)

    assert place.headers == {"Authorization": "Basic YW5uOnNlY3JldA=="}
    assert "Basic" not in repr(place)


@pytest.mark.parametrize("url", ["ftp://example.org", "http://", "http://a:b:c", "::"])
def test_urls_that_cannot_be(url: str) -> None:
    with pytest.raises(ConfigError, match="URL"):
        Place.of(url, None, 1.0)


def test_certificates_that_cannot_be_read() -> None:
    with pytest.raises(ConfigError, match=r"'no\.pem': No such file"):
        context_for("no.pem")


def test_an_answer(say: Say) -> None:
    with WebConnection(say(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody")) as connection:
        answer = connection.request("GET", "/")

    assert (answer.status, answer.headers["a"], answer.body) == (200, "b", b"body")


def test_no_answer_in_time(say: Say) -> None:
    with (
        WebConnection(say(b"", timeout=0.01)) as connection,
        pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"),
    ):
        connection.request("GET", "/")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (b"SSH-2.0\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 101 x", "no HTTP"),
        (b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: a\r\n\r\n", "to another request"),
    ],
)
def test_wrong_answers_to_a_websocket(say: Say, words: bytes, told: str) -> None:
    with (
        WebConnection(say(words)) as connection,
        pytest.raises(ConnectionError, match=told),
    ):
        connection.websocket("/")


def test_a_websocket_that_is_refused(say: Say) -> None:
    with WebConnection(say(b"HTTP/1.1 403 No\r\nA: b\r\n\r\nwhy")) as connection:
        answer = connection.websocket("/")

    assert (answer.status, answer.headers, answer.body) == (403, {"a": "b"}, b"why")
