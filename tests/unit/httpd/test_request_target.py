from __future__ import annotations

import pytest

from sockio.httpd.request_target import is_host, parse_request_line


def test_an_ordinary_line_has_path_and_query() -> None:
    line = parse_request_line(b"GET /a%20b?c=/?d HTTP/1.1")

    assert line == ("GET", "/a%20b?c=/?d", "HTTP/1.1", "/a%20b", "c=/?d", None)


def test_an_absolute_target_names_the_host() -> None:
    line = parse_request_line(b"GET http://h:1?q HTTP/1.0")

    assert line == ("GET", "http://h:1?q", "HTTP/1.0", "/", "q", "h:1")


@pytest.mark.parametrize("target", [b"/", b"*", b"http://h/", b"h", b"h:1"])
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"CONNECT"])
def test_each_method_has_its_forms(method: bytes, target: bytes) -> None:
    line = parse_request_line(method + b" " + target + b" HTTP/1.1")

    allowed = {
        b"GET": (b"/", b"http://h/"),
        b"OPTIONS": (b"/", b"http://h/", b"*"),
        b"CONNECT": (b"/", b"h:1"),
    }
    assert (line is not None) == (target in allowed[method])


@pytest.mark.parametrize("host", ["", "a", "a.b:1", "a:", "[::1]", "[::1]:2", "[v1.a]"])
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize("host", ["a b", "a/", "u@h", "a:b", "::1", "[1]", "[::::]"])
def test_no_hosts(host: str) -> None:
    assert not is_host(host)
