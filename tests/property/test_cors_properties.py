from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.engine.http.cors import Cors, handle, origin_allowed
from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.httpd.response_head import sendable

ALLOW = "Access-Control-Allow-Origin"

hosts = st.sampled_from(["a.example", "b.example", "a.example.evil", "evila.example"])
good_origins = st.one_of(
    st.builds(lambda host: f"https://{host}", hosts),
    st.builds(lambda host: f"http://{host}:8080", hosts),
    st.sampled_from(["null", "*", ""]),
)
origins = st.one_of(good_origins, st.just("undefined"), st.text(max_size=20))
patterns = st.sampled_from([r"\.example$", r"^https://a\.example$", r"b", r"$^"])
rules = st.one_of(good_origins, patterns.map(re.compile))
settings = st.one_of(
    good_origins, patterns.map(re.compile), st.booleans(), st.lists(rules, max_size=4)
)
methods = st.sampled_from(["GET", "POST", "OPTIONS"])


def ask(origin: str | None, method: str = "GET") -> Request:
    environ = {"REQUEST_METHOD": method, "HTTP_HOST": "ours.example"}
    if origin is not None:
        environ["HTTP_ORIGIN"] = origin
    return Request(environ)


def allows(setting: Any, origin: str) -> bool:
    """Return what ``Cors`` must answer, computed in another way."""
    if isinstance(setting, bool):
        return setting
    if isinstance(setting, re.Pattern):
        return bool(setting.search(origin))
    if isinstance(setting, list):
        return any(rule != "" and allows(rule, origin) for rule in setting) or (
            origin == "" and "" in setting
        )
    return bool(setting != "" and origin == setting)


@given(settings, origins, methods)
def test_an_origin_that_is_not_allowed_is_never_reflected(
    setting: Any, origin: str, method: str
) -> None:
    response = Response()

    handle(Cors(origin=setting), ask(origin, method), response)

    sent = response.headers.get(ALLOW)
    if sent == origin and not isinstance(setting, str):
        assert allows(setting, origin)
    if isinstance(setting, str):
        assert sent == (setting or None)
    elif sent is not None:
        assert sent == origin


@given(settings, origins)
def test_what_depends_on_the_origin_says_so(setting: Any, origin: str) -> None:
    mine, other = Response(), Response()

    handle(Cors(origin=setting), ask(origin), mine)
    handle(Cors(origin=setting), ask("https://other.example"), other)

    if mine.headers.get(ALLOW) != other.headers.get(ALLOW):
        assert mine.headers["Vary"] == other.headers["Vary"] == "Origin"


@given(settings, st.one_of(st.none(), origins), methods)
def test_a_function_that_returns_it_does_the_same(
    setting: Any, origin: str | None, method: str
) -> None:
    plain, judged = Response(), Response()

    handle(Cors(origin=setting), ask(origin, method), plain)
    handle(Cors(origin=lambda *_: setting), ask(origin, method), judged)

    assert plain.header_lines() == judged.header_lines()
    assert (plain.status, plain.ended) == (judged.status, judged.ended)


@given(settings, origins)
def test_enforcement_allows_exactly_what_the_rules_allow(
    setting: Any, origin: str
) -> None:
    expected = setting == "*" or allows(setting, origin)

    assert origin_allowed(ask(origin), Cors(origin=setting)) is expected


@given(st.text(max_size=30))
def test_without_cors_only_our_own_origin_is_allowed(origin: str) -> None:
    ours = origin.lower().removesuffix(":80") == "http://ours.example"

    assert origin_allowed(ask(origin), None) is ours


@given(st.text(), st.one_of(st.none(), st.text()), methods)
def test_every_header_that_is_set_can_be_sent(
    origin: str, asked: str | None, method: str
) -> None:
    request, response = ask(origin, method), Response()
    if asked is not None:
        request.environ["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"] = asked

    handle(Cors(origin=True, credentials=True), request, response)

    for name, value in response.header_lines():
        assert sendable(name)
        assert sendable(value)
