"""Django: the project's middlewares on the handshake, and what handlers know of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.utils import translation

import sockio
from sockio.errors import ConfigError, NotSupported
from sockio.integrations.django import application
from sockio.runtime.patching import threads_are_greenlets
from sockio.testing import HandshakeRefused, TestClient
from tests.support.django_project import AnonymousUser, Session, User, changing
from tests.support.quic_client import QuicClient
from tests.support.raw_client import CERTIFICATE
from tests.support.raw_websocket import RawWebSocket, Refused
from tests.support.served import Served

HERE = "tests.loopback.test_django"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
Start = Callable[..., Served]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give a function that serves a server of given options in front of the project."""
    running: list[Served] = []

    def run(**options: Any) -> Served:
        io: sockio.Server[Any] = sockio.Server(slow_handler=60.0, **options)
        application(io)
        running.append(Served(io))
        return running[-1]

    yield run
    for served in running:
        served.close()


@pytest.fixture
def ann() -> Iterator[User]:
    user = User.objects.create_user("ann")
    yield user
    User.objects.all().delete()
    Session.objects.all().delete()
    connection.close()


def logged_in(user: User) -> tuple[Client, dict[str, str]]:
    """Log a user in; return the browser, and the header with its cookie."""
    browser = Client()
    browser.force_login(user)
    return browser, {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}


def join(served: Served, headers: dict[str, str] | None = None) -> RawWebSocket:
    """Join the main namespace over a WebSocket, and take the answer."""
    websocket, _ = served.raw.open_websocket_session(headers)
    websocket.send("40")
    answer = websocket.receive_message()
    assert str(answer).startswith("40{"), answer
    return websocket


def with_middleware(*names: str) -> Any:
    """Put middlewares, which are named in this module, behind those of the project."""
    mine = [name if "." in name else f"{HERE}.{name}" for name in names]
    return override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, *mine])


# ------------------------------------------------------------------ middlewares


calls: list[str] = []


@changing
def counting(request: HttpRequest, response: HttpResponse) -> None:
    calls.append(request.path)


def test_middlewares_run_once_for_a_connection(start: Start) -> None:
    calls.clear()
    with with_middleware("counting"):
        served = start()

    session = served.raw.open_session()
    session.post("40")
    session.poll()
    session.upgrade()
    served.raw.request(transport="polling", sid="unknown")
    served.raw.request(transport="carrier pigeon")
    served.raw.request("POST", transport="polling")

    assert calls == ["/socket.io/"]


@changing
def own_answer(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    answer = HttpResponse("closed on Sundays", status=403, headers={"X-Why": "Sunday"})
    answer.set_cookie("seen", "1")
    answer.set_cookie("day", "7")
    return answer


def test_an_answer_of_a_middleware_replaces_ours(start: Start) -> None:
    with with_middleware("own_answer"):
        served = start()

    polled = served.raw.request(transport="polling")
    with pytest.raises(Refused) as refused:
        served.raw.websocket()

    for answer in (polled, refused.value.answer):
        assert (answer.status, answer.text) == (403, "closed on Sundays")
        assert answer.headers["x-why"] == "Sunday"
    assert not served.io.engine.clients
    with pytest.raises(HandshakeRefused) as tested:
        TestClient(served.io)
    lines = [line for name, line in tested.value.headers if name == "Set-Cookie"]
    assert lines == ["seen=1; Path=/", "day=7; Path=/"]


def test_the_redirect_to_tls(start: Start) -> None:
    with override_settings(SECURE_SSL_REDIRECT=True, USE_X_FORWARDED_HOST=True):
        served = start()
        headers = {"X-Forwarded-Host": "shop.example"}

        polled = served.raw.request(headers=headers, transport="polling", t="1")
        with pytest.raises(Refused) as refused:
            served.raw.websocket(headers)

    assert polled.status == refused.value.answer.status == 301
    assert polled.headers["location"] == (
        "https://shop.example/socket.io/?EIO=4&transport=polling&t=1"
    )
    assert refused.value.answer.headers["location"].startswith("https://shop.example/")


@changing
def decorating(request: HttpRequest, response: HttpResponse) -> None:
    response["X-Shop"] = "open"
    response["Content-Type"] = "text/strange"
    response["Content-Length"] = "3"
    response["Vary"] = "Cookie, Accept-Language"
    response.set_cookie("visited", "yes", httponly=True)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_of_our_answer_middlewares_change_the_headers(
    start: Start, transport: str
) -> None:
    with with_middleware(
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "decorating",
    ):
        served = start(cookie=True)
    sent = {"Accept-Encoding": "gzip", "If-None-Match": "*"}

    if transport == "polling":
        answer = served.raw.open_session(sent).answer
        assert answer.text.startswith("0{")
        assert "etag" not in answer.headers
        assert "content-encoding" not in answer.headers
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    else:
        answer = served.raw.websocket(sent).answer
        assert answer.status == 101

    assert answer.headers["x-shop"] == "open"
    assert answer.headers["vary"] == "Cookie, Accept-Language"
    cookies = answer.headers["set-cookie"]
    assert "visited=yes; HttpOnly; Path=/" in cookies
    assert "io=" in cookies


class Viewing:
    """A middleware that sees views; it refuses some."""

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        calls.append(request.resolver_match.url_name)
        assert callable(view)
        assert (args, kwargs) == ((), {})
        return HttpResponse("no view", status=404) if "t" in request.GET else None


def test_middlewares_see_a_view(start: Start) -> None:
    calls.clear()
    with with_middleware("Viewing", "django.middleware.csrf.CsrfViewMiddleware"):
        served = start()

    assert served.raw.open_session().answer.status == 200
    assert served.raw.request(transport="polling", t="1").status == 404
    assert calls == ["socket.io"] * 2


def test_login_required(start: Start, ann: User) -> None:
    with with_middleware("django.contrib.auth.middleware.LoginRequiredMiddleware"):
        served = start()

    stranger = served.raw.request(transport="polling")

    assert stranger.status == 302
    assert stranger.headers["location"].startswith("/accounts/login/?next=/socket.io/")
    join(served, logged_in(ann)[1])


@changing
def failing(request: HttpRequest, response: HttpResponse) -> None:
    raise ValueError("failed on purpose")


def test_a_middleware_that_fails_refuses(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with with_middleware("failing"):
        served = start()

    assert served.raw.request(transport="polling").status == 500
    assert "failed on purpose" in caplog.text
    assert not served.io.engine.clients


@changing
def spoiling(request: HttpRequest, response: HttpResponse) -> None:
    response.status_code = 429


def test_another_status_on_our_answer_refuses(start: Start) -> None:
    with with_middleware("spoiling"):
        served = start()

    assert served.raw.request(transport="polling").status == 429
    assert not served.io.engine.clients


class AsyncOnly:
    sync_capable = False
    async_capable = True


def test_a_middleware_that_is_async_only_is_refused() -> None:
    with (
        with_middleware("AsyncOnly"),
        pytest.raises(ConfigError, match=f"{HERE}.AsyncOnly is async only"),
    ):
        application(sockio.Server())


@changing
def activating(request: HttpRequest, response: HttpResponse) -> None:
    translation.activate("de")


def test_what_a_middleware_activates_ends_with_the_handshake(start: Start) -> None:
    with with_middleware("activating"):
        served = start()
    before = translation.get_language()

    with TestClient(served.io) as client:
        assert translation.get_language() == before
        client.close()


def test_what_a_handler_activates_ends_with_it(start: Start) -> None:
    served = start()
    before = translation.get_language()

    @served.io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.on("language", translation.get_language)
        socket.on("speak", translation.activate)

    with TestClient(served.io) as client, TestClient(served.io) as other:
        client.emit("speak", "de")
        assert client.emit_with_ack("language") == before
        assert other.emit_with_ack("language") == before


def test_the_signals_of_a_request_are_sent(start: Start) -> None:
    served = start()
    heard: list[str] = []

    def started(**given: Any) -> None:
        heard.append(given["environ"]["PATH_INFO"])

    def finished(**given: Any) -> None:
        heard.append("finished")

    request_started.connect(started)
    request_finished.connect(finished)
    try:
        served.raw.open_session()
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)

    assert heard == ["/socket.io/", "finished"]


def test_a_server_that_drains_asks_no_middleware(start: Start) -> None:
    calls.clear()
    with with_middleware("counting"):
        served = start()

    served.io.drain(1)

    assert served.raw.request(transport="polling").status == 503
    assert not calls


def test_behind_a_101_that_was_sent_already_a_close_frame_refuses() -> None:
    io: sockio.Server[Any] = sockio.Server()
    with with_middleware("own_answer"):
        application(io)
    served = Served(io, "gevent-websocket")

    closed = served.raw.websocket().wait_closed()

    assert (closed.code, closed.reason) == (1008, "Forbidden")
    served.close()


@pytest.mark.parametrize("refused", [False, True])
def test_webtransport_passes_the_middlewares(start: Start, refused: bool) -> None:
    calls.clear()
    csrf = "django.middleware.csrf.CsrfViewMiddleware"
    with with_middleware(csrf, "own_answer" if refused else "counting"):
        served = start(transports=["polling", "websocket", "webtransport"])
    certificate = str(CERTIFICATE)
    listening: Any = served.io.listen_webtransport(
        ("127.0.0.1", 0), certificate, certificate
    )
    client = QuicClient(listening.address)
    session = client.open_session()
    if refused:
        assert session.status == 403
    else:
        session.handshake()
        session.send("40")
        session.receive()
        assert calls == ["/socket.io/"]
        request = served.newest().request
        assert request.django.method == "CONNECT"
        assert not request.user.is_authenticated
    client.close()


# ------------------------------------------------------------------ the user


def test_handlers_know_the_user_the_session_and_the_request(
    start: Start, ann: User
) -> None:
    served = start()
    browser, headers = logged_in(ann)
    session = browser.session
    session["cart"] = ["tea"]
    session.save()

    websocket = join(served, headers)
    socket = served.newest()

    assert socket.request.user == ann
    assert socket.request.session["cart"] == ["tea"]
    assert isinstance(socket.request.django, HttpRequest)
    assert socket.request.django.path == "/socket.io/"
    assert socket.request.django.body == b""
    assert "sockio.connection" not in socket.request.django.environ
    websocket.close()
    stranger = join(served)
    assert not served.newest().request.user.is_authenticated
    stranger.close()


def test_middlewares_of_a_namespace_refuse_strangers(start: Start, ann: User) -> None:
    served = start()

    @served.io.use
    def logged_in_only(socket: sockio.Socket[Any]) -> None:
        if not socket.request.user.is_authenticated:
            raise sockio.ConnectError("log in first")

    with pytest.raises(sockio.ConnectError, match="log in first"):
        TestClient(served.io)
    browser, _ = logged_in(ann)
    cookies = {"sessionid": browser.cookies["sessionid"].value}
    with TestClient(served.io, cookies=cookies) as client:
        assert client.connected


def test_a_user_who_logs_out_is_noticed(start: Start, ann: User) -> None:
    served = start()
    browser, headers = logged_in(ann)
    join(served, headers)
    socket = served.newest()
    assert socket.request.user == ann
    assert socket.refresh_user() == ann

    browser.logout()

    assert socket.request.user == ann
    assert not socket.refresh_user().is_authenticated
    assert not socket.request.user.is_authenticated
    assert not socket.refresh_user().is_authenticated


def test_a_user_who_was_never_looked_at_is_read_again(start: Start, ann: User) -> None:
    served = start()
    browser, headers = logged_in(ann)
    join(served, headers)
    ann.first_name = "Ann"
    ann.save()

    assert served.newest().refresh_user().first_name == "Ann"

    browser.logout()
    assert isinstance(served.newest().refresh_user(), AnonymousUser)


def by_token(get_response: Any) -> Any:
    def run(request: HttpRequest) -> HttpResponse:
        request.user = User.objects.get(username=request.GET["token"])
        return get_response(request)

    return run


@pytest.mark.parametrize("sessions", [True, False])
def test_a_user_of_another_middleware_is_read_again(
    start: Start, ann: User, sessions: bool
) -> None:
    middlewares = [f"{HERE}.by_token"]
    with override_settings(MIDDLEWARE=[SESSIONS] * sessions + middlewares):
        served = start()
    served.raw.open_socket(token="ann")
    socket = served.newest()
    assert socket.request.user == ann

    ann.first_name = "Ann"
    ann.save()
    assert socket.refresh_user().first_name == "Ann"
    ann.is_active = False
    ann.save()
    assert isinstance(socket.refresh_user(), AnonymousUser)


def test_without_the_middleware_the_error_names_it(start: Start) -> None:
    with override_settings(MIDDLEWARE=[]):
        served = start()
    join(served)
    request = served.newest().request

    with pytest.raises(ConfigError, match="AuthenticationMiddleware"):
        _ = request.user
    with pytest.raises(ConfigError, match="SessionMiddleware"):
        _ = request.session


def test_without_django_there_is_no_user() -> None:
    served = Served(sockio.Server())
    served.connect()
    socket = served.newest()

    with pytest.raises(NotSupported, match="application\\(io\\)"):
        socket.refresh_user()
    served.close()


# ------------------------------------------------------------------ origins


def is_let_in(served: Served, origin: str | None, **headers: str) -> bool:
    """Whether both transports let a page of an origin connect; they agree."""
    sent = dict(headers) if origin is None else {"Origin": origin, **headers}
    sent = {name.replace("_", "-"): value for name, value in sent.items()}
    polled = served.raw.request(headers=sent, transport="polling")
    try:
        served.raw.websocket(sent).close()
        let_in = True
    except Refused:
        let_in = False
    assert polled.status == (200 if let_in else 403)
    return let_in


def test_pages_of_the_own_origin_may_connect(start: Start) -> None:
    served = start()

    assert is_let_in(served, served.url)
    # Some programs give the address of their WebSocket as its origin.
    assert is_let_in(served, served.url.replace("http:", "ws:"))
    assert is_let_in(served, None)
    assert not is_let_in(served, "https://foreign.example")
    assert not is_let_in(served, "null")
    assert not is_let_in(served, served.url.replace("http:", "https:"))
    assert not is_let_in(served, "http://[")


def test_hosts_that_are_not_allowed_are_refused(start: Start) -> None:
    served = start()

    answer = served.raw.request(headers={"Host": "evil.example"}, transport="polling")

    assert answer.status == 400
    with pytest.raises(HandshakeRefused):
        TestClient(served.io, headers={"host": "evil.example"})


def test_an_origin_that_is_refused_is_one_line(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sockio")
    served = start()
    caplog.clear()

    assert not is_let_in(served, "https://evil.example")

    (record,) = [r for r in caplog.records if hasattr(r, "sockio_code")]
    assert vars(record)["sockio_code"] == "origin-refused"
    assert record.levelname == "WARNING"
    said = record.getMessage()
    assert "Origin 'https://evil.example' is neither 'http://" in said
    assert "' nor in CSRF_TRUSTED_ORIGINS; code=origin-refused" in said


def test_trusted_origins_may_connect_and_read_polls(start: Start) -> None:
    trusted = ["https://app.example:8443", "https://*.friends.example"]
    with override_settings(CSRF_TRUSTED_ORIGINS=trusted):
        served = start()
        for origin in (*trusted[:1], "https://a.friends.example"):
            assert is_let_in(served, origin)
            session = served.raw.open_session({"Origin": origin})
            session.post("40", {"Origin": origin})
            for answer in (session.answer, session.poll(headers={"Origin": origin})):
                assert answer.headers["access-control-allow-origin"] == origin
                assert answer.headers["access-control-allow-credentials"] == "true"
        for origin in (
            "http://app.example:8443",
            "https://app.example",
            "http://a.friends.example",
            "https://enemyfriends.example",
            "null",
        ):
            assert not is_let_in(served, origin)


def test_the_scheme_behind_a_proxy(start: Start) -> None:
    with override_settings(
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        USE_X_FORWARDED_HOST=True,
    ):
        served = start()
        headers = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "shop.example"}

        assert is_let_in(served, "https://shop.example", **headers)
        assert not is_let_in(served, "http://shop.example", **headers)


def test_origins_that_the_server_allows_may_connect(start: Start) -> None:
    served = start(cors="https://app.example")

    assert is_let_in(served, "https://app.example")
    assert not is_let_in(served, "https://other.example")


def test_scripts_of_foreign_pages_may_not_poll(start: Start) -> None:
    served = start()

    foreign = served.raw.request(transport="polling", j="0")
    own = served.raw.request(
        headers={"Sec-Fetch-Site": "same-origin"}, transport="polling", j="0"
    )

    assert (foreign.status, own.status) == (403, 200)


# ------------------------------------------------------------------ the database


def test_handlers_take_part_in_the_transaction_of_a_test(
    start: Start, ann: User
) -> None:
    # Where threads are greenlets, each event has a connection of its own.
    served = start()

    @served.io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.on("names", lambda: [user.username for user in User.objects.all()])

    with transaction.atomic():
        connection.atomic_blocks[-1]._from_testcase = True
        with TestClient(served.io) as client:
            assert client.emit_with_ack("names") == ["ann"]
        assert connection.in_atomic_block
        assert not connection.closed_in_transaction
        transaction.set_rollback(True)


def test_an_event_can_be_emitted_when_its_transaction_is_committed(
    start: Start, ann: User
) -> None:
    served = start()

    @served.io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("rename")
        def rename(name: str, fail: bool) -> None:
            with transaction.atomic():
                User.objects.filter(pk=ann.pk).update(first_name=name)
                transaction.on_commit(lambda: served.io.emit("renamed", name))
                if fail:
                    raise ValueError("failed on purpose")

    with TestClient(served.io) as client:
        with pytest.raises(ValueError, match="on purpose"):
            client.emit("rename", "Bob", True)
        client.emit("rename", "Eve", False)
        client.expect("renamed", "Eve")
    ann.refresh_from_db()
    assert ann.first_name == "Eve"


def test_a_process_that_is_not_patched_is_told_of(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        served = start()
        for _ in range(2):
            served.raw.open_session()

    told = caplog.text.count("gevent has not patched this process")
    assert told == (0 if threads_are_greenlets() else 1)


# ------------------------------------------------------------------ mounting


def test_a_server_has_one_application() -> None:
    io: sockio.Server[Any] = sockio.Server()

    assert application(io) is application(io)


@pytest.mark.parametrize("wrong", ["events.io", 7])
def test_only_a_server_has_one(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"give a sockio\.Server"):
        application(wrong)


named: sockio.Server[Any] = sockio.Server()


def test_the_setting_names_the_server() -> None:
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/socket.io/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }

    with override_settings(SOCKIO={"server": f"{HERE}.named"}):
        body = application(environ, lambda status, *_: statuses.append(status))
        assert application() is application(named)

    assert statuses == ["400 Bad Request"]
    assert b"Transport unknown" in b"".join(body)


def test_the_server_of_runserver_gets_an_answer_that_says_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    io: sockio.Server[Any] = sockio.Server()
    app = application(io)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/socket.io/",
        "SERVER_SOFTWARE": "WSGIServer/0.2 CPython/3.11",
    }
    answers: list[str] = []

    for _ in range(2):
        body = app(environ, lambda status, *_: answers.append(status))
    io.close()

    if threads_are_greenlets():
        assert "503 Service Unavailable" not in answers
        return
    assert answers == ["503 Service Unavailable"] * 2
    assert b"manage.py runsocketio" in b"".join(body)
    assert caplog.text.count("manage.py runsocketio") == 1
