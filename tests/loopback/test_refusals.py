"""Requests that are refused: with which code, in which order, in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

import sockio
from sockio.testing import FakeClock
from tests.support.engine import RunningEngine
from tests.support.http_wire import Answer
from tests.support.raw_client import RawClient
from tests.support.raw_websocket import Refused

from .conftest import StartEngine

MESSAGES = {
    0: "Transport unknown",
    1: "Session ID unknown",
    2: "Bad handshake method",
    3: "Bad request",
    4: "Forbidden",
    5: "Unsupported protocol version",
}


def check(
    engine: RunningEngine, answer: Answer, code: int, context: dict[str, Any]
) -> None:
    """Check the answer to a plain request, and what the server reported."""
    assert answer.status == (403 if code == 4 else 400)
    assert answer.headers["content-type"] == "application/json"
    message = context.get("message") or MESSAGES[code]
    assert answer.text == json.dumps(
        {"code": code, "message": message}, separators=(",", ":")
    )
    (info,) = engine.refusals
    assert (info.code, info.message, info.context) == (code, MESSAGES[code], context)
    assert info.req.method in ("GET", "POST", "OPTIONS")


def refused_websocket(engine: RunningEngine, **query: Any) -> Answer:
    """Return the answer to an upgrade request that is refused."""
    with pytest.raises(Refused) as refused:
        engine.raw.websocket(**query)
    answer = refused.value.answer
    assert (answer.status, answer.reason) == (400, "Bad Request")
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["connection"] == "close"
    return answer


# ------------------------------------------------------------------ the table


@pytest.mark.parametrize(
    "transport",
    ["tobi", "constructor", "__proto__", "__class__", "webtransport", "jsonp", None],
)
def test_an_unknown_transport_is_code_0(
    engine: RunningEngine, transport: str | None
) -> None:
    answer = engine.raw.request(transport=transport)

    check(engine, answer, 0, {"transport": transport})


def test_a_transport_that_is_turned_off_is_code_0(start_engine: StartEngine) -> None:
    engine = start_engine(transports=["websocket"])

    answer = engine.raw.request(transport="polling")

    check(engine, answer, 0, {"transport": "polling"})
    engine.raw.open_websocket_session()


def test_a_websocket_is_refused_where_there_is_only_polling(
    start_engine: StartEngine,
) -> None:
    engine = start_engine(transports=["polling"])

    assert refused_websocket(engine).text == "Transport unknown"
    assert engine.raw.open_session().handshake["upgrades"] == []


def test_an_origin_with_wrong_characters_is_code_3() -> None:
    """Under an HTTP server that lets it pass; ours does not."""
    engine = RunningEngine(FakeClock(), "pywsgi")
    origin = "http://bad\x01origin"

    answer = engine.raw.request(transport="polling", headers={"Origin": origin})

    check(engine, answer, 3, {"name": "INVALID_ORIGIN", "origin": origin})
    engine.close()


@pytest.mark.parametrize("sid", ["tobi", "__proto__", "constructor", "%00"])
def test_an_unknown_sid_is_code_1(engine: RunningEngine, sid: str) -> None:
    answer = engine.raw.request(transport="polling", sid=sid)

    check(engine, answer, 1, {"sid": sid})


def test_polling_after_an_upgrade_is_code_3(engine: RunningEngine) -> None:
    session = engine.raw.open_session()
    session.upgrade()
    engine.clock.settle()

    check(
        engine,
        session.poll(),
        3,
        {
            "name": "TRANSPORT_MISMATCH",
            "transport": "polling",
            "previousTransport": "websocket",
        },
    )


def test_websocket_as_a_plain_request_is_code_3(engine: RunningEngine) -> None:
    session = engine.raw.open_session()

    check(
        engine,
        session.poll(transport="websocket"),
        3,
        {
            "name": "TRANSPORT_MISMATCH",
            "transport": "websocket",
            "previousTransport": "polling",
        },
    )


# Every request of a session carries EIO=4
@pytest.mark.parametrize("eio", [None, 3])
def test_another_protocol_than_the_sessions_is_code_3(
    engine: RunningEngine, eio: int | None
) -> None:
    session = engine.raw.open_session()

    check(
        engine,
        session.poll(EIO=eio),
        3,
        {"name": "PROTOCOL_MISMATCH", "protocol": 3, "previousProtocol": 4},
    )
    assert session.poll(timeout=2, transport="websocket").status == 400
    assert engine.closes == []


def test_an_upgrade_with_another_protocol_is_refused(engine: RunningEngine) -> None:
    sid = engine.raw.open_session().sid

    answer = refused_websocket(engine, sid=sid, EIO=3)

    assert answer.text == "Bad request"
    assert engine.refusals[0].context["name"] == "PROTOCOL_MISMATCH"


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_a_handshake_that_is_no_get_is_code_2(
    engine: RunningEngine, method: str
) -> None:
    answer = engine.raw.request(method, transport="polling")

    check(engine, answer, 2, {"method": method})


def test_a_websocket_handshake_without_an_upgrade_is_code_3(
    engine: RunningEngine,
) -> None:
    answer = engine.raw.request(transport="websocket")

    check(engine, answer, 3, {"name": "TRANSPORT_HANDSHAKE_ERROR"})


def test_a_handshake_that_is_not_allowed_is_code_4(start_engine: StartEngine) -> None:
    def deny(request: Any) -> None:
        raise sockio.Forbidden("Thou shall not pass")

    engine = start_engine(allow_request=deny)

    answer = engine.raw.request(transport="polling")

    check(engine, answer, 4, {"message": "Thou shall not pass"})


# The status of a refused upgrade is always 400
def test_a_websocket_that_is_not_allowed_is_told_why(start_engine: StartEngine) -> None:
    def deny(request: Any) -> None:
        raise sockio.Forbidden("Thou shall not päss")

    engine = start_engine(allow_request=deny)

    assert refused_websocket(engine).text == "Thou shall not päss"
    assert engine.refusals[0].message == "Forbidden"


def test_who_was_allowed_is_not_asked_again(start_engine: StartEngine) -> None:
    asked: list[str] = []
    engine = start_engine(allow_request=lambda request: asked.append(request.method))

    session = engine.raw.open_session()
    session.post("4a")
    session.upgrade()

    assert engine.messages == ["a"]
    assert asked == ["GET"]


def test_allow_request_may_block(start_engine: StartEngine) -> None:
    gate = None

    def wait(request: Any) -> None:
        assert gate is not None
        gate.wait()

    engine = start_engine(allow_request=wait)
    gate = engine.engine.reactor.latch()
    http = engine.raw.http()
    http.send("GET", engine.raw.target(transport="polling"))
    engine.clock.settle()
    assert engine.engine.clients_count == 0

    gate.set(None)

    assert http.receive().status == 200


def test_allow_request_that_fails_refuses(
    start_engine: StartEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Any) -> None:
        raise KeyError("token")

    engine = start_engine(allow_request=broken)

    answer = engine.raw.request(transport="polling")

    check(engine, answer, 4, {})
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("eio", [None, 3, "abc", ""])
def test_an_unsupported_protocol_is_code_5(
    engine: RunningEngine, eio: str | int | None
) -> None:
    answer = engine.raw.request(transport="polling", EIO=eio)

    check(engine, answer, 5, {"protocol": 3})


def test_a_websocket_of_an_unsupported_protocol_is_refused(
    engine: RunningEngine,
) -> None:
    assert refused_websocket(engine, EIO=3).text == "Unsupported protocol version"


def test_an_id_that_cannot_be_made_is_code_3(
    start_engine: StartEngine, caplog: pytest.LogCaptureFixture
) -> None:
    error = RuntimeError("no ids today")

    def broken(request: Any) -> str:
        raise error

    engine = start_engine(generate_id=broken)

    answer = engine.raw.request(transport="polling")

    check(engine, answer, 3, {"name": "ID_GENERATION_ERROR", "error": error})
    assert "no ids today" in caplog.text
    assert refused_websocket(engine).text == "Bad request"


def test_a_websocket_that_the_server_cannot_give_is_code_3(
    start_engine: StartEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = start_engine(kind="pywsgi")

    def elsewhere(app: Any) -> Any:
        def serve(environ: Any, start_response: Any) -> Any:
            hidden = {"wsgi.input", "SERVER_SOFTWARE"}
            kept = {k: v for k, v in environ.items() if k not in hidden}
            return app(kept, start_response)

        return serve

    engine.engine.use(elsewhere)

    assert refused_websocket(engine).text == "Bad request"
    assert engine.refusals[0].context == {"name": "TRANSPORT_HANDSHAKE_ERROR"}
    assert "clients stay on polling" in caplog.text


# ------------------------------------------------------------------ order


# The first check that fails decides
@pytest.mark.parametrize(
    ("method", "query", "code"),
    [
        ("POST", {"transport": "tobi", "sid": "x", "EIO": 3}, 0),
        ("POST", {"transport": "polling", "sid": "x", "EIO": 3}, 1),
        ("POST", {"transport": "websocket", "EIO": 3}, 2),
        ("GET", {"transport": "websocket", "EIO": 3}, 3),
        ("GET", {"transport": "polling", "EIO": 3}, 4),
    ],
)
def test_the_first_failure_wins(
    start_engine: StartEngine, method: str, query: dict[str, Any], code: int
) -> None:
    def deny(request: Any) -> None:
        raise sockio.Forbidden

    engine = start_engine(allow_request=deny)

    answer = engine.raw.request(method, **query)

    assert json.loads(answer.text)["code"] == code


# ------------------------------------------------------------------ odd requests


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Version": "8"},
    ],
)
def test_an_improper_websocket_handshake_is_answered_400(
    engine: RunningEngine, headers: dict[str, str]
) -> None:
    answer = refused_websocket(engine, headers=headers)

    assert "Sec-WebSocket" in answer.text
    version = "13" if "Sec-WebSocket-Version" in headers else None
    assert answer.headers.get("sec-websocket-version") == version
    assert engine.engine.clients_count == 0


@pytest.mark.parametrize("garbage", [b"garbage", b"\0" * 100, b"\xff" * 1000])
def test_garbage_behind_an_upgrade_ends_that_connection_only(
    engine: RunningEngine, garbage: bytes
) -> None:
    http = engine.raw.http()
    head = (
        f"GET {engine.raw.target(transport='websocket')} HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )

    http.wire.send(head.encode() + garbage)

    ((reason, _),) = engine.closes
    assert reason == "transport error"
    engine.raw.open_websocket_session()


def test_garbage_behind_a_refused_upgrade_does_no_harm(engine: RunningEngine) -> None:
    http = engine.raw.http()
    http.wire.send(
        f"GET {engine.raw.target(transport='x')} HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode()
        + b"\xff" * 1000
    )

    assert http.receive().status == 400
    engine.raw.open_session()


def test_a_refused_request_leaves_no_session(engine: RunningEngine) -> None:
    engine.raw.request(transport="polling", EIO=3)
    engine.raw.request(transport="polling", sid="x")

    assert engine.engine.clients_count == 0
    assert engine.clock.armed == 0


def test_a_refusal_is_utf8(start_engine: StartEngine) -> None:
    def deny(request: Any) -> None:
        raise sockio.Forbidden("Zutritt verböten € \ud800")

    engine = start_engine(allow_request=deny)

    answer = engine.raw.request(transport="polling")

    expected = {"code": 4, "message": "Zutritt verböten € \ud800"}
    assert json.loads(answer.text) == expected
    with pytest.raises(Refused) as refused:
        engine.raw.websocket()
    assert refused.value.answer.text.startswith("Zutritt verböten € ")


# Where the server has sent the 101 before anybody asked us
def test_a_websocket_that_is_open_already_is_closed_with_the_message() -> None:
    engine = sockio.EngineServer()
    server = WSGIServer(
        ("127.0.0.1", 0), engine, log=None, handler_class=WebSocketHandler
    )
    server.start()
    with RawClient("http://{}:{}".format(*server.address)) as client:
        closed = client.websocket(EIO=3).wait_closed()

    assert (closed.code, closed.reason) == (1008, "Unsupported protocol version")
    assert engine.clients_count == 0
    server.stop(timeout=2)


# It ends, whether the client answers the close frame or not
def test_a_websocket_that_is_refused_so_is_not_waited_for() -> None:
    engine = sockio.EngineServer()
    server = WSGIServer(
        ("127.0.0.1", 0), engine, log=None, handler_class=WebSocketHandler
    )
    server.start()
    with RawClient("http://{}:{}".format(*server.address)) as client:
        http = client.http()
        http.send(
            "GET",
            client.target(transport="websocket", EIO=3),
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                "Sec-WebSocket-Version": "13",
            },
        )
        everything = http.wire.take_rest(float("inf"))

    assert everything.startswith(b"HTTP/1.1 101")
    assert everything.endswith(b"\x03\xf0Unsupported protocol version")
    server.stop(timeout=2)


def test_a_session_that_nobody_knows_is_warned_of_once(
    engine: RunningEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "sockio.engine.server")
    for _ in range(3):
        assert engine.raw.request(transport="polling", sid="unknown").status == 400

    levels = [
        record.levelname
        for record in caplog.records
        if "several workers?" in record.getMessage()
    ]
    assert levels == ["WARNING", "DEBUG", "DEBUG"]
    assert "'sid': '***'" in caplog.text
