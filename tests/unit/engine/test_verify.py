from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from sockio.engine.http.request import Request
from sockio.engine.options import EngineOptions
from sockio.engine.verify import (
    Refusal,
    protocol_of,
    verify,
    verify_allowed,
    verify_webtransport,
)
from sockio.errors import Forbidden
from sockio.runtime.surroundings import Surroundings

POLLING = "EIO=4&transport=polling"
WEBSOCKET = "EIO=4&transport=websocket"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}


class Session(NamedTuple):
    transport_name: str = "polling"
    protocol: int = 4


def request(query: str, method: str = "GET", **headers: str) -> Request:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/engine.io/",
        "QUERY_STRING": query,
        "HTTP_HOST": "example.org",
    }
    for name, value in headers.items():
        environ["HTTP_" + name.upper()] = value
    return Request(environ)


def judge(
    query: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    sessions: dict[str, Session] | None = None,
    **options: Any,
) -> Refusal | None:
    return verify(
        request(query, method, **(headers or {})),
        sessions or {},
        EngineOptions(**options),
        Surroundings(),
    )


def told(refusal: Refusal | None) -> tuple[int, dict[str, Any], str]:
    """Return the code and the context of a refusal, and what the client is told."""
    assert refusal is not None
    return (*refusal, refusal.text)


# ------------------------------------------------------------------ accepted


def test_a_polling_handshake_is_accepted() -> None:
    assert judge(POLLING) is None


def test_a_websocket_handshake_is_accepted() -> None:
    assert judge(WEBSOCKET, headers=UPGRADE) is None


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_request_of_a_polling_session_is_accepted(method: str) -> None:
    assert judge(POLLING + "&sid=a", method, sessions={"a": Session()}) is None


def test_an_upgrade_of_a_polling_session_is_accepted() -> None:
    query = WEBSOCKET + "&sid=a"

    assert judge(query, headers=UPGRADE, sessions={"a": Session()}) is None


def test_an_upgrade_of_an_upgraded_session_is_left_to_the_session() -> None:
    sessions = {"a": Session("websocket")}

    assert judge(WEBSOCKET + "&sid=a", headers=UPGRADE, sessions=sessions) is None


def test_an_empty_sid_is_none() -> None:
    assert judge(POLLING + "&sid=") is None


# ------------------------------------------------------------------ 0: transport


@pytest.mark.parametrize(
    "transport",
    ["tobi", "constructor", "__proto__", "__class__", "webtransport", "POLLING", ""],
)
def test_an_unknown_transport_is_refused(transport: str) -> None:
    refusal = judge(f"EIO=4&transport={transport}")

    assert told(refusal) == (0, {"transport": transport}, "Transport unknown")


def test_a_missing_transport_is_refused() -> None:
    assert judge("EIO=4") == (0, {"transport": None})


def test_a_transport_that_is_not_configured_is_refused() -> None:
    assert judge(POLLING, transports=["websocket"]) == (0, {"transport": "polling"})


# ------------------------------------------------------------------ 3: origin


@pytest.mark.parametrize("origin", ["http://a\x00", "\x7f", "http://a\nb", "\u0100"])
def test_an_origin_that_no_header_can_have_is_refused(origin: str) -> None:
    refusal = judge(POLLING, headers={"origin": origin})

    assert told(refusal) == (
        3,
        {"name": "INVALID_ORIGIN", "origin": origin},
        "Bad request",
    )


@pytest.mark.parametrize("origin", ["", "null", "http://a\tb", "http://caf\xe9"])
def test_any_other_origin_is_accepted(origin: str) -> None:
    assert judge(POLLING, headers={"origin": origin}) is None


# ------------------------------------------------------------------ 1, 3: known sid


def test_an_unknown_sid_is_refused() -> None:
    refusal = judge(POLLING + "&sid=b", sessions={"a": Session()})

    assert told(refusal) == (1, {"sid": "b"}, "Session ID unknown")


def test_polling_for_a_websocket_session_is_a_mismatch() -> None:
    sessions = {"a": Session("websocket")}

    assert judge(POLLING + "&sid=a", sessions=sessions) == (
        3,
        {
            "name": "TRANSPORT_MISMATCH",
            "transport": "polling",
            "previousTransport": "websocket",
        },
    )


@pytest.mark.parametrize("current", ["polling", "websocket"])
def test_websocket_without_an_upgrade_is_a_mismatch(current: str) -> None:
    # Node does not answer the request of a session that is on a WebSocket.
    refusal = judge(WEBSOCKET + "&sid=a", sessions={"a": Session(current)})

    assert refusal is not None
    assert refusal.context["name"] == "TRANSPORT_MISMATCH"


@pytest.mark.parametrize("eio", ["EIO=3&", "", "EIO=5&"])
def test_another_protocol_than_the_sessions_is_a_mismatch(eio: str) -> None:
    query = eio + "transport=polling&sid=a"

    assert judge(query, sessions={"a": Session()}) == (
        3,
        {"name": "PROTOCOL_MISMATCH", "protocol": 3, "previousProtocol": 4},
    )


def test_the_transport_is_compared_before_the_protocol() -> None:
    refusal = judge("transport=polling&sid=a", sessions={"a": Session("websocket")})

    assert refusal is not None
    assert refusal.context["name"] == "TRANSPORT_MISMATCH"


def test_an_upgrade_to_polling_is_refused() -> None:
    refusal = judge(POLLING + "&sid=a", headers=UPGRADE, sessions={"a": Session()})

    assert refusal == (3, {"name": "TRANSPORT_HANDSHAKE_ERROR"})


# ------------------------------------------------------------------ 2, 3: handshake


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "HEAD", "DELETE"])
def test_a_handshake_is_a_get(method: str) -> None:
    refusal = judge(POLLING, method)

    assert told(refusal) == (2, {"method": method}, "Bad handshake method")


def test_a_websocket_handshake_needs_an_upgrade() -> None:
    assert judge(WEBSOCKET) == (3, {"name": "TRANSPORT_HANDSHAKE_ERROR"})


def test_a_polling_handshake_cannot_be_an_upgrade() -> None:
    refusal = judge(POLLING, headers=UPGRADE)

    assert refusal == (3, {"name": "TRANSPORT_HANDSHAKE_ERROR"})


# ------------------------------------------------------------------ 4: allowed


def test_allow_request_may_forbid_with_its_own_words() -> None:
    def deny(request: Request) -> None:
        raise Forbidden("Thou shall not pass")

    refusal = judge(POLLING, allow_request=deny)

    assert told(refusal) == (
        4,
        {"message": "Thou shall not pass"},
        "Thou shall not pass",
    )


def test_without_words_it_is_forbidden() -> None:
    def deny(request: Request) -> None:
        raise Forbidden

    refusal = judge(POLLING, allow_request=deny)

    assert refusal is not None
    assert refusal.text == "Forbidden"


def test_allow_request_is_asked_for_handshakes_only() -> None:
    asked: list[str] = []

    def ask(request: Request) -> None:
        asked.append(request.query["n"])

    sessions = {"a": Session()}
    judge(POLLING + "&n=handshake", allow_request=ask)
    judge(POLLING + "&n=poll&sid=a", sessions=sessions, allow_request=ask)
    judge(
        WEBSOCKET + "&n=upgrade&sid=a",
        headers=UPGRADE,
        sessions=sessions,
        allow_request=ask,
    )
    judge(POLLING + "&n=post", "POST", allow_request=ask)

    assert asked == ["handshake"]


def test_an_error_of_allow_request_is_not_swallowed() -> None:
    def broken(request: Request) -> None:
        raise KeyError("token")

    with pytest.raises(KeyError):
        judge(POLLING, allow_request=broken)


def test_a_foreign_origin_is_refused_when_origins_are_checked() -> None:
    headers = {"origin": "https://evil.example", "X_Forwarded_Proto": "https"}

    refusal = judge(POLLING, headers=headers, check_origin=True)

    assert refusal is not None
    assert refusal.code == 4
    assert refusal.text == "Origin not allowed"


@pytest.mark.parametrize(
    "origin", ["http://example.org", "https://partner.example", None]
)
def test_our_own_origin_and_allowed_ones_pass_the_check(origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}

    refusal = judge(
        POLLING, headers=headers, check_origin=True, cors="https://partner.example"
    )

    assert refusal is None


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"origin": "http://example.org"}, True),
        ({"origin": "https://evil.example"}, False),
    ],
)
def test_scripts_carry_no_origin_so_something_else_must_vouch_for_them(
    headers: dict[str, str], passes: bool
) -> None:
    refusal = judge(POLLING + "&j=0", headers=headers, check_origin=True)

    assert (refusal is None) is passes
    assert judge(POLLING + "&j=0", headers=headers) is None


def test_origins_are_not_checked_by_default() -> None:
    assert judge(POLLING, headers={"origin": "https://evil.example"}) is None


# ------------------------------------------------------------------ 5: protocol


@pytest.mark.parametrize("eio", ["", "EIO=3&", "EIO=5&", "EIO=04&", "EIO=abc&"])
def test_a_handshake_speaks_protocol_four(eio: str) -> None:
    refusal = judge(eio + "transport=polling")

    assert told(refusal) == (5, {"protocol": 3}, "Unsupported protocol version")


@pytest.mark.parametrize("eio", ["&EIO=3", "&EIO=2", "&EIO=40", ""])
def test_where_old_clients_are_let_in_all_others_speak_protocol_three(eio: str) -> None:
    assert judge("transport=polling" + eio, allow_eio3=True) is None
    assert judge("transport=websocket" + eio, headers=UPGRADE, allow_eio3=True) is None


@pytest.mark.parametrize("eio", ["&EIO=3", "&EIO=2", ""])
def test_an_old_session_goes_on_in_its_protocol(eio: str) -> None:
    sessions = {"abc": Session(protocol=3)}

    assert judge("transport=polling&sid=abc" + eio, "POST", sessions=sessions) is None
    assert judge(POLLING + "&sid=abc", "POST", sessions=sessions) == (
        3,
        {"name": "PROTOCOL_MISMATCH", "protocol": 4, "previousProtocol": 3},
    )


def test_the_protocol_is_looked_at_last() -> None:
    def deny(request: Request) -> None:
        raise Forbidden("no")

    refusal = judge("transport=polling", allow_request=deny)

    assert refusal is not None
    assert refusal.code == 4


def test_the_protocol_of_a_request_is_three_unless_it_says_four() -> None:
    assert protocol_of(request("EIO=4")) == 4
    assert protocol_of(request("EIO=40")) == protocol_of(request("")) == 3


# ------------------------------------------------------------------ WebTransport


ALL = ["polling", "websocket", "webtransport"]


def test_webtransport_is_no_plain_request_even_where_it_is_on() -> None:
    refusal = judge("EIO=4&transport=webtransport", transports=ALL)

    assert refusal == (0, {"transport": "webtransport"})


def test_a_connect_is_accepted_where_webtransport_is_on() -> None:
    connect = request("", "CONNECT", origin="https://app.example")

    assert verify_webtransport(connect, EngineOptions(transports=ALL)) is None
    assert verify_webtransport(connect, EngineOptions()) == (
        0,
        {"transport": "webtransport"},
    )


def test_the_origin_of_a_connect_is_looked_at() -> None:
    refusal = verify_webtransport(
        request("", "CONNECT", origin="\x00"), EngineOptions(transports=ALL)
    )

    assert refusal == (3, {"name": "INVALID_ORIGIN", "origin": "\x00"})


def test_whether_it_is_allowed_is_asked_when_its_first_packet_has_come() -> None:
    def deny(request: Request) -> None:
        raise Forbidden("no")

    refusal = verify_allowed(
        request("", "CONNECT"),
        EngineOptions(transports=ALL, allow_request=deny),
        Surroundings(),
    )

    assert refusal == (4, {"message": "no"})
