"""Environ: an HTTP/3 request as WSGI applications see it."""

from __future__ import annotations

import pytest

from sockio.engine.quic.environ import Header, environ_of

PEER = ("192.0.2.7", 4433)


def request(path: bytes = b"/", authority: bytes = b"a.example:443") -> list[Header]:
    return [
        (b":method", b"CONNECT"),
        (b":protocol", b"webtransport"),
        (b":scheme", b"https"),
        (b":authority", authority),
        (b":path", path),
    ]


def test_the_pseudo_headers_have_their_places() -> None:
    environ = environ_of(request(b"/socket.io/?a=1&b=%20"), PEER)

    assert environ["REQUEST_METHOD"] == "CONNECT"
    assert environ["PATH_INFO"] == "/socket.io/"
    assert environ["QUERY_STRING"] == "a=1&b=%20"
    assert environ["RAW_URI"] == "/socket.io/?a=1&b=%20"
    assert environ["HTTP_HOST"] == "a.example:443"
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("192.0.2.7", "4433")
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["wsgi.input"].read() == b""


@pytest.mark.parametrize(
    ("authority", "name", "port"),
    [
        (b"a.example:8443", "a.example", "8443"),
        (b"a.example", "a.example", "443"),
        (b"[::1]:8443", "[::1]", "8443"),
        (b"[::1]", "[::1]", "443"),
        (b"", "", "443"),
    ],
)
def test_name_and_port_come_from_the_authority(
    authority: bytes, name: str, port: str
) -> None:
    environ = environ_of(request(authority=authority), PEER)

    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)


def test_a_path_is_decoded_to_one_character_a_byte() -> None:
    environ = environ_of(request(b"/%C3%A9/%2F?x=%C3%A9"), PEER)

    assert environ["PATH_INFO"] == "/\xc3\xa9//"
    assert environ["QUERY_STRING"] == "x=%C3%A9"


def test_headers_become_variables() -> None:
    lines = [
        (b"origin", b"https://a.example"),
        (b"content-type", b"text/plain"),
        (b"x-name", "é".encode("latin-1")),
    ]

    environ = environ_of(request() + lines, PEER)

    assert environ["HTTP_ORIGIN"] == "https://a.example"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["HTTP_X_NAME"] == "é"


# RFC 9114, 4.2.1: cookies may come in pieces.
def test_repeated_headers_are_joined() -> None:
    lines = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-a", b"1"), (b"x-a", b"2")]

    environ = environ_of(request() + lines, PEER)

    assert (environ["HTTP_COOKIE"], environ["HTTP_X_A"]) == ("a=1; b=2", "1,2")


def test_a_header_with_an_underscore_cannot_pass_for_another() -> None:
    lines = [(b"x-forwarded-for", b"192.0.2.1"), (b"x_forwarded_for", b"127.0.0.1")]

    environ = environ_of(request() + lines, PEER)

    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1"


def test_a_host_header_does_not_join_the_authority() -> None:
    environ = environ_of([*request(), (b"host", b"b.example")], PEER)

    assert environ["HTTP_HOST"] == "a.example:443"


def test_a_request_without_a_path_is_for_the_root() -> None:
    environ = environ_of([(b":method", b"CONNECT")], PEER)

    assert (environ["PATH_INFO"], environ["HTTP_HOST"]) == ("/", "")
