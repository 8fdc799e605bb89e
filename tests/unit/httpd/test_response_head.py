from __future__ import annotations

from typing import Any

import pytest

from sockio.httpd.response_head import ResponseHead


def test_headers_become_lines_in_order() -> None:
    head = ResponseHead("200 OK", [("B", "1"), ("A", "2"), ("B", "3"), ("D", "")])

    assert head.lines == ["B: 1", "A: 2", "B: 3", "D: "]
    assert (head.status, head.code, head.bodiless) == ("200 OK", 200, False)
    assert (head.length, head.closes, head.dated) == (None, False, False)


def test_what_matters_to_the_server_is_found_in_any_case() -> None:
    head = ResponseHead(
        "200 OK",
        [
            ("content-LENGTH", "007"),
            ("CONNECTION", "Close"),
            ("date", "now"),
            ("Keep-Alive", "timeout=5"),
        ],
    )

    assert head.lines == ["content-LENGTH: 007", "date: now"]
    assert (head.length, head.closes, head.dated) == (7, True, True)


@pytest.mark.parametrize(
    ("status", "bodiless"),
    [
        ("103 Early Hints", True),
        ("204 No Content", True),
        ("205 Reset Content", False),
        ("304 Not Modified", True),
    ],
)
def test_some_answers_have_no_body(status: str, bodiless: bool) -> None:
    assert ResponseHead(status, []).bodiless is bodiless


def test_a_space_follows_the_number_in_any_case() -> None:
    assert ResponseHead("404", []).status == "404 "


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (200, [], TypeError),
        ("OK", [], ValueError),
        ("200 \n", [], ValueError),
        ("200 OK", (), TypeError),
        ("200 OK", ["ab"], TypeError),
        ("200 OK", [("a", 1)], TypeError),
        ("200 OK", [("a", "\0")], ValueError),
        ("200 OK", [("a b", "")], ValueError),
        ("200 OK", [("TE", "")], ValueError),
        ("200 OK", [("Content-Length", "1 ")], ValueError),
        ("200 OK", [("Content-Length", "1")] * 2, ValueError),
    ],
)
def test_what_cannot_be_sent_is_refused(
    status: Any, headers: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ResponseHead(status, headers)
