"""The cookie for load balancers."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

import sockio

from .conftest import StartEngine


@pytest.mark.parametrize("cookie", [False, None])
def test_without_the_option_there_is_no_cookie(
    start_engine: StartEngine, cookie: Any
) -> None:
    session = start_engine(cookie=cookie).raw.open_session()

    assert "set-cookie" not in session.answer.headers


# The value is the sid of the engine
@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        (True, "io={sid}; Path=/; HttpOnly; SameSite=Lax"),
        (sockio.Cookie(), "io={sid}; Path=/; HttpOnly; SameSite=Lax"),
        (sockio.Cookie(name="woot"), "woot={sid}; Path=/; HttpOnly; SameSite=Lax"),
        (
            sockio.Cookie(path="/custom"),
            "io={sid}; Path=/custom; HttpOnly; SameSite=Lax",
        ),
        (sockio.Cookie(path=False), "io={sid}; HttpOnly; SameSite=Lax"),
        (sockio.Cookie(http_only=False), "io={sid}; Path=/; SameSite=Lax"),
        (
            sockio.Cookie(same_site="strict"),
            "io={sid}; Path=/; HttpOnly; SameSite=Strict",
        ),
        (
            sockio.Cookie(
                domain="example.org",
                max_age=60,
                expires=datetime(2030, 1, 1, tzinfo=timezone.utc),
                secure=True,
                partitioned=True,
                priority="high",
                same_site="none",
            ),
            "io={sid}; Max-Age=60; Domain=example.org; Path=/; "
            "Expires=Tue, 01 Jan 2030 00:00:00 GMT; HttpOnly; Secure; Partitioned; "
            "Priority=High; SameSite=None",
        ),
    ],
)
def test_the_handshake_sets_the_cookie(
    start_engine: StartEngine, cookie: Any, expected: str
) -> None:
    session = start_engine(cookie=cookie).raw.open_session()

    assert session.answer.headers["set-cookie"] == expected.format(sid=session.sid)


def test_no_other_answer_sets_the_cookie(start_engine: StartEngine) -> None:
    engine = start_engine(cookie=True)
    session = engine.raw.open_session()
    engine.session.send("a")

    answers = [
        session.poll(),
        session.post("4a"),
        session.websocket().answer,
        engine.raw.request(transport="polling", sid="unknown"),
        engine.raw.request(transport="polling", EIO=3),
    ]

    assert all("set-cookie" not in answer.headers for answer in answers)


# A session that starts on a WebSocket has its cookie in the 101
def test_a_websocket_handshake_sets_the_cookie_too(start_engine: StartEngine) -> None:
    engine = start_engine(cookie=True)

    websocket, fields = engine.raw.open_websocket_session()

    assert websocket.answer.headers["set-cookie"].startswith(f"io={fields['sid']}; ")


# A custom id is escaped
def test_an_id_of_any_kind_fits_the_cookie(start_engine: StartEngine) -> None:
    engine = start_engine(cookie=True, generate_id=lambda request: "a b;c=€")

    session = engine.raw.open_session()

    assert session.sid == "a b;c=€"
    assert session.answer.headers["set-cookie"].startswith("io=a%20b%3Bc%3D%E2%82%AC; ")
    assert session.post("4a").status == 200
