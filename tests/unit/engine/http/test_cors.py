from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sockio.engine.http.cors import (
    Cors,
    handle,
    middleware,
    mismatch,
    origin_allowed,
)
from sockio.engine.http.request import Request, TrustedProxies
from sockio.engine.http.response import Response
from sockio.errors import ConfigError

A = "https://a.example"
B = "https://b.example"

ALLOW = "access-control-allow-origin"
CREDENTIALS = "access-control-allow-credentials"
METHODS = "access-control-allow-methods"
HEADERS = "access-control-allow-headers"
MAX_AGE = "access-control-max-age"
EXPOSE = "access-control-expose-headers"
VARY = "vary"
LENGTH = "content-length"
DEFAULT_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"


@dataclass(frozen=True)
class Case:
    """One request, and what the npm module cors 2.8.6 did with it."""

    name: str
    options: dict[str, Any]
    method: str
    headers: dict[str, str]
    #: Status of the answer, if the request was answered.
    status: int | None
    origin: str | None = A
    #: The headers that a preflight request asks for.
    asked: str | None = None
    #: ``Vary`` as it was set before.
    vary: str | None = None


CASES = [
    Case("defaults", {}, "GET", {ALLOW: "*"}, None),
    Case(
        "defaults, preflight",
        {},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: DEFAULT_METHODS,
            VARY: "Access-Control-Request-Headers",
            HEADERS: "x-token",
            LENGTH: "0",
        },
        204,
        asked="x-token",
    ),
    Case("defaults, no origin", {}, "POST", {ALLOW: "*"}, None, origin=None),
    Case("any origin", {"origin": "*"}, "GET", {ALLOW: "*"}, None),
    Case(
        "fixed origin", {"origin": A}, "GET", {ALLOW: A, VARY: "Origin"}, None, origin=B
    ),
    Case(
        "fixed origin, none asked",
        {"origin": A},
        "GET",
        {ALLOW: A, VARY: "Origin"},
        None,
        origin=None,
    ),
    Case(
        "fixed origin, preflight",
        {"origin": A},
        "OPTIONS",
        {
            ALLOW: A,
            VARY: "Origin, Access-Control-Request-Headers",
            METHODS: DEFAULT_METHODS,
            LENGTH: "0",
        },
        204,
        origin=B,
    ),
    Case(
        "reflect", {"origin": True}, "GET", {ALLOW: B, VARY: "Origin"}, None, origin=B
    ),
    Case(
        "reflect, no origin",
        {"origin": True},
        "GET",
        {VARY: "Origin"},
        None,
        origin=None,
    ),
    Case(
        "reflect, opaque origin",
        {"origin": True},
        "GET",
        {ALLOW: "null", VARY: "Origin"},
        None,
        origin="null",
    ),
    Case("off", {"origin": False}, "GET", {}, None),
    Case("off, preflight", {"origin": False}, "OPTIONS", {}, None),
    Case("empty text is off", {"origin": ""}, "GET", {}, None),
    Case("null is off", {"origin": None}, "GET", {}, None),
    Case(
        "list, allowed",
        {"origin": [A, B]},
        "GET",
        {ALLOW: B, VARY: "Origin"},
        None,
        origin=B,
    ),
    Case("list, other", {"origin": [A]}, "GET", {VARY: "Origin"}, None, origin=B),
    Case(
        "list, other, preflight",
        {"origin": [A]},
        "OPTIONS",
        {
            VARY: "Origin, Access-Control-Request-Headers",
            METHODS: DEFAULT_METHODS,
            HEADERS: "x-token",
            LENGTH: "0",
        },
        204,
        origin=B,
        asked="x-token",
    ),
    Case("empty list", {"origin": []}, "GET", {VARY: "Origin"}, None),
    Case(
        "star in a list is no wildcard",
        {"origin": ["*"]},
        "GET",
        {VARY: "Origin"},
        None,
    ),
    Case(
        "pattern, allowed",
        {"origin": re.compile(r"\.example$")},
        "GET",
        {ALLOW: A, VARY: "Origin"},
        None,
    ),
    Case(
        "pattern, other",
        {"origin": re.compile(r"^http:")},
        "GET",
        {VARY: "Origin"},
        None,
    ),
    Case(
        "pattern in a list",
        {"origin": [B, re.compile(r"//a\.")]},
        "GET",
        {ALLOW: A, VARY: "Origin"},
        None,
    ),
    Case(
        "function, yes",
        {"origin": lambda *_: True},
        "GET",
        {ALLOW: A, VARY: "Origin"},
        None,
    ),
    Case("function, no", {"origin": lambda *_: False}, "GET", {}, None),
    Case("function, no, preflight", {"origin": lambda *_: False}, "OPTIONS", {}, None),
    Case(
        "function, text",
        {"origin": lambda *_: B},
        "GET",
        {ALLOW: B, VARY: "Origin"},
        None,
    ),
    Case("function, star", {"origin": lambda *_: "*"}, "GET", {ALLOW: "*"}, None),
    Case("function, list", {"origin": lambda *_: [B]}, "GET", {VARY: "Origin"}, None),
    Case(
        "credentials",
        {"credentials": True},
        "GET",
        {ALLOW: "*", CREDENTIALS: "true"},
        None,
    ),
    Case(
        "credentials, preflight",
        {"origin": True, "credentials": True},
        "OPTIONS",
        {
            ALLOW: A,
            VARY: "Origin, Access-Control-Request-Headers",
            CREDENTIALS: "true",
            METHODS: DEFAULT_METHODS,
            LENGTH: "0",
        },
        204,
    ),
    Case(
        "exposed headers",
        {"exposed_headers": ["X-A", "X-B"]},
        "GET",
        {ALLOW: "*", EXPOSE: "X-A,X-B"},
        None,
    ),
    Case(
        "exposed headers, text",
        {"exposed_headers": "X-A, X-B"},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: DEFAULT_METHODS,
            VARY: "Access-Control-Request-Headers",
            EXPOSE: "X-A, X-B",
            LENGTH: "0",
        },
        204,
    ),
    Case("no exposed headers", {"exposed_headers": []}, "GET", {ALLOW: "*"}, None),
    Case(
        "allowed headers",
        {"allowed_headers": ["X-A", "X-B"]},
        "OPTIONS",
        {ALLOW: "*", METHODS: DEFAULT_METHODS, HEADERS: "X-A,X-B", LENGTH: "0"},
        204,
        asked="x-token",
    ),
    Case(
        "allowed headers, text",
        {"allowed_headers": "X-A"},
        "OPTIONS",
        {ALLOW: "*", METHODS: DEFAULT_METHODS, HEADERS: "X-A", LENGTH: "0"},
        204,
        asked="x-token",
    ),
    Case(
        "no allowed headers",
        {"allowed_headers": []},
        "OPTIONS",
        {ALLOW: "*", METHODS: DEFAULT_METHODS, LENGTH: "0"},
        204,
        asked="x-token",
    ),
    Case(
        "allowed headers, empty text",
        {"allowed_headers": ""},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: DEFAULT_METHODS,
            VARY: "Access-Control-Request-Headers",
            HEADERS: "x-token",
            LENGTH: "0",
        },
        204,
        asked="x-token",
    ),
    Case(
        "alias",
        {"headers": ["X-A"]},
        "OPTIONS",
        {ALLOW: "*", METHODS: DEFAULT_METHODS, HEADERS: "X-A", LENGTH: "0"},
        204,
        asked="x-token",
    ),
    Case(
        "alias loses",
        {"headers": ["X-A"], "allowed_headers": ["X-B"]},
        "OPTIONS",
        {ALLOW: "*", METHODS: DEFAULT_METHODS, HEADERS: "X-B", LENGTH: "0"},
        204,
    ),
    Case(
        "alias after empty text",
        {"headers": ["X-A"], "allowed_headers": ""},
        "OPTIONS",
        {ALLOW: "*", METHODS: DEFAULT_METHODS, HEADERS: "X-A", LENGTH: "0"},
        204,
    ),
    Case(
        "methods",
        {"methods": ["GET", "POST"]},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: "GET,POST",
            VARY: "Access-Control-Request-Headers",
            LENGTH: "0",
        },
        204,
    ),
    Case(
        "methods, text",
        {"methods": "GET"},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: "GET",
            VARY: "Access-Control-Request-Headers",
            LENGTH: "0",
        },
        204,
    ),
    Case(
        "no methods",
        {"methods": []},
        "OPTIONS",
        {ALLOW: "*", VARY: "Access-Control-Request-Headers", LENGTH: "0"},
        204,
    ),
    Case(
        "max age",
        {"max_age": 600},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: DEFAULT_METHODS,
            VARY: "Access-Control-Request-Headers",
            MAX_AGE: "600",
            LENGTH: "0",
        },
        204,
    ),
    Case(
        "max age of zero",
        {"max_age": 0},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: DEFAULT_METHODS,
            VARY: "Access-Control-Request-Headers",
            MAX_AGE: "0",
            LENGTH: "0",
        },
        204,
    ),
    Case("max age, plain request", {"max_age": 600}, "GET", {ALLOW: "*"}, None),
    Case(
        "status",
        {"options_success_status": 200},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: DEFAULT_METHODS,
            VARY: "Access-Control-Request-Headers",
            LENGTH: "0",
        },
        200,
    ),
    Case(
        "preflight goes on",
        {"preflight_continue": True},
        "OPTIONS",
        {
            ALLOW: "*",
            METHODS: DEFAULT_METHODS,
            VARY: "Access-Control-Request-Headers",
            HEADERS: "x-token",
        },
        None,
        asked="x-token",
    ),
    Case(
        "lower-case method",
        {},
        "options",
        {
            ALLOW: "*",
            METHODS: DEFAULT_METHODS,
            VARY: "Access-Control-Request-Headers",
            LENGTH: "0",
        },
        204,
    ),
    Case(
        "vary is extended",
        {"origin": A},
        "OPTIONS",
        {
            VARY: "Accept, Origin, Access-Control-Request-Headers",
            ALLOW: A,
            METHODS: DEFAULT_METHODS,
            LENGTH: "0",
        },
        204,
        vary="Accept",
    ),
    Case(
        "vary of everything",
        {"origin": A},
        "OPTIONS",
        {VARY: "*", ALLOW: A, METHODS: DEFAULT_METHODS, LENGTH: "0"},
        204,
        vary="*",
    ),
    Case(
        "vary is not repeated",
        {"origin": A},
        "GET",
        {VARY: "origin", ALLOW: A},
        None,
        vary="origin",
    ),
]


def make(
    method: str = "GET",
    origin: str | None = None,
    trusted: Any = 0,
    **environ: Any,
) -> Request:
    if origin is not None:
        environ["HTTP_ORIGIN"] = origin
    return Request({"REQUEST_METHOD": method, **environ}, TrustedProxies.of(trusted))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_does_what_the_module_does(case: Case) -> None:
    asked = {"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": case.asked} if case.asked else {}
    request, response = make(case.method, case.origin, **asked), Response()
    if case.vary is not None:
        response.headers["Vary"] = case.vary

    handle(Cors(**case.options), request, response)

    headers = {name.lower(): value for name, value in response.headers.items()}
    assert headers == case.headers
    assert (response.status if response.ended else None) == case.status
    assert response.body == b""


def test_a_function_gets_origin_and_request() -> None:
    calls: list[tuple[str, Request]] = []

    def judge(origin: str, request: Request) -> bool:
        calls.append((origin, request))
        return True

    with_origin, without = make("GET", A), make()
    for request in (with_origin, without):
        handle(Cors(origin=judge), request, Response())

    assert calls == [(A, with_origin), ("", without)]


def test_what_cannot_be_a_header_is_not_reflected() -> None:
    request = make(
        "OPTIONS", "https://a\r\nX: y", HTTP_ACCESS_CONTROL_REQUEST_HEADERS="a\nb"
    )
    response = Response()

    handle(Cors(origin=True), request, response)

    assert ALLOW not in response.headers
    assert HEADERS not in response.headers


def test_middleware() -> None:
    response = Response()

    middleware(Cors())(make("GET", A), response)

    assert response.headers[ALLOW] == "*"


def test_replace_keeps_the_headers_given_by_their_other_name() -> None:
    cors = replace(Cors(headers=["X-A"]), origin=A)

    assert (cors.allowed_headers, cors.origin) == (["X-A"], A)


# ------------------------------------------------------------------ the option


def test_option_forms() -> None:
    mine, pattern = Cors(origin=A), re.compile("a")

    def judge(origin: str, request: Request) -> bool:
        return False

    assert Cors.of(None) is None
    assert Cors.of(False) is None
    assert Cors.of(mine) is mine
    forms: list[Any] = [True, "*", A, [A, pattern], (A,), pattern, judge]
    for origin in forms:
        assert Cors.of(origin) == Cors(origin=origin)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"origin": 5}, "cors origin 5"),
        ({"origin": {"origin": "*"}}, "give "),
        ({"origin": {A}}, "give "),
        ({"origin": b"https://a.example"}, "give "),
        ({"origin": [A, 5]}, "cors origin 5"),
        ({"origin": [A, [B]]}, "give "),
        ({"origin": "https://a\r\nX: y"}, "give "),
        ({"origin": re.compile(b"a")}, "give "),
        ({"origin": "https://a.example/"}, r'no path.*"https://a\.example"$'),
        ({"origin": "https://a.example/chat"}, r'no path.*"https://a\.example"$'),
        ({"origin": "https://a.example?x"}, r'no path.*"https://a\.example"$'),
        ({"origin": "a.example"}, r'its scheme: "https://a\.example"$'),
        ({"origin": "localhost:3000"}, r'its scheme: "https://localhost:3000"$'),
        ({"origin": "//a.example"}, r'its scheme: "https://a\.example"$'),
        ({"origin": [A, "b.example"]}, r'"https://b\.example"$'),
        ({"origin": "https://*.example"}, r"compiled pattern: re\.compile"),
        ({"origin": "https://A.example"}, r'lower case: "https://a\.example"$'),
        ({"origin": "HTTPS://a.example"}, r'lower case: "https://a\.example"$'),
        ({"origin": "https://a.example:443"}, r'port out: "https://a\.example"$'),
        ({"origin": "http://a.example:80"}, r'port out: "http://a\.example"$'),
        ({"origin": "https://me@a.example"}, r'no user: "https://a\.example"$'),
        ({"origin": "https://ä.example"}, "xn--"),
        ({"origin": f"{A},{B}"}, "give a list"),
        ({"origin": f"{A} {B}"}, "give a list"),
        ({"origin": f" {A}"}, "leave out the blanks"),
        ({"origin": "https://"}, "give scheme, host"),
        ({"origin": "https://a:b:c"}, "give scheme, host"),
        ({"credentials": "yes"}, r"Cors\(credentials='yes'\): give True or False"),
        ({"preflight_continue": 1}, "give True or False"),
        ({"max_age": -2}, "whole seconds"),
        ({"allowedHeaders": "a"}, "write allowed_headers"),
        ({"supports_credentials": True}, "write credentials=True"),
        ({"methods": None}, "methods"),
        ({"methods": 5}, "methods"),
        ({"allowed_headers": [5]}, "allowed_headers"),
        ({"headers": "a\nb"}, "allowed_headers"),
        ({"exposed_headers": {"a"}}, "exposed_headers"),
        ({"max_age": 1.5}, "whole seconds"),
        ({"max_age": True}, "whole seconds"),
        ({"options_success_status": 404}, "between 200 and 299"),
        ({"options_success_status": "204"}, "between 200 and 299"),
    ],
)
def test_wrong_fields(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Cors(**fields)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        A,
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:3000",
        "https://my_host.example",
        "file://",
        "capacitor://localhost",
        "chrome-extension://abcdefgh",
        [A, "http://localhost"],
        ["*"],
    ],
)
def test_what_browsers_send_is_an_origin(origin: Any) -> None:
    assert Cors(origin=origin).origin == origin


def test_nodes_way_to_write_it_is_told() -> None:
    with pytest.raises(ConfigError, match=r"write it as Cors\(origin="):
        Cors.of({"origin": A})  # type: ignore[arg-type]


# ------------------------------------------------------------------ check_origin


@pytest.mark.parametrize(
    ("origin", "environ"),
    [
        (None, {"HTTP_HOST": "a.example"}),
        ("http://a.example", {"HTTP_HOST": "a.example"}),
        ("http://a.example", {"HTTP_HOST": "A.Example:80"}),
        ("HTTP://A.EXAMPLE:80", {"HTTP_HOST": "a.example"}),
        ("http://a.example:3000", {"HTTP_HOST": "a.example:3000"}),
        ("http://[::1]:3000", {"HTTP_HOST": "[::1]:3000"}),
        ("http://box:3000", {"SERVER_NAME": "box", "SERVER_PORT": "3000"}),
        (A, {"HTTP_HOST": "a.example", "wsgi.url_scheme": "https"}),
        (A, {"HTTP_HOST": "a.example:443", "wsgi.url_scheme": "https"}),
        # Some programs give the address of their WebSocket as its origin.
        ("ws://a.example:3000", {"HTTP_HOST": "a.example:3000"}),
        ("ws://a.example", {"HTTP_HOST": "a.example:80"}),
        (
            "WSS://a.example",
            {"HTTP_HOST": "a.example:443", "wsgi.url_scheme": "https"},
        ),
    ],
)
def test_our_own_origin_is_allowed(origin: str | None, environ: Any) -> None:
    assert origin_allowed(make("GET", origin, **environ), None)


@pytest.mark.parametrize(
    ("origin", "environ"),
    [
        ("http://evil.example", {"HTTP_HOST": "a.example"}),
        ("http://a.example.evil.example", {"HTTP_HOST": "a.example"}),
        ("http://a.example:8080", {"HTTP_HOST": "a.example"}),
        ("https://a.example", {"HTTP_HOST": "a.example"}),
        ("http://a.example:443", {"HTTP_HOST": "a.example"}),
        ("ws://evil.example", {"HTTP_HOST": "a.example"}),
        ("wss://a.example", {"HTTP_HOST": "a.example"}),
        (
            "wss://a.example:80",
            {"HTTP_HOST": "a.example", "wsgi.url_scheme": "https"},
        ),
        ("ws.a.example", {"HTTP_HOST": "a.example"}),
        ("null", {"HTTP_HOST": "a.example"}),
        ("", {"HTTP_HOST": "a.example"}),
    ],
)
def test_other_origins_are_not(origin: str, environ: Any) -> None:
    assert not origin_allowed(make("GET", origin, **environ), None)


BEHIND_A_PROXY = {
    "HTTP_HOST": "backend:8000",
    "REMOTE_ADDR": "10.0.0.1",
    "HTTP_X_FORWARDED_FOR": "1.1.1.1",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "a.example",
}


def test_our_own_origin_behind_a_proxy() -> None:
    assert origin_allowed(make("GET", A, trusted=1, **BEHIND_A_PROXY), None)
    assert not origin_allowed(make("GET", A, **BEHIND_A_PROXY), None)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("*", True),
        (True, True),
        (A, True),
        (B, False),
        ([B, A], True),
        ([], False),
        ("", False),
        (None, False),
        (re.compile(r"a\.example$"), True),
        (lambda origin, request: origin == A, True),
        (lambda origin, request: False, False),
        (lambda origin, request: [B], False),
    ],
)
def test_what_cors_allows_is_allowed(origin: Any, allowed: bool) -> None:
    request = make("GET", A, HTTP_HOST="c.example")

    assert origin_allowed(request, Cors(origin=origin)) is allowed


def test_the_log_says_what_was_expected_and_what_was_ignored() -> None:
    text = mismatch(make("GET", A, **BEHIND_A_PROXY))

    assert "'https://a.example' is neither ours, 'http://backend:8000'" in text
    assert "ignored X-Forwarded-Proto and X-Forwarded-Host: " in text
    assert "trusted_proxies" in text


def test_the_log_does_not_speak_of_proxies_that_are_trusted() -> None:
    text = mismatch(make("GET", B, trusted=1, **BEHIND_A_PROXY))

    assert text == (
        "Origin 'https://b.example' is neither ours, 'https://a.example', nor allowed "
        "by cors"
    )
