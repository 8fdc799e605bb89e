"""WebSocket subprotocols: which one of a client's offers the answer names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

import sockio
from sockio import Forbidden, Request
from tests.support.engine import RunningEngine
from tests.support.http_wire import HttpConnection
from tests.support.raw_client import RawClient
from tests.support.raw_websocket import RawWebSocket, Refused

from .conftest import StartEngine

OFFER = "sec-websocket-protocol"
BAD_HEADER = "Invalid Sec-WebSocket-Protocol header"

over_each_server = pytest.mark.parametrize("kind", ["sockio", "pywsgi", "werkzeug"])


def answered(websocket: RawWebSocket) -> str | None:
    return websocket.answer.headers.get(OFFER)


class Elsewhere:
    """An engine under gevent's server, plain, with a handler, or posing as Werkzeug."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.engine = sockio.EngineServer(**options)
        handler = {"handler_class": WebSocketHandler} if kind == "gevent" else {}
        app = self._as_werkzeug if kind == "werkzeug" else self.engine
        self._server = WSGIServer(("127.0.0.1", 0), app, log=None, **handler)
        self._server.start()
        self.raw = RawClient("http://{}:{}".format(*self._server.address))

    def _as_werkzeug(self, environ: Any, start_response: Any) -> Any:
        environ["werkzeug.socket"] = environ.pop("wsgi.input").raw._sock
        environ["SERVER_SOFTWARE"] = "Werkzeug/3"
        return self.engine(environ, start_response)

    def close(self) -> None:
        self.raw.close()
        self.engine.close()
        self._server.stop(timeout=2)


@pytest.fixture
def start(start_engine: StartEngine) -> Iterator[Any]:
    """Give a function that starts an engine of some kind and returns a client."""
    running: list[Elsewhere] = []

    def start_one(kind: str = "sockio", **options: Any) -> RawClient:
        if kind in ("sockio", "pywsgi"):
            return start_engine(kind=kind, **options).raw
        running.append(Elsewhere(kind, **options))
        return running[-1].raw

    yield start_one
    for elsewhere in running:
        elsewhere.close()


# ------------------------------------------------------------------ by default


@over_each_server
@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("a", "a"),
        ("b, a", "b"),
        ("graphql-ws ,a,c", "graphql-ws"),
        ("!#$.~, a", "!#$.~"),
    ],
)
def test_the_first_one_offered_is_answered(
    start: Any, kind: str, offer: str, answer: str
) -> None:
    client = start(kind)

    websocket = client.websocket({OFFER: offer})

    assert answered(websocket) == answer
    assert websocket.receive().startswith("0{")


@over_each_server
def test_who_offers_none_gets_none(start: Any, kind: str) -> None:
    assert answered(start(kind).websocket()) is None


def test_several_headers_are_one_list(engine: RunningEngine) -> None:
    http = engine.raw.http()
    http.wire.send(handshake(engine.raw, f"{OFFER}: a", f"{OFFER}: b"))

    assert http.receive().headers[OFFER] == "a"

    again = engine.raw.http()
    again.wire.send(handshake(engine.raw, f"{OFFER}: a", f"{OFFER}: a"))
    assert again.receive().text == BAD_HEADER


def handshake(client: RawClient, *lines: str) -> bytes:
    head = [
        f"GET {client.target(transport='websocket')} HTTP/1.1",
        "Host: x",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *lines,
        "",
        "",
    ]
    return "\r\n".join(head).encode("latin-1")


@over_each_server
@pytest.mark.parametrize("offer", ["", "a,,b", ",a", "a, a", "a b", "a/b", "\xe9"])
def test_a_wrong_header_is_refused(start: Any, kind: str, offer: str) -> None:
    client = start(kind)
    connection: HttpConnection = client.http()

    connection.wire.send(handshake(client, f"{OFFER}: {offer}"))

    answer = connection.receive()
    assert (answer.status, answer.text) == (400, BAD_HEADER)


def test_an_upgrade_is_answered_too(engine: RunningEngine) -> None:
    session = engine.raw.open_session()

    websocket = session.websocket({OFFER: "a, b"})
    websocket.send("2probe")

    assert answered(websocket) == "a"
    assert websocket.receive() == "3probe"


def test_polling_does_not_care(engine: RunningEngine) -> None:
    session = engine.raw.open_session({OFFER: "a,,b"})

    assert OFFER not in session.answer.headers


# ------------------------------------------------------------------ handle_protocols


class Choice:
    """A ``handle_protocols`` that notes its calls."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.offered: list[Sequence[str]] = []
        self.requests: list[Request] = []

    def __call__(self, offered: Sequence[str], request: Request) -> Any:
        self.offered.append(offered)
        self.requests.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@over_each_server
def test_the_application_may_choose(start: Any, kind: str) -> None:
    choice = Choice("b")
    client = start(kind, handle_protocols=choice)

    websocket = client.websocket({OFFER: "a, b, c"}, token="5")

    assert answered(websocket) == "b"
    assert [list(offered) for offered in choice.offered] == [["a", "b", "c"]]
    assert choice.requests[0].query["token"] == "5"


@over_each_server
def test_the_application_may_choose_none(start: Any, kind: str) -> None:
    client = start(kind, handle_protocols=Choice(None))

    websocket = client.websocket({OFFER: "a, b"})

    assert answered(websocket) is None
    assert websocket.receive().startswith("0{")


def test_it_is_not_asked_where_nothing_is_offered(start_engine: StartEngine) -> None:
    choice = Choice("a")
    engine = start_engine(handle_protocols=choice)

    engine.raw.websocket()
    engine.raw.open_session({OFFER: "a"})

    assert choice.offered == []


@over_each_server
@pytest.mark.parametrize("answer", ["A", "a, b", "", b"a", True, False, 0, ["a"]])
def test_what_was_not_offered_is_no_answer(
    start: Any, kind: str, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = start(kind, handle_protocols=Choice(answer))

    with pytest.raises(Refused) as refused:
        client.websocket({OFFER: "a, b"})

    assert refused.value.answer.status == 400
    assert "return one of the offered texts" in caplog.text


def test_what_a_client_offers_is_not_logged(
    start_engine: StartEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = start_engine(handle_protocols=lambda offered, request: offered[0][:5])

    with pytest.raises(Refused):
        engine.raw.websocket({OFFER: "xyzzy-token"})

    assert "handle_protocols returned" in caplog.text
    assert "xyzzy" not in caplog.text


@over_each_server
def test_a_failure_is_a_refusal(
    start: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = start(kind, handle_protocols=Choice(ZeroDivisionError("inner secret")))

    with pytest.raises(Refused) as refused:
        client.websocket({OFFER: "a"})

    assert refused.value.answer.status == 400
    assert "inner secret" not in refused.value.answer.text
    assert "ZeroDivisionError" in caplog.text


@over_each_server
def test_it_may_forbid(start: Any, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    client = start(kind, handle_protocols=Choice(Forbidden("not with this token")))

    with pytest.raises(Refused) as refused:
        client.websocket({OFFER: "token"})

    assert refused.value.answer.text == "not with this token"
    assert "Traceback" not in caplog.text


def test_a_refusal_is_told(start_engine: StartEngine) -> None:
    engine = start_engine(handle_protocols=Choice(Forbidden("no")))

    with pytest.raises(Refused):
        engine.raw.websocket({OFFER: "a"})

    (refusal,) = engine.refusals
    assert (refusal.code, refusal.context["message"]) == (4, "no")
    assert engine.engine.clients_count == 0


def test_a_refused_upgrade_leaves_the_session(start_engine: StartEngine) -> None:
    engine = start_engine(handle_protocols=Choice(Forbidden("no")))
    session = engine.raw.open_session()

    with pytest.raises(Refused):
        session.websocket({OFFER: "a"})

    assert session.post("4still here").status == 200
    assert engine.messages == ["still here"]


def test_listeners_of_headers_have_the_last_word(engine: RunningEngine) -> None:
    def change(headers: Any, request: Request) -> None:
        headers[OFFER] = headers[OFFER].upper()

    engine.engine.on("headers", change)

    assert answered(engine.raw.websocket({OFFER: "a"})) == "A"


# ------------------------------------------------------------------ gevent-websocket


def test_its_handler_answers_none_and_that_is_said_once(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = start("gevent")

    for _ in range(3):
        websocket = client.websocket({OFFER: "a, b"})
        assert answered(websocket) is None
        assert websocket.receive().startswith("0{")
    client.websocket()

    (warning,) = [r for r in caplog.records if r.levelname == "WARNING"]
    assert "gevent-websocket's handler" in warning.getMessage()


def test_who_offers_none_there_causes_no_warning(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = start("gevent", handle_protocols=Choice(None))

    client.websocket()
    client.websocket({OFFER: "a"})

    assert not [r for r in caplog.records if r.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("answer", "offer", "text"),
    [
        (Forbidden("not with this token"), "a", "not with this token"),
        (ZeroDivisionError(), "a", "no subprotocol was agreed on"),
        ("a", "a,,b", BAD_HEADER),
    ],
)
def test_a_refusal_there_closes_what_was_opened(
    start: Any, answer: Any, offer: str, text: str
) -> None:
    client = start("gevent", handle_protocols=Choice(answer))

    closed = client.websocket({OFFER: offer}).wait_closed()

    assert (closed.code, closed.reason) == (1008, text)
