from __future__ import annotations

import pytest

from sockio.httpd.options import HttpOptions
from sockio.httpd.request_head import Headers, HeadReader, Refused

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_one_head_is_read_after_the_other() -> None:
    heads = HeadReader(HttpOptions())

    assert heads.read(HEAD[:20]) is None
    first = heads.read(HEAD + b"more")
    assert heads.size == len(HEAD)
    assert heads.request_line(HEAD).method == "GET"
    second = heads.read(HEAD)

    assert first is second
    assert first is not None
    assert first.fields == {"HTTP_HOST": "a"}


@pytest.mark.parametrize(
    "head", [HEAD, b"GET / HTTP/1.0\r\n\r\n", HEAD[:-2] + b"a:  b \r\nA:\xff\r\n\r\n"]
)
def test_a_head_as_it_came(head: bytes) -> None:
    heads = HeadReader(HttpOptions())
    heads.read(head + b"more")

    assert heads.raw == head


@pytest.mark.parametrize(
    ("connection", "old", "new"),
    [
        (b"", False, True),
        (b"close", False, False),
        (b"Keep-Alive", True, True),
        (b"closed", False, True),
        (b"x, close", False, False),
        (b"keep-alive, Close", False, False),
        (b"upgrade,keep-alive", True, True),
    ],
)
def test_who_wants_to_go_on(connection: bytes, old: bool, new: bool) -> None:
    headers = Headers(b"Connection: " + connection, HttpOptions())

    assert headers.keep_alive("HTTP/1.0") is old
    assert headers.keep_alive("HTTP/1.1") is new


@pytest.mark.parametrize(
    ("head", "option"),
    [
        (b"GET /" + b"a" * 100, "max_line"),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 100, "max_line"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100, "max_head"),
        (b"nonsense\r\n", None),
    ],
)
def test_the_option_that_forbids_it_is_named(head: bytes, option: str | None) -> None:
    with pytest.raises(Refused) as caught:
        HeadReader(HttpOptions(max_line=50, max_head=200)).read(head)

    assert caught.value.option == option


@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["its beginning", "a whole head"])
@pytest.mark.parametrize(
    ("head", "option"),
    [
        (b"GET /%b HTTP/1.1\r\nHost: a\r\n" % (b"a" * 40), "max_request_line"),
        (b"GET / HTTP/1.1\r\nHost: %b\r\n" % (b"a" * 60), "max_line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 3, "max_fields"),
    ],
)
def test_each_part_of_a_head_has_a_limit(head: bytes, option: str, end: bytes) -> None:
    limits = HttpOptions(max_line=50, max_request_line=40, max_fields=3)

    with pytest.raises(Refused) as caught:
        HeadReader(limits).read(head + end)

    assert caught.value.option == option


def test_a_request_line_may_be_longer_than_a_header_line() -> None:
    head = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 40)
    heads = HeadReader(HttpOptions(max_line=20, max_request_line=80))

    assert heads.read(head[:-1]) is None
    assert heads.read(head) is not None


def test_headers_are_judged_only_once() -> None:
    """A client sends the same headers again and again."""
    heads = HeadReader(HttpOptions())
    first = heads.read(HEAD)
    assert first is not None
    first.memo = "found out"

    again = heads.read(HEAD.replace(b"GET", b"PUT"))

    assert again is not None
    assert again.memo == "found out"
