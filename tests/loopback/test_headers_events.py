"""``initial_headers`` and ``headers``: the last chance to change an answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import RunningEngine
from tests.support.http_wire import Answer
from tests.support.raw_websocket import RawWebSocket


def all_answers(engine: RunningEngine) -> list[tuple[str, Answer]]:
    """Return one answer of each kind."""
    session = engine.raw.open_session()
    engine.session.send("a")
    answers = [
        ("handshake", session.answer),
        ("poll", session.poll()),
        ("post", session.post("4a")),
        ("upgrade", session.websocket().answer),
        ("refusal", engine.raw.request(transport="polling", sid="unknown")),
    ]
    websocket: RawWebSocket = engine.raw.open_websocket_session()[0]
    return [*answers, ("websocket", websocket.answer)]


# Even to the 101
def test_headers_can_be_added_to_every_answer(engine: RunningEngine) -> None:
    @engine.engine.on("headers")
    def add(headers: Any, request: Any) -> None:
        headers["X-Test"] = request.method

    found = {kind: answer.headers["x-test"] for kind, answer in all_answers(engine)}

    assert found == {
        "handshake": "GET",
        "poll": "GET",
        "post": "POST",
        "upgrade": "GET",
        "refusal": "GET",
        "websocket": "GET",
    }


def test_headers_can_be_added_to_handshakes(engine: RunningEngine) -> None:
    @engine.engine.on("initial_headers")
    def add(headers: Any, request: Any) -> None:
        headers["Set-Cookie"] = f"mine={request.query['transport']}"

    found = {
        kind: answer.headers["set-cookie"]
        for kind, answer in all_answers(engine)
        if "set-cookie" in answer.headers
    }

    assert found == {"handshake": "mine=polling", "websocket": "mine=websocket"}


def test_initial_headers_come_before_headers(engine: RunningEngine) -> None:
    order: list[str] = []
    engine.engine.on("initial_headers", lambda: order.append("initial_headers"))
    engine.engine.on("headers", lambda: order.append("headers"))

    engine.raw.open_session()

    assert order == ["initial_headers", "headers"]


# A list is one line for each item
@pytest.mark.parametrize("kind", ["handshake", "websocket"])
def test_a_list_makes_several_lines(engine: RunningEngine, kind: str) -> None:
    @engine.engine.on("initial_headers")
    def add(headers: Any, request: Any) -> None:
        headers["Set-Cookie"] = ["a=1; Path=/", "b=2; Path=/"]

    answer = dict(all_answers(engine))[kind]

    assert answer.headers["set-cookie"] == "a=1; Path=/, b=2; Path=/"


# Existing headers can be changed and removed
def test_headers_can_be_changed_and_removed(engine: RunningEngine) -> None:
    @engine.engine.on("headers")
    def change(headers: Any) -> None:
        headers["Cache-Control"] = "no-store, private"
        del headers["content-type"]

    answer = engine.raw.request(transport="polling")

    assert answer.headers["cache-control"] == "no-store, private"
    assert "content-type" not in answer.headers


# A header that cannot be sent does not reach the wire
@pytest.mark.parametrize("value", ["a\r\nInjected: yes", "\u20ac", "a\0b"])
def test_a_header_that_cannot_be_sent_is_an_error_of_its_listener(
    engine: RunningEngine, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    @engine.engine.on("headers")
    def add(headers: Any) -> None:
        headers["X-Test"] = value

    for kind, answer in all_answers(engine):
        assert "x-test" not in answer.headers, kind
        assert "injected" not in answer.headers, kind
    assert "ValueError" in caplog.text


# A listener runs in the request's greenlet
def test_a_listener_of_headers_may_block(engine: RunningEngine) -> None:
    gate = engine.engine.reactor.latch()
    engine.engine.on("headers", lambda: gate.wait())
    http = engine.raw.http()
    http.send("GET", engine.raw.target(transport="polling"))
    engine.clock.settle()
    assert bytes(http.wire.buffer) == b""

    gate.set(None)

    assert http.receive().status == 200
