"""What a page may show, and what it may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sockio.admin.hiding import (
    CUT,
    DEPTH,
    HIDDEN,
    VALUES,
    headers_shown,
    query_shown,
    shown,
    url_shown,
)


@pytest.mark.parametrize(
    "name",
    [
        "password", "PASSWORD", "userPassword", "new-password", "passwd", "pwd",
        "passwords", "token", "accessToken", "refresh_token", "csrftoken", "tokens",
        "X-CSRF-Token", "secret", "client_secret", "apiKey", "API_KEY", "x-api-key",
        "privateKey", "sessionId", "PHPSESSID", "cookie", "Cookies", "authorization",
        "auth", "oauth", "jwt", "idJWT", "credentials", "x" * 100 + "_token",
    ],
)  # fmt: skip
def test_values_with_such_a_name_are_hidden(name: str) -> None:
    assert shown({name: "s3cret"}) == {name: HIDDEN}
    assert shown([{"deep": {name: ["s3cret"]}}]) == [{"deep": {name: HIDDEN}}]
    assert query_shown({name: "s3cret"}) == {name: HIDDEN}


@pytest.mark.parametrize(
    "name",
    ["name", "key", "code", "author", "keyboard", "passenger", "session", "sid", "id",
     "accessible", "bypass", "secretary", "", "é"],
)  # fmt: skip
def test_values_with_other_names_are_shown(name: str) -> None:
    assert shown({name: "x"}) == {name: "x"}


@pytest.mark.parametrize("name", ["key", "code", "sid", "session", "sig", "pass"])
def test_in_a_query_more_names_are_secret(name: str) -> None:
    assert query_shown({name: "x", "EIO": "4"}) == {name: HIDDEN, "EIO": "4"}


def test_headers() -> None:
    told = headers_shown(
        {
            "host": "example.org",
            "cookie": "a=b",
            "authorization": "Basic eDp5",
            "proxy-authorization": "x",
            "x-forwarded-for": "10.0.0.1",
            "x-api-key": "x",
            "x-goog-iap-jwt-assertion": "x",
            "sec-websocket-key": "x",
            "sec-websocket-protocol": "v1, eyJhbGc",
            "x-other": "bearer abc",
            "x-more": "eyJhbGciOi.eyJzdWIi.sig",
            "referer": "https://example.org/a?token=x&page=2",
        }
    )

    assert {name: value for name, value in told.items() if value != HIDDEN} == {
        "host": "example.org",
        "x-forwarded-for": "10.0.0.1",
        "sec-websocket-key": "x",
        "referer": f"https://example.org/a?token={HIDDEN}&page=2",
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/socket.io/", "/socket.io/"),
        ("/?EIO=4&transport=polling&t=x", "/?EIO=4&transport=polling&t=x"),
        ("/?token=s3cret&b=%20", f"/?token={HIDDEN}&b=%20"),
        ("/?to%6ben=s3cret", f"/?to%6ben={HIDDEN}"),
        ("/?a=Bearer%20s3cret", f"/?a={HIDDEN}"),
        ("/?token", "/?token"),
        ("/?&&=&token=", "/?&&=&token="),
    ],
)
def test_urls(url: str, expected: str) -> None:
    assert url_shown(url) == expected


@dataclass
class User:
    name: str
    password: str
    friends: list[Any]


def test_what_json_cannot_carry() -> None:
    user = User("ann", "s3cret", [User, {1, 2}])
    value = {1: user, "b": [b"x", bytearray(b"y")], "t": (None, True, 1.5)}

    assert shown(value) == {
        "1": {"name": "ann", "password": HIDDEN, "friends": ["<type>", "<set>"]},
        "b": [b"x", b"y"],
        "t": [None, True, 1.5],
    }


def test_a_value_that_holds_itself_has_an_end() -> None:
    value: dict[str, Any] = {}
    value["self"] = value

    told = shown(value)

    for _ in range(DEPTH):
        told = told["self"]
    assert told == CUT


def test_so_much_is_shown_and_no_more() -> None:
    told = shown([[]] * (VALUES + 5))

    assert told.count(CUT) == 6
