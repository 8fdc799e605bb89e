"""Guards of every kind: in doubt they refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import gevent
import pytest

import sockio
from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from tests.support.deferring import HIDDEN, PLAIN_TO_SEE, asynchronous, wrapped
from tests.support.engine import RunningEngine
from tests.support.raw_websocket import Refused
from tests.support.served import Heard, Served

from .conftest import Serve, StartEngine

hidden = pytest.mark.parametrize("guard", HIDDEN)


def no(*args: Any) -> bool:
    """Refuse as users of python-socketio do."""
    return False


def join(served: Served, namespace: str = "/") -> str:
    """Try to join a namespace; return the answer."""
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40" if namespace == "/" else f"40{namespace},")
    answer = websocket.receive()
    assert isinstance(answer, str)
    return answer


# ------------------------------------------------------------------ where it is given

GIVEN: dict[str, Callable[[Any], object]] = {
    "use": lambda fn: sockio.Server().use(fn),
    "nsp.use": lambda fn: sockio.Server().of("/x").use(fn),
    "parent.use": lambda fn: sockio.Server().of(re.compile("x")).use(fn),
    "engine.use": lambda fn: sockio.Server().engine.use(fn),
    "of": lambda fn: sockio.Server().of(fn),
    "of, listener": lambda fn: sockio.Server().of("/x", fn),
    "on": lambda fn: sockio.Server().on("connection", fn),
    "allow_request": lambda fn: sockio.Server(allow_request=fn),
    "cors": lambda fn: sockio.Server(cors=fn),
    "Cors": lambda fn: sockio.Cors(origin=fn),
    "generate_id": lambda fn: sockio.Server(generate_id=fn),
    "handle_protocols": lambda fn: sockio.Server(handle_protocols=fn),
    "spawn": lambda fn: sockio.Server().spawn(fn),
    "every": lambda fn: sockio.Server().every(1)(fn),
    "run_in_thread": lambda fn: sockio.Server().run_in_thread(fn),
}


@pytest.mark.parametrize("place", GIVEN)
@pytest.mark.parametrize("guard", PLAIN_TO_SEE)
def test_what_would_do_nothing_is_refused_where_it_is_given(
    place: str, guard: Any
) -> None:
    with pytest.raises(sockio.ConfigError, match="write a plain function"):
        GIVEN[place](guard)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("use", "raise to refuse"),
        ("engine.use", r"takes no arguments.*request and response"),
        ("of", r"the namespace's name and auth"),
        ("allow_request", "the request alone"),
        ("cors", "the origin and the request"),
        ("generate_id", "the request alone"),
        ("handle_protocols", "the offered subprotocols and the request"),
    ],
)
def test_wrong_arguments_are_told_where_it_is_given(place: str, words: str) -> None:
    with pytest.raises(sockio.ConfigError, match=words):
        GIVEN[place](lambda: None)


@pytest.mark.parametrize("guard", PLAIN_TO_SEE)
def test_listeners_of_a_socket_too(served: Served, guard: Any) -> None:
    _, socket = served.connect()

    registers: list[Callable[[Any], object]] = [
        socket.use,
        socket.on_any,
        socket.prepend_any,
        socket.on_any_outgoing,
        socket.prepend_any_outgoing,
        lambda fn: socket.on("x", fn),
    ]
    for register in registers:
        with pytest.raises(sockio.ConfigError, match="write a plain function"):
            register(guard)


# ------------------------------------------------------------------ namespaces


def test_a_middleware_that_returns_false_refuses(served: Served) -> None:
    heard = Heard()
    served.io.use(no)
    served.io.use(heard)
    served.io.on("connection", heard)

    assert join(served) == '44{"message":"Connection refused"}'
    assert heard.calls == []
    assert served.io.sockets.empty


@hidden
def test_a_middleware_that_has_not_looked_refuses(
    served: Served, guard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served.io.use(guard)

    assert join(served) == '44{"message":"Internal server error"}'
    assert "write a plain function" in caplog.text


def test_an_error_that_is_returned_is_the_refusal(served: Served) -> None:
    served.io.use(lambda socket: sockio.ConnectError("go away", 5))

    assert join(served) == '44{"message":"go away","data":5}'


@pytest.mark.parametrize("guard", [no, *HIDDEN])
def test_middlewares_of_namespaces_made_on_demand(served: Served, guard: Any) -> None:
    served.io.of(re.compile("^/t")).use(guard)

    assert join(served, "/t1").startswith("44/t1,")


@pytest.mark.parametrize("guard", [no, *HIDDEN])
def test_middlewares_of_recovered_sockets(serve: Serve, guard: Any) -> None:
    served = serve(connection_state_recovery=sockio.Recovery(skip_middlewares=False))
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    pid = json.loads(str(websocket.receive())[2:])["pid"]
    websocket.close()
    served.io.use(guard)

    again, _ = served.raw.open_websocket_session()
    again.send("40" + json.dumps({"pid": pid}))

    assert str(again.receive()).startswith("44{")
    assert served.io.sockets.empty


@hidden
def test_a_predicate_that_has_not_looked_refuses(
    served: Served, guard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served.io.of(guard)

    assert join(served, "/any") == '44/any,{"message":"Invalid namespace"}'
    assert "write a plain function" in caplog.text


def test_after_a_predicate_that_has_not_looked_the_next_is_asked(
    served: Served,
) -> None:
    served.io.of(wrapped(asynchronous))
    served.io.of(lambda name, auth: name == "/any")

    assert join(served, "/any").startswith("40/any,{")
    assert join(served, "/other").startswith("44/other,")


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize("guard", [no, *HIDDEN])
def test_allow_request(
    start_engine: StartEngine, guard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine = start_engine(allow_request=guard)

    answer = engine.raw.request(transport="polling")
    with pytest.raises(Refused) as refused:
        engine.raw.websocket()

    assert answer.status == 403
    assert json.loads(answer.text) == {"code": 4, "message": "Forbidden"}
    assert refused.value.answer.status == 400
    assert [info.code for info in engine.refusals] == [4, 4]
    assert ("write a plain function" in caplog.text) is (guard is not no)


def test_an_http_middleware_that_returns_false_refuses(engine: RunningEngine) -> None:
    heard = Heard()
    engine.engine.use(lambda request, response: False)
    engine.engine.use(lambda request, response: heard())

    answer = engine.raw.request(transport="polling")

    assert answer.status == 403
    assert json.loads(answer.text) == {"code": 4, "message": "Forbidden"}
    assert engine.engine.clients_count == 0
    assert heard.calls == []


@hidden
def test_an_http_middleware_that_has_not_looked_refuses(
    engine: RunningEngine, guard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine.engine.use(lambda request, response: guard())

    answer = engine.raw.request(transport="polling")

    assert answer.status == 400
    assert engine.engine.clients_count == 0
    assert "write a plain function" in caplog.text


def test_an_http_middleware_may_end_the_answer_and_return_anything(
    engine: RunningEngine,
) -> None:
    def middleware(request: Request, response: Response) -> bool:
        response.end(418, "teapot")
        return False

    engine.engine.use(middleware)

    answer = engine.raw.request(transport="polling")

    assert (answer.status, answer.text) == (418, "teapot")


@pytest.mark.parametrize("result", [None, 5, *[fn() for fn in HIDDEN[1:2]]])
def test_a_wsgi_middleware_must_return_an_application(result: Any) -> None:
    engine = sockio.EngineServer()

    with pytest.raises(sockio.ConfigError):
        engine.use(lambda app: result)

    assert engine.middlewares.own


@pytest.mark.parametrize("check_origin", [False, True])
@hidden
def test_a_cors_function_that_has_not_looked_allows_nobody(
    start_engine: StartEngine,
    guard: Any,
    check_origin: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = start_engine(cors=guard, check_origin=check_origin)

    answer = engine.raw.request(
        transport="polling", headers={"Origin": "https://evil.example"}
    )

    assert answer.status == 400
    assert "access-control-allow-origin" not in answer.headers
    assert engine.engine.clients_count == 0
    assert "write a plain function" in caplog.text


@pytest.mark.parametrize(
    "result", [{"https://a.example"}, 1, b"*", {"https://a.example": 1}, object()]
)
def test_a_cors_function_with_another_result_allows_nobody(
    start_engine: StartEngine, result: Any
) -> None:
    engine = start_engine(cors=lambda origin, request: result)

    answer = engine.raw.request(
        transport="polling", headers={"Origin": "https://evil.example"}
    )

    assert answer.status == 400
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("guard", [no, lambda request: 5, lambda request: "", *HIDDEN])
def test_generate_id(
    start_engine: StartEngine, guard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine = start_engine(generate_id=guard)

    answer = engine.raw.request(transport="polling")

    assert answer.status == 400
    assert engine.refusals[0].context["name"] == "ID_GENERATION_ERROR"
    assert engine.engine.clients_count == 0
    assert "generate_id" in caplog.text


@pytest.mark.parametrize("guard", [no, lambda *_: 5, lambda *_: "other", *HIDDEN])
def test_handle_protocols(
    start_engine: StartEngine, guard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine = start_engine(handle_protocols=guard)

    with pytest.raises(Refused) as refused:
        engine.raw.websocket({"Sec-WebSocket-Protocol": "a, b"})

    assert refused.value.answer.status == 400
    assert engine.engine.clients_count == 0
    assert "handle_protocols" in caplog.text


# ------------------------------------------------------------------ events


@pytest.mark.parametrize("guard", [no, *HIDDEN])
def test_a_guard_of_events(served: Served, guard: Any) -> None:
    websocket, socket = served.connect()
    errors, heard = Heard(), Heard()
    socket.on("error", errors)
    socket.on("x", heard)
    socket.use(guard)

    websocket.send('421["x"]')

    (error,) = errors.next()
    assert isinstance(error, sockio.EventRejected) is (guard is no)
    assert heard.calls == []


def test_wait_for_asks_the_guards(served: Served) -> None:
    websocket, socket = served.connect()
    socket.use(lambda event, args: args != ["bad"])
    errors = Heard()
    socket.on("error", errors)
    waiting = gevent.spawn(socket.wait_for, "x", 5)
    gevent.idle()
    websocket.send('42["x","bad"]')
    errors.next()
    websocket.send('42["x","good"]')

    assert waiting.get(timeout=30) == ("good",)


@hidden
def test_a_handler_that_has_done_nothing_is_told_of(
    served: Served, guard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    websocket, socket = served.connect()
    errors = Heard()
    socket.on("error", errors)
    socket.on("x", guard)

    websocket.send('421["x"]')
    websocket.send('42["x"]')

    for _ in range(2):
        (error,) = errors.next()
        assert "write a plain function" in str(error)
    assert caplog.text.count("write a plain function") == 2


@hidden
def test_catch_all_listeners_and_callbacks_too(
    served: Served, guard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    websocket, socket = served.connect()
    heard = Heard()
    socket.on_any(guard)
    socket.on_any_outgoing(guard)
    socket.on("x", heard)

    socket.emit("q", ack=guard)
    assert str(websocket.receive()).endswith('["q"]')
    websocket.send('430["answer"]')
    websocket.send('42["x"]')
    heard.next()
    served.io.timeout(5).emit("all", ack=guard)
    number = str(websocket.receive())[2 : -len('["all"]')]
    websocket.send(f"43{number}[1]")
    websocket.send('42["x"]')
    heard.next()

    assert caplog.text.count("write a plain function") >= 6


def test_they_stand_before_a_stream_when_the_client_has_left(served: Served) -> None:
    websocket, socket = served.connect()
    left, shown = Heard(), Heard()
    socket.on("disconnect", left)
    socket.on_any(shown)

    @socket.use
    def guard(event: str, args: list[Any]) -> bool:
        return args != ["bad"]

    ticks = socket.stream("tick")
    websocket.send('42["tick","bad"]')
    websocket.send('42["tick","good"]')
    websocket.send("41")
    left.next()
    while not served.io.sockets.empty:
        gevent.idle()

    assert next(ticks) == ("good",)
    assert [shown.next() for _ in range(2)] == [("tick", "bad"), ("tick", "good")]
