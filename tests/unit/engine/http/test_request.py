from __future__ import annotations

import io
import os
from typing import Any

import pytest
from gevent.pywsgi import Input

from sockio.engine.http.request import (
    PART,
    BodyCutShort,
    BodyTooLarge,
    Request,
    TrustedProxies,
)
from sockio.errors import ConfigError, ProtocolError


def make(trusted: Any = 0, **environ: Any) -> Request:
    environ.setdefault("REQUEST_METHOD", "GET")
    return Request(environ, TrustedProxies.of(trusted))


# ------------------------------------------------------------------ path and query


def test_path_contains_what_the_application_is_mounted_under() -> None:
    request = make(SCRIPT_NAME="/chat", PATH_INFO="/socket.io/")

    assert request.path == "/chat/socket.io/"


def test_path_is_decoded_as_utf8() -> None:
    request = make(PATH_INFO="/é/".encode().decode("latin-1"))

    assert request.path == "/é/"


def test_url_is_as_sent_where_the_server_keeps_it() -> None:
    request = make(RAW_URI="/%73ocket.io/?EIO=4", PATH_INFO="/socket.io/")

    assert request.url == "/%73ocket.io/?EIO=4"


@pytest.mark.parametrize(
    ("path", "query", "url"),
    [
        ("/socket.io/", "EIO=4&t=a%20b", "/socket.io/?EIO=4&t=a%20b"),
        ("/socket.io/", "", "/socket.io/"),
        ("/a b?/\xc3\xa9", "", "/a%20b%3F/%C3%A9"),
    ],
)
def test_url_is_rebuilt_otherwise(path: str, query: str, url: str) -> None:
    assert make(PATH_INFO=path, QUERY_STRING=query).url == url


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", {}),
        ("EIO=4&transport=polling", {"EIO": "4", "transport": "polling"}),
        ("a=1&a=2", {"a": "2"}),
        ("a&b=&=c&&", {"a": "", "b": "", "": "c"}),
        ("a=b=c", {"a": "b=c"}),
        ("a+b=c+d&%61%3D=%26", {"a b": "c d", "a=": "&"}),
        ("a=%zz&b=%ff", {"a": "%zz", "b": "\ufffd"}),
        ("a=\xc3\xa9", {"a": "é"}),
        ("__proto__=x&constructor=y", {"__proto__": "x", "constructor": "y"}),
    ],
)
def test_query(text: str, fields: dict[str, str]) -> None:
    assert make(QUERY_STRING=text).query == fields


def test_query_and_headers_are_read_once() -> None:
    request = make(QUERY_STRING="a=1", HTTP_HOST="x")

    assert request.query is request.query
    assert request.headers is request.headers


def test_a_request_without_query_string_has_an_empty_query() -> None:
    assert make().query == {}


# ------------------------------------------------------------------ headers


def test_headers_have_lower_case_names() -> None:
    request = make(
        HTTP_X_REAL_NAME="Bob", CONTENT_TYPE="text/plain", CONTENT_LENGTH="", PATH="/"
    )

    assert request.headers == {"x-real-name": "Bob", "content-type": "text/plain"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("User-Agent", "curl"),
        ("user-agent", "curl"),
        ("Content-Type", "text/plain"),
        ("Content-Length", None),
        ("Origin", None),
    ],
)
def test_one_header(name: str, value: str | None) -> None:
    request = make(HTTP_USER_AGENT="curl", CONTENT_TYPE="text/plain", CONTENT_LENGTH="")

    assert request.header(name) == value


def test_header_default() -> None:
    assert make().header("origin", "none") == "none"
    assert make().header("content-type", "none") == "none"


@pytest.mark.parametrize(
    ("upgrade", "connection", "verdict"),
    [
        ("websocket", "Upgrade", True),
        ("WebSocket", "keep-alive, Upgrade", True),
        ("h2c, websocket", "upgrade", True),
        ("h2c", "Upgrade", False),
        ("websocket", "keep-alive", False),
        ("websocket", "", False),
        ("websockets", "upgrade", False),
    ],
)
def test_is_upgrade(upgrade: str, connection: str, verdict: bool) -> None:
    request = make(HTTP_UPGRADE=upgrade, HTTP_CONNECTION=connection)

    assert request.is_upgrade is verdict


def test_a_request_without_upgrade_header_is_no_upgrade() -> None:
    assert make(HTTP_CONNECTION="upgrade").is_upgrade is False


@pytest.mark.parametrize(
    ("connection", "verdict"),
    [
        ("close", True),
        ("Close", True),
        ("te, close", True),
        ("keep-alive", False),
        ("closed", False),
        ("", False),
    ],
)
def test_wants_close(connection: str, verdict: bool) -> None:
    assert make(HTTP_CONNECTION=connection).wants_close is verdict
    assert make().wants_close is False


# ------------------------------------------------------------------ proxies


def test_forwarding_headers_are_ignored_by_default() -> None:
    request = make(
        REMOTE_ADDR="10.0.0.1",
        HTTP_X_FORWARDED_FOR="1.1.1.1",
        HTTP_X_FORWARDED_PROTO="https",
        HTTP_X_FORWARDED_HOST="evil.example",
        HTTP_HOST="app.example",
    )

    assert request.remote_address == "10.0.0.1"
    assert request.secure is False
    assert request.host == "app.example"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "address"),
    [
        (1, "10.0.0.1", "1.1.1.1", "1.1.1.1"),
        (1, "10.0.0.1", "9.9.9.9, 1.1.1.1", "1.1.1.1"),
        (2, "10.0.0.1", "9.9.9.9, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
        (3, "10.0.0.1", "1.1.1.1, 10.0.0.2", "1.1.1.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "", "1.1.1.1", "1.1.1.1"),
        (1, "10.0.0.1", "1.1.1.1:5678", "1.1.1.1"),
        (1, "10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        (1, "10.0.0.1", "2001:db8::1", "2001:db8::1"),
        (1, "10.0.0.1", "unknown", "10.0.0.1"),
        (1, "10.0.0.1", "no:address:either", "10.0.0.1"),
        (2, "10.0.0.1", "<script>, 10.0.0.2", "10.0.0.2"),
        (["10.0.0.0/8"], "10.0.0.1", "1.1.1.1", "1.1.1.1"),
        (["10.0.0.0/8"], "10.0.0.1", "9.9.9.9, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
        (["10.0.0.0/8"], "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (["10.0.0.0/8"], "8.8.8.8", "1.1.1.1", "8.8.8.8"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", "1.1.1.1", "1.1.1.1"),
        (["10.0.0.1", "fd00::/8"], "fd00::1", "1.1.1.1, 10.0.0.1", "1.1.1.1"),
        (["10.0.0.0/8"], "", "1.1.1.1", ""),
        (["unix"], "", "1.1.1.1", "1.1.1.1"),
        (["unix"], "8.8.8.8", "1.1.1.1", "8.8.8.8"),
        (["unix", "10.0.0.0/8"], "", "1.1.1.1, 10.0.0.2", "1.1.1.1"),
        (["10.0.0.0/8"], "10.0.0.1", "1.1.1.1, garbage", "10.0.0.1"),
    ],
)
def test_remote_address(trusted: Any, peer: str, forwarded: str, address: str) -> None:
    request = make(trusted, REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)

    assert request.remote_address == address


def test_a_peer_on_a_unix_socket_has_no_address() -> None:
    assert make(REMOTE_ADDR=b"").remote_address == ""
    assert make().remote_address == ""


@pytest.mark.parametrize(
    ("trusted", "addresses", "schemes", "secure"),
    [
        (1, "1.1.1.1", "https", True),
        (1, "1.1.1.1", "http", False),
        (1, "1.1.1.1", "WSS", True),
        (1, "1.1.1.1", "https, http", False),
        (1, "1.1.1.1", "", False),
        (1, "", "https", True),
        (2, "1.1.1.1, 10.0.0.2", "https, http", True),
        (2, "1.1.1.1, 10.0.0.2", "https, http, http", False),
        (2, "1.1.1.1, 10.0.0.2", "https", True),
        (["10.0.0.0/8"], "1.1.1.1", "https, http", False),
        (["192.168.0.0/16"], "1.1.1.1", "https", False),
    ],
)
def test_secure_behind_proxies(
    trusted: Any, addresses: str, schemes: str, secure: bool
) -> None:
    request = make(
        trusted,
        REMOTE_ADDR="10.0.0.1",
        HTTP_X_FORWARDED_FOR=addresses,
        HTTP_X_FORWARDED_PROTO=schemes,
    )

    assert request.secure is secure


def test_secure_over_tls_of_our_own() -> None:
    assert make(**{"wsgi.url_scheme": "https"}).secure is True


def test_host_behind_a_proxy() -> None:
    request = make(
        1,
        REMOTE_ADDR="10.0.0.1",
        HTTP_HOST="backend:8000",
        HTTP_X_FORWARDED_HOST="app.example",
    )

    assert request.host == "app.example"


def test_host_without_a_host_header() -> None:
    assert make(SERVER_NAME="box", SERVER_PORT="3000").host == "box:3000"


@pytest.mark.parametrize("value", [0, [], ()])
def test_nobody_is_trusted(value: Any) -> None:
    assert TrustedProxies.of(value) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1, "negative"),
        (True, "neither a number nor a list"),
        ("10.0.0.0/8", "neither a number nor a list"),
        (1.5, "neither a number nor a list"),
        (["10.0.0.1/8"], "host bits set"),
        (["nginx"], "give networks as"),
        ([b"10.0.0.0/8"], "give networks as"),
    ],
)
def test_wrong_trusted_proxies(value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TrustedProxies.of(value)


# ------------------------------------------------------------------ body


def body(data: bytes, **environ: Any) -> bytes:
    environ.setdefault("wsgi.input", io.BytesIO(data))
    return make(REQUEST_METHOD="POST", **environ).body(10)


def test_body_of_announced_length() -> None:
    assert body(b"2hello", CONTENT_LENGTH="6") == b"2hello"


def test_nothing_is_read_past_the_announced_length() -> None:
    stream = io.BytesIO(b"2helloGET / HTTP/1.1")

    assert body(b"", CONTENT_LENGTH="6", **{"wsgi.input": stream}) == b"2hello"
    assert stream.read() == b"GET / HTTP/1.1"


def test_a_request_without_length_has_no_body() -> None:
    assert body(b"stays where it is") == b""


@pytest.mark.parametrize("length", ["11", "9" * 5000])
def test_a_body_announced_too_large_is_not_read(length: str) -> None:
    stream = io.BytesIO(b"x" * 11)

    with pytest.raises(BodyTooLarge):
        body(b"", CONTENT_LENGTH=length, **{"wsgi.input": stream})
    assert stream.tell() == 0


def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    assert body(b"x" * 10, CONTENT_LENGTH="10") == b"x" * 10


def test_a_body_larger_than_announced_is_too_large_where_it_ends_by_itself() -> None:
    with pytest.raises(BodyTooLarge):
        body(b"x" * 11, CONTENT_LENGTH="5", **{"wsgi.input_terminated": True})


@pytest.mark.parametrize("length", ["x", "-1", "+5", "1_0", "٣"])
def test_a_length_that_is_no_number(length: str) -> None:
    with pytest.raises(BodyCutShort):
        body(b"hello", CONTENT_LENGTH=length)


@pytest.mark.parametrize("terminated", [False, True])
def test_a_body_cut_short(terminated: bool) -> None:
    with pytest.raises(BodyCutShort, match="3 bytes, 6 announced"):
        body(b"abc", CONTENT_LENGTH="6", **{"wsgi.input_terminated": terminated})


def test_both_errors_of_a_body_are_errors_of_the_peer() -> None:
    assert issubclass(BodyTooLarge, ProtocolError)
    assert issubclass(BodyCutShort, ProtocolError)
    assert issubclass(BodyCutShort, OSError)


@pytest.mark.parametrize("size", [0, 5, 10])
def test_a_chunked_body(size: int) -> None:
    assert chunked(b"x" * size) == b"x" * size


def test_a_chunked_body_over_the_limit() -> None:
    with pytest.raises(BodyTooLarge):
        chunked(b"x" * 11)


def test_a_garbled_chunked_body() -> None:
    stream = Input(io.BytesIO(b"zz\r\nhello"), None, chunked_input=True)

    with pytest.raises(BodyCutShort, match="unreadable"):
        body(b"", **{"wsgi.input": stream, "wsgi.input_terminated": True})


def test_a_chunked_body_that_the_server_left_as_it_came() -> None:
    with pytest.raises(BodyCutShort, match="does not decode"):
        body(b"5\r\nhello\r\n0\r\n\r\n", HTTP_TRANSFER_ENCODING="chunked")


def test_a_body_that_arrives_in_pieces() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 2))

    assert (
        body(b"", CONTENT_LENGTH="5", **{"wsgi.input": Trickle(b"hello")}) == b"hello"
    )


class Slow:
    """The body of a slow client: a read waits until everything asked for is there."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)
        self.asked: list[int] = []

    def read(self, size: int) -> bytes:
        self.asked.append(size)
        return self._data.read(size)


def test_what_comes_of_a_body_is_told_at_each_kilobyte() -> None:
    data = os.urandom(5000)
    source = Slow(data)
    parts: list[int] = []
    environ = {"CONTENT_LENGTH": "5000", "wsgi.input": source}

    assert make(**environ).body(10_000, parts.append) == data

    assert parts == [1024] * 4 + [904]
    assert max(source.asked) <= PART


def test_a_server_that_can_is_asked_for_what_has_arrived() -> None:
    class Quick(Slow):
        def read1(self, size: int) -> bytes:
            return super().read(min(size, 700))

        def read(self, size: int) -> bytes:
            raise AssertionError("it would wait")

    parts: list[int] = []
    environ = {"CONTENT_LENGTH": "2000", "wsgi.input": Quick(b"x" * 2000)}

    assert make(**environ).body(10_000, parts.append) == b"x" * 2000

    assert parts == [700, 700, 600]


def chunked(data: bytes) -> bytes:
    wire = b"".join(b"1\r\n%c\r\n" % byte for byte in data) + b"0\r\n\r\n"
    stream = Input(io.BytesIO(wire), None, chunked_input=True)
    return body(
        b"",
        HTTP_TRANSFER_ENCODING="Chunked",
        **{"wsgi.input": stream, "wsgi.input_terminated": True},
    )


def test_a_request_says_what_it_is() -> None:
    assert repr(make(PATH_INFO="/socket.io/")) == "<Request GET /socket.io/>"
