"""HTTP middlewares: they see every request first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.types import WSGIApp
from tests.support.engine import RunningEngine
from tests.support.raw_websocket import Refused


# Upgrades are requests, too
def test_a_middleware_sees_every_request(engine: RunningEngine) -> None:
    seen: list[tuple[str, bool]] = []

    def middleware(request: Request, response: Response) -> None:
        seen.append((request.method, request.is_upgrade))

    assert engine.engine.use(middleware) is engine.engine
    session = engine.raw.open_session()
    session.post("4a")
    session.upgrade()
    engine.raw.open_websocket_session()
    engine.raw.request(transport="nonsense")

    assert seen == [
        ("GET", False),
        ("POST", False),
        ("GET", True),
        ("GET", True),
        ("GET", False),
    ]


def test_middlewares_run_in_order_before_verification(engine: RunningEngine) -> None:
    order: list[str] = []
    engine.engine.use(lambda request, response: order.append("first"))
    engine.engine.use(lambda request, response: order.append("second"))
    engine.engine.on("connection_error", lambda: order.append("refused"))

    engine.raw.request(transport="nonsense")

    assert order == ["first", "second", "refused"]


def test_a_middleware_may_set_headers(engine: RunningEngine) -> None:
    def middleware(request: Request, response: Response) -> None:
        response.headers["X-Powered-By"] = "sockio"

    engine.engine.use(middleware)
    session = engine.raw.open_session()

    answers = [session.answer, session.post("4a"), session.websocket().answer]

    assert [answer.headers["x-powered-by"] for answer in answers] == ["sockio"] * 3


@pytest.mark.parametrize("upgrade", [False, True])
def test_a_middleware_may_end_the_response(
    engine: RunningEngine, upgrade: bool
) -> None:
    def middleware(request: Request, response: Response) -> None:
        response.headers["Content-Type"] = "text/plain"
        response.end(503, "not today")

    engine.engine.use(middleware)
    engine.engine.use(lambda request, response: pytest.fail("it has ended"))

    if upgrade:
        with pytest.raises(Refused) as refused:
            engine.raw.websocket()
        answer = refused.value.answer
    else:
        answer = engine.raw.request(transport="polling")

    assert (answer.status, answer.text) == (503, "not today")
    assert engine.refusals == []
    assert engine.engine.clients_count == 0


def test_a_middleware_that_fails_is_code_3(
    engine: RunningEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.engine.use(lambda request, response: [][1])

    answer = engine.raw.request(transport="polling")
    with pytest.raises(Refused) as refused:
        engine.raw.websocket()

    assert answer.status == 400
    assert json.loads(answer.text) == {"code": 3, "message": "Bad request"}
    assert refused.value.answer.text == "Bad request"
    assert [info.context for info in engine.refusals] == [
        {"name": "MIDDLEWARE_FAILURE"}
    ] * 2
    assert "IndexError" in caplog.text


def test_what_a_failing_middleware_has_answered_stays(
    engine: RunningEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def middleware(request: Request, response: Response) -> None:
        response.end(418, "teapot")
        raise RuntimeError

    engine.engine.use(middleware)

    answer = engine.raw.request(transport="polling")

    assert (answer.status, answer.text) == (418, "teapot")


# It holds up nobody else
def test_a_middleware_may_block(engine: RunningEngine) -> None:
    gate = engine.engine.reactor.latch()

    def middleware(request: Request, response: Response) -> None:
        if "slow" in request.query:
            gate.wait()

    engine.engine.use(middleware)
    http = engine.raw.http()
    http.send("GET", engine.raw.target(transport="polling", slow=1))
    engine.clock.settle()

    engine.raw.open_session()

    assert engine.engine.clients_count == 1
    gate.set(None)
    assert http.receive().status == 200


# A middleware of one parameter is a WSGI one
def test_a_wsgi_middleware_wraps_the_engine(engine: RunningEngine) -> None:
    def middleware(app: WSGIApp) -> WSGIApp:
        def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ["HTTP_X_WRAPPED"] = "yes"

            def start(status: str, headers: Any, exc_info: Any = None) -> Any:
                return start_response(status, [*headers, ("X-Outer", "1")], exc_info)

            return app(environ, start)

        return wrapped

    engine.engine.use(middleware)

    session = engine.raw.open_session()

    assert session.answer.headers["x-outer"] == "1"
    assert engine.session.request is not None
    assert engine.session.request.header("x-wrapped") == "yes"


# The kind is found from the signature
def test_a_wsgi_middleware_may_have_defaults(engine: RunningEngine) -> None:
    calls: list[str] = []

    class Middleware:
        def __init__(self, app: Any, name: str = "outer") -> None:
            self.app, self.name = app, name

        def __call__(self, environ: Any, start_response: Any) -> Any:
            calls.append(self.name)
            return self.app(environ, start_response)

    engine.engine.use(Middleware)

    engine.raw.open_session()

    assert calls == ["outer"]


# CORS is one of the middlewares, so those of the application come after it
def test_cors_comes_first(start_engine: Any) -> None:
    engine: RunningEngine = start_engine(cors="*")
    seen: list[bool] = []

    def middleware(request: Request, response: Response) -> None:
        seen.append("Access-Control-Allow-Origin" in response.headers)

    engine.engine.use(middleware)

    engine.raw.open_session()
    engine.raw.request("OPTIONS", transport="polling")

    assert seen == [True]  # the preflight was answered before
