"""CORS headers, on each kind of answer."""

from __future__ import annotations

import re
from typing import Any

import pytest

import sockio
from tests.support.engine import RunningEngine
from tests.support.http_wire import Answer

from .conftest import StartEngine

ORIGIN = "https://app.example"
NAMES = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
    "vary",
)


def cors_headers(answer: Answer) -> dict[str, str]:
    return {name: answer.headers[name] for name in NAMES if name in answer.headers}


def preflight(engine: RunningEngine, **headers: str) -> Answer:
    fields = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "X-One, X-Two",
    }
    return engine.raw.request("OPTIONS", transport="polling", headers=fields | headers)


def handshake(engine: RunningEngine, origin: str | None = ORIGIN) -> Answer:
    headers = {} if origin is None else {"Origin": origin}
    return engine.raw.request(transport="polling", headers=headers)


@pytest.mark.parametrize("cors", [None, False])
def test_without_the_option_there_are_no_headers(
    start_engine: StartEngine, cors: Any
) -> None:
    engine = start_engine(cors=cors)

    assert cors_headers(handshake(engine)) == {}
    assert preflight(engine).status == 400


@pytest.mark.parametrize(
    ("cors", "allowed", "varies"),
    [
        ("*", "*", False),
        (ORIGIN, ORIGIN, True),
        ("https://other.example", "https://other.example", True),
        (True, ORIGIN, True),
        ([ORIGIN, "https://other.example"], ORIGIN, True),
        (re.compile(r"^https://app\."), ORIGIN, True),
        ([re.compile(r"\.example$")], ORIGIN, True),
        (["https://other.example"], None, True),
        (lambda origin, request: origin.endswith(".example"), ORIGIN, True),
        (lambda origin, request: False, None, False),
        (sockio.Cors(), "*", False),
    ],
)
def test_origins_are_allowed_as_configured(
    start_engine: StartEngine, cors: Any, allowed: str | None, varies: bool
) -> None:
    answer = handshake(start_engine(cors=cors))

    # Even a request that is not allowed is processed.
    assert answer.status == 200
    assert answer.headers.get("access-control-allow-origin") == allowed
    assert answer.headers.get("vary") == ("Origin" if varies else None)


def test_a_preflight_request_is_answered(start_engine: StartEngine) -> None:
    answer = preflight(start_engine(cors="*"))

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["content-length"] == "0"
    assert cors_headers(answer) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
        "access-control-allow-headers": "X-One, X-Two",
        "vary": "Access-Control-Request-Headers",
    }


FULL = sockio.Cors(
    origin=ORIGIN,
    methods=["GET", "POST"],
    headers=["my-header"],
    exposed_headers=["X-Seen", "X-Heard"],
    credentials=True,
    max_age=123,
    options_success_status=200,
)


def test_a_preflight_answer_says_all_that_is_configured(
    start_engine: StartEngine,
) -> None:
    answer = preflight(start_engine(cors=FULL))

    assert answer.status == 200
    assert cors_headers(answer) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "my-header",
        "access-control-expose-headers": "X-Seen,X-Heard",
        "access-control-max-age": "123",
        "vary": "Origin",
    }


# Normal answers carry less
def test_every_other_answer_says_who_may_read_it(start_engine: StartEngine) -> None:
    engine = start_engine(cors=FULL)
    headers = {"Origin": ORIGIN}
    session = engine.raw.open_session(headers=headers)
    engine.session.send("a")

    answers = [
        session.answer,
        session.poll(headers=headers),
        session.post("4a", headers=headers),
        session.post("4a", headers=headers, method="PUT"),
        engine.raw.request(transport="polling", sid="unknown", headers=headers),
        session.websocket(headers).answer,
    ]

    assert [answer.status for answer in answers] == [200, 200, 200, 500, 400, 101]
    for answer in answers:
        assert cors_headers(answer) == {
            "access-control-allow-origin": ORIGIN,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": "X-Seen,X-Heard",
            "vary": "Origin",
        }


# preflight_continue leaves the request to the engine, which refuses it
def test_a_preflight_request_may_go_on_to_the_engine(
    start_engine: StartEngine,
) -> None:
    answer = preflight(start_engine(cors=sockio.Cors(preflight_continue=True)))

    assert answer.status == 400
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_preflight_request_does_not_touch_its_session(
    start_engine: StartEngine,
) -> None:
    engine = start_engine(cors="*")
    session = engine.raw.open_session()

    http = engine.raw.http()
    answer = http.request("OPTIONS", session.target(), headers={"Origin": ORIGIN})

    assert answer.status == 204
    assert session.post("4a").status == 200
    assert engine.closes == []


# A WebSocket of another site works without CORS
@pytest.mark.parametrize("cors", [None, "https://other.example"])
def test_cors_refuses_nobody(start_engine: StartEngine, cors: Any) -> None:
    engine = start_engine(cors=cors)

    engine.raw.open_websocket_session(headers={"Origin": ORIGIN})

    assert engine.engine.clients_count == 1


def test_a_request_without_origin_is_served(start_engine: StartEngine) -> None:
    engine = start_engine(cors=True)

    answer = handshake(engine, origin=None)

    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers
