from __future__ import annotations

import json
from typing import Any

import pytest

from sockio.engine.http.request import Request
from sockio.engine.http.response import Headers, Response


def started(
    response: Response, method: str = "GET"
) -> tuple[str, list[tuple[str, str]], bytes]:
    said: list[Any] = []
    body = response.start(
        lambda status, headers: said.extend((status, headers)), method
    )
    return said[0], said[1], b"".join(body)


def prepared(**environ: Any) -> Headers:
    response = Response()
    response.prepare(Request({"REQUEST_METHOD": "GET", **environ}))
    return response.headers


# ------------------------------------------------------------------ headers


def test_headers_are_found_in_any_case() -> None:
    headers = Headers()
    headers["Content-Type"] = "text/plain"

    assert headers["content-type"] == "text/plain"
    assert "CONTENT-TYPE" in headers
    assert 5 not in headers  # type: ignore[comparison-overlap]


def test_a_header_is_added_to_those_of_its_name() -> None:
    headers = Headers()

    headers.add("Set-Cookie", "a=1")
    assert headers["set-cookie"] == "a=1"
    headers.add("Set-Cookie", "b=2")
    headers.add("set-cookie", "c=3")

    assert headers.lines() == [
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("set-cookie", "c=3"),
    ]


def test_the_spelling_set_last_is_sent() -> None:
    headers = Headers()
    headers["content-type"] = "text/plain"
    headers["Content-Type"] = "text/html"

    assert headers.lines() == [("Content-Type", "text/html")]
    assert list(headers) == ["Content-Type"]
    assert len(headers) == 1


def test_a_header_can_be_deleted() -> None:
    headers = Headers()
    headers["X-A"] = "1"

    del headers["x-a"]

    assert not headers
    assert headers.lines() == []


def test_a_list_gives_several_lines() -> None:
    headers = Headers()
    headers["Set-Cookie"] = ["a=1", "b=2"]

    assert headers.lines() == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    assert repr(headers) == "Headers({'Set-Cookie': ['a=1', 'b=2']})"


@pytest.mark.parametrize("value", ["a\r\nb", "a\n", "\x00", "€", ["fine", "a\rb"]])
def test_what_no_header_can_carry_is_refused(value: str | list[str]) -> None:
    with pytest.raises(ValueError, match="header X-A cannot be"):
        Headers()["X-A"] = value


@pytest.mark.parametrize("value", ["a\tb", "caf\xe9", ""])
def test_unusual_but_possible_values(value: str) -> None:
    headers = Headers()
    headers["X-A"] = value

    assert headers["X-A"] == value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "Origin"),
        ("Accept", "Accept, Origin"),
        ("accept, ORIGIN", "accept, ORIGIN"),
        ("*", "*"),
        (["Accept", "Cookie"], "Accept, Cookie, Origin"),
    ],
)
def test_vary_gets_each_field_once(before: Any, after: str) -> None:
    headers = Headers()
    if before is not None:
        headers["vary"] = before

    headers.vary("Origin")

    assert headers["Vary"] == after


# ------------------------------------------------------------------ response


def test_an_answer() -> None:
    response = Response()
    response.headers["Content-Type"] = "text/plain"
    response.end(body="héllo")

    assert started(response) == (
        "200 OK",
        [("Content-Type", "text/plain"), ("Content-Length", "6")],
        "héllo".encode(),
    )


def test_only_the_first_end_counts() -> None:
    response = Response()
    response.end(400, b"no")
    response.end(200, b"yes")
    response.refuse(3, "Bad request")

    assert response.ended
    assert started(response) == ("400 Bad Request", [("Content-Length", "2")], b"no")


def test_an_end_without_arguments_keeps_what_was_set() -> None:
    response = Response()
    response.status, response.body = 201, b"made"
    response.end()

    assert started(response) == ("201 Created", [("Content-Length", "4")], b"made")


def test_an_empty_answer() -> None:
    response = Response()
    response.end(413, b"")

    status, headers, body = started(response)

    assert status.startswith("413 ")
    assert (headers, body) == ([("Content-Length", "0")], b"")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_body_have_no_length(status: int) -> None:
    response = Response()
    response.end(status)

    assert started(response)[1:] == ([], b"")


def test_a_length_that_was_set_is_kept() -> None:
    response = Response()
    response.headers["content-length"] = "0"
    response.end(204)

    assert started(response)[1] == [("content-length", "0")]


def test_an_unknown_status() -> None:
    response = Response()
    response.end(499)

    assert started(response)[0] == "499 Unknown"


@pytest.mark.parametrize(
    ("code", "message", "status", "body"),
    [
        (
            0,
            "Transport unknown",
            "400 Bad Request",
            b'{"code":0,"message":"Transport unknown"}',
        ),
        (4, "Forbidden", "403 Forbidden", b'{"code":4,"message":"Forbidden"}'),
        (4, 'ça "va"', "403 Forbidden", '{"code":4,"message":"ça \\"va\\""}'.encode()),
        (3, "\ud800", "400 Bad Request", b'{"code":3,"message":"\\ud800"}'),
    ],
)
def test_a_refusal(code: int, message: str, status: str, body: bytes) -> None:
    response = Response()
    response.refuse(code, message)

    assert started(response) == (
        status,
        [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
        body,
    )
    assert json.loads(body) == {"code": code, "message": message}


def test_a_refusal_keeps_the_headers_of_middlewares() -> None:
    response = Response()
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.refuse(1, "Session ID unknown")

    assert ("Access-Control-Allow-Origin", "*") in response.header_lines()


def test_a_response_says_what_it_is() -> None:
    response = Response()
    assert repr(response) == "<Response 200 open 0 bytes>"

    response.end(404, b"x")
    assert repr(response) == "<Response 404 ended 1 bytes>"


# ------------------------------------------------------------------ prepare


def test_nothing_is_cached() -> None:
    assert dict(prepared()) == {"cache-control": "no-store"}


def test_cache_control_of_a_middleware_is_kept() -> None:
    response = Response()
    response.headers["Cache-Control"] = "public"
    response.prepare(Request({"REQUEST_METHOD": "GET"}))

    assert response.header_lines() == [("Cache-Control", "public")]


@pytest.mark.parametrize(
    ("agent", "value"),
    [
        ("Mozilla/4.0 (compatible;MSIE 8.0)", "0"),
        ("Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0)", "0"),
        ("Mozilla/5.0 (X11; Linux) Firefox/130.0", None),
    ],
)
def test_the_xss_filter_of_internet_explorer(agent: str, value: str | None) -> None:
    assert prepared(HTTP_USER_AGENT=agent).get("x-xss-protection") == value


def test_the_end_of_the_connection_is_announced_as_the_client_asked() -> None:
    software = "gevent/26.9 Python/3.11"

    assert (
        prepared(HTTP_CONNECTION="close", SERVER_SOFTWARE=software)["Connection"]
        == "close"
    )
    assert "Connection" not in prepared(HTTP_CONNECTION="keep-alive")


def test_wsgiref_accepts_no_connection_header() -> None:
    headers = prepared(HTTP_CONNECTION="close", SERVER_SOFTWARE="WSGIServer/0.2")

    assert "Connection" not in headers


# ------------------------------------------------------------------ upgrade requests


def test_head_gets_the_headers_of_the_body_it_does_not_get() -> None:
    response = Response()
    response.end(404, b"nothing here")

    got = started(response)
    asked = started(response, "HEAD")

    assert asked[:2] == got[:2]
    assert ("Content-Length", "12") in asked[1]
    assert (got[2], asked[2]) == (b"nothing here", b"")
