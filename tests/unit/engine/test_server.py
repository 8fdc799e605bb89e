from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple

import gevent
import pytest

import sockio
from sockio.engine.options import EngineOptions
from sockio.errors import ConfigError, Forbidden
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock

HANDSHAKE = "EIO=4&transport=polling"
UPGRADE = {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade"}
WEBSOCKET_HEADERS = {
    **UPGRADE,
    "HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
}


class Answer(NamedTuple):
    status: str
    headers: dict[str, str]
    body: bytes


def call(server: Any, query: str, path: str = "/engine.io/", **environ: Any) -> Answer:
    """Make one request that is answered without waiting."""
    heads: list[tuple[str, list[tuple[str, str]]]] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        **environ,
    }
    body = b"".join(
        server(environ, lambda status, headers: heads.append((status, headers)))
    )
    ((status, headers),) = heads
    return Answer(status, dict(headers), body)


def open_session(server: sockio.EngineServer) -> sockio.EngineSession:
    answer = call(server, HANDSHAKE)
    assert answer.status == "200 OK"
    return server.clients[json.loads(answer.body[1:])["sid"]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> Any:
    server = sockio.EngineServer(clock=clock)
    yield server
    server.close()
    assert clock.armed == 0


# ------------------------------------------------------------------ construction


def test_options_may_be_given_one_by_one_or_whole() -> None:
    one_by_one = sockio.EngineServer(path="/chat", ping_interval=3)
    whole = sockio.EngineServer(EngineOptions(path="/chat", ping_interval=3))

    assert one_by_one.options == whole.options


@pytest.mark.parametrize(
    "options", [{"path": "chat"}, {"ping_interval": 0}, {"transports": ["carrier"]}]
)
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        sockio.EngineServer(**options)


def test_a_server_may_be_made_before_there_is_a_hub() -> None:
    code = (
        "import sockio, gevent._hub_local as local\n"
        "server = sockio.EngineServer(cors='*', cookie=True)\n"
        "server.use(lambda request, response: None)\n"
        "server.on('connection', print)\n"
        "assert local.get_hub_if_exists() is None\n"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_server_starts_once_with_its_first_request(server: Any) -> None:
    started: list[bool] = []
    server.on_start = lambda: started.append(True)

    open_session(server)
    open_session(server)
    server.start()

    assert started == [True]


def test_a_reactor_may_be_shared(clock: FakeClock) -> None:
    reactor = Reactor(clock)

    servers = [sockio.EngineServer(reactor=reactor) for _ in range(2)]
    for server in servers:
        open_session(server)

    assert clock.armed == 1
    for server in servers:
        server.close()


# ------------------------------------------------------------------ requests


def test_only_paths_below_the_engines_are_served(server: Any) -> None:
    assert call(server, HANDSHAKE, "/engine.io/").status == "200 OK"
    assert call(server, HANDSHAKE, "/other").status == "404 Not Found"


def test_handle_request_serves_any_path(server: Any) -> None:
    answer = call(server.handle_request, HANDSHAKE, "/anything")

    assert answer.status == "200 OK"


def test_a_session_is_told_before_anything_of_it_is_handled(server: Any) -> None:
    told: list[str] = []
    server.on_session = lambda session: told.append(session.ready_state)

    open_session(server)

    assert told == ["opening"]


def test_a_request_in_another_thread_is_answered_500(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.start()

    answer = gevent.get_hub().threadpool.apply(call, (server, HANDSHAKE))

    assert answer.status == "500 Internal Server Error"
    assert "gunicorn -k gevent" in caplog.text
    assert server.clients_count == 0


def test_a_server_that_lets_no_hub_run_is_answered_500(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # This is the root greenlet, where only such a server makes requests.
    answer = call(server, HANDSHAKE, SERVER_SOFTWARE="WSGIServer/0.2")

    assert answer.status == "500 Internal Server Error"
    assert "one request at a time" in caplog.text


def test_a_websocket_that_cannot_be_had_is_refused_and_logged(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answer = call(server, "EIO=4&transport=websocket", **WEBSOCKET_HEADERS)

    assert answer.status == "400 Bad Request"
    assert answer.body == b"Bad request"
    assert "clients stay on polling" in caplog.text
    assert server.clients_count == 0


def test_an_improper_websocket_handshake_is_told_why(server: Any) -> None:
    answer = call(server, "EIO=4&transport=websocket", **UPGRADE)

    assert answer.body == b"invalid Sec-WebSocket-Key header"


def test_a_poll_of_a_client_that_is_gone_is_given_up(
    server: Any, clock: FakeClock
) -> None:
    session = open_session(server)
    ours, theirs = gevent.socket.socketpair()
    heads: list[str] = []

    def poll() -> None:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/engine.io/",
            "QUERY_STRING": f"{HANDSHAKE}&sid={session.id}",
            "werkzeug.socket": ours,  # known, and not to be taken over
        }
        list(server(environ, lambda status, headers: heads.append(status)))

    request = gevent.spawn(poll)
    clock.settle()
    theirs.close()
    request.join(timeout=2)
    ours.close()

    assert heads == ["400 Bad Request"]
    while server.clients_count:
        gevent.idle()


@pytest.mark.parametrize("query", [HANDSHAKE, "EIO=4&transport=websocket"])
def test_a_draining_server_refuses_new_sessions(server: Any, query: str) -> None:
    session = open_session(server)
    server.retry_after = 0.2

    answer = call(server, query, **(WEBSOCKET_HEADERS if "websocket" in query else {}))
    session.send("still here")
    polled = call(server, f"{HANDSHAKE}&sid={session.id}")

    assert answer.status == "503 Service Unavailable"
    assert answer.headers["Retry-After"] == "1"
    assert polled.body == b"4still here"


def test_an_unfit_allow_request_refuses_everybody(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    server = sockio.EngineServer(allow_request=lambda request: 1 / 0, clock=clock)

    answer = call(server, HANDSHAKE)

    assert answer.status == "403 Forbidden"
    assert json.loads(answer.body) == {"code": 4, "message": "Forbidden"}
    assert "ZeroDivisionError" in caplog.text


# ------------------------------------------------------------------ middlewares


def two(request: Any, response: Any) -> None:
    response.headers["X-Kind"] = "two"


def any_number(*args: Any) -> None:
    assert len(args) == 2
    args[1].headers["X-Kind"] = "any"


def two_and_more(request: Any, response: Any, *, late: bool = False) -> None:
    response.headers["X-Kind"] = "two and more"


def wsgi(app: Any) -> Any:
    def wrapped(environ: Any, start_response: Any) -> Any:
        return app(
            environ,
            lambda status, headers: start_response(
                status, [*headers, ("X-Kind", "wsgi")]
            ),
        )

    return wrapped


def wsgi_with_options(app: Any, *, verbose: bool = False, level: int = 0) -> Any:
    return wsgi(app)


class Callable_:
    def __call__(self, request: Any, response: Any) -> None:
        response.headers["X-Kind"] = "object"


@pytest.mark.parametrize(
    ("middleware", "kind"),
    [
        (two, "two"),
        (any_number, "any"),
        (two_and_more, "two and more"),
        (Callable_(), "object"),
        (wsgi, "wsgi"),
        (wsgi_with_options, "wsgi"),
    ],
)
def test_the_signature_tells_the_kind_of_middleware(
    server: Any, middleware: Any, kind: str
) -> None:
    assert server.use(middleware) is server

    assert call(server, HANDSHAKE).headers["X-Kind"] == kind


def test_wsgi_middlewares_run_outside_the_others(server: Any) -> None:
    order: list[str] = []

    def outer(app: Any) -> Any:
        def wrapped(environ: Any, start_response: Any) -> Any:
            order.append("wsgi")
            return app(environ, start_response)

        return wrapped

    server.use(lambda request, response: order.append("http"))
    server.use(outer)

    call(server, HANDSHAKE)

    assert order == ["wsgi", "http"]


# ------------------------------------------------------------------ events


def test_a_refusal_is_told_with_code_message_and_context(server: Any) -> None:
    told: list[Any] = []
    server.on("connection_error", told.append)

    call(server, "EIO=4&transport=nothing")

    (info,) = told
    assert info.code == 0
    assert info.message == "Transport unknown"
    assert info.context == {"transport": "nothing"}
    assert info.req.query["EIO"] == "4"


def test_a_refusals_message_is_the_tables_whatever_the_client_is_told(
    clock: FakeClock,
) -> None:
    def deny(request: Any) -> None:
        raise Forbidden("not you")

    server = sockio.EngineServer(allow_request=deny, clock=clock)
    told: list[Any] = []
    server.on("connection_error", told.append)

    answer = call(server, HANDSHAKE)

    assert json.loads(answer.body)["message"] == "not you"
    assert told[0].message == "Forbidden"


def test_flush_and_drain_are_told_of_sessions_old_and_new(
    server: Any, clock: FakeClock
) -> None:
    old = open_session(server)
    heard: list[tuple[Any, ...]] = []
    server.on("flush", lambda session, packets: heard.append((session.id, packets)))
    server.on("drain", lambda session: heard.append((session.id,)))
    new = open_session(server)
    clock.settle()
    heard.clear()

    for session in (old, new):
        session.send(session.id)
        call(server, f"{HANDSHAKE}&sid={session.id}")
    clock.settle()

    assert heard == [
        entry
        for session in (old, new)
        for entry in (
            (session.id, [Packet(PacketType.MESSAGE, session.id)]),
            (session.id,),
        )
    ]


def test_connection_is_told_in_the_sessions_own_greenlet(
    server: sockio.EngineServer, clock: FakeClock
) -> None:
    told: list[Any] = []

    @server.on("connection")
    def connected(session: sockio.EngineSession) -> None:
        told.append((session, gevent.getcurrent()))

    session = open_session(server)
    clock.settle()

    ((found, greenlet),) = told
    assert found is session
    assert greenlet not in (gevent.getcurrent(), gevent.get_hub())


def test_a_listener_that_fails_hinders_no_request(
    server: Any, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for event in ("connection", "headers", "initial_headers"):
        server.on(event, lambda *args: 1 / 0)

    open_session(server)
    clock.settle()

    assert caplog.text.count("ZeroDivisionError") >= 3


# ------------------------------------------------------------------ sessions


def test_a_session_is_forgotten_when_it_closes(server: Any) -> None:
    first, second = open_session(server), open_session(server)

    first.close(discard=True)

    assert dict(server.clients) == {second.id: second}
    assert server.clients_count == 1


def test_a_session_whose_id_was_given_again_does_not_take_the_new_one_along(
    server: Any,
) -> None:
    server.generate_id = lambda request: "same"
    first = open_session(server)
    second = open_session(server)

    first.close(discard=True)

    assert server.clients["same"] is second
    second.close(discard=True)
    assert server.clients_count == 0


def test_closing_closes_all_sessions(server: Any) -> None:
    sessions = [open_session(server) for _ in range(3)]

    server.close()

    assert [session.ready_state for session in sessions] == ["closed"] * 3
    assert server.clients_count == 0
