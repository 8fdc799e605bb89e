"""Polling without WSGI: who gets it, and that its answers are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sockio
from sockio.testing import FakeClock
from sockio.types import WSGIApp
from tests.support.http_wire import Answer, HttpConnection
from tests.support.raw_client import RawClient

PAGE = "https://example.com"
#: Headers that differ from answer to answer.
CHANGING = ("date",)


class Side:
    """An engine behind an HTTP server of ours, with one polling session."""

    def __init__(
        self, wrap: Callable[[sockio.EngineServer], WSGIApp], **options: Any
    ) -> None:
        self.clock = FakeClock()
        self.engine = sockio.EngineServer(clock=self.clock, **options)
        self.http = sockio.create_server(wrap(self.engine)).listen(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self.http.address)  # type: ignore[misc]
        self.client = RawClient(self.url)
        self.sid = self.client.open_session().sid
        self.connections: list[HttpConnection] = []

    @property
    def session(self) -> sockio.EngineSession:
        return self.engine.sessions[self.sid]

    def connect(self) -> HttpConnection:
        address = self.http.address
        assert isinstance(address, tuple)
        self.connections.append(HttpConnection(address, "test"))
        return self.connections[-1]

    def close(self) -> None:
        self.client.close()
        for connection in self.connections:
            connection.close()
        self.engine.close()
        self.http.close(timeout=1)


@pytest.fixture
def side() -> Iterator[Callable[..., Side]]:
    sides: list[Side] = []

    def start(wrap: Callable[[Any], WSGIApp] = lambda app: app, **options: Any) -> Side:
        sides.append(Side(wrap, **options))
        return sides[-1]

    yield start
    for one in sides:
        one.close()


def by_wsgi(engine: sockio.EngineServer) -> WSGIApp:
    return lambda environ, start: engine(environ, start)


def facts(answer: Answer) -> tuple[int, str, dict[str, str], bytes]:
    headers = {k: v for k, v in answer.headers.items() if k not in CHANGING}
    return answer.status, answer.reason, headers, answer.body


Exchange = Callable[[Side, str], Answer]


def get(**headers: str) -> Exchange:
    def exchange(side: Side, query: str) -> Answer:
        side.session.send("a" * 2000).send("€")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return side.connect().request("GET", f"/engine.io/?{query}", headers=named)

    return exchange


def post(body: str | bytes, **headers: str) -> Exchange:
    def exchange(side: Side, query: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return side.connect().request(
            "POST", f"/engine.io/?{query}", body, headers=named
        )

    return exchange


EXCHANGES = {
    "poll": get(),
    "poll, gzip": get(Accept_Encoding="gzip, deflate"),
    "poll of a page": get(Origin=PAGE),
    "poll of a page elsewhere": get(Origin="https://example.org"),
    "poll of a strange page": get(Origin="https://\x01"),
    "poll of a foreign page": get(Origin="https://\xfc"),
    "poll of an old browser": get(User_Agent="x;MSIE 8.0"),
    "last poll": get(Connection="close"),
    "poll and keep": get(Connection="keep-alive"),
    "poll with a wish": get(Expect="100-continue"),
    "poll for a WebSocket": get(Upgrade="websocket", Connection="Upgrade"),
    "poll for something": get(Upgrade="h2c"),
    "post": post("4a\x1e4b"),
    "post of a page": post("4a", Origin=PAGE),
    "post of nothing": post(""),
    "post of much": post("4" + "a" * 5000),
    "post of a pong": post("3"),
    "post of a close": post("1"),
    "post of nonsense": post("nonsense"),
    "post of half nonsense": post("4a\x1enonsense"),
    "post of no text": post(b"4\xff"),
    "post of bytes": post(b"abc", Content_Type="application/octet-stream"),
}
QUERIES = (
    "EIO=4&transport=polling&sid={sid}",
    "sid={sid}&EIO=4&transport=polling&t=abc.1",
    "EIO=4&transport=polling&sid={sid}&x=%20y+z",
    "EIO=4&transport=polling&sid=x&sid={sid}",
    "EIO=4&transport=polling&sid={sid}&sid=x",
    "EIO=3&transport=polling&sid={sid}",
    "EIO=4&transport=websocket&sid={sid}",
    "EIO=4&transport=polling&transport=x&sid={sid}",
    "EIO=4&sid={sid}",
    "&EIO=4&&transport=polling&sid={sid}&novalue&=",
)
CASES = [(name, QUERIES[0]) for name in EXCHANGES]
CASES += [(name, query) for name in ("poll", "post") for query in QUERIES[1:]]


@pytest.mark.parametrize(("name", "query"), CASES)
def test_the_answers_are_those_of_the_long_way(
    side: Callable[..., Side], name: str, query: str
) -> None:
    answers, states, received = [], [], []
    for wrap in (by_wsgi, lambda app: app):
        one = side(
            wrap,
            cors=sockio.Cors(origin=[PAGE], credentials=True),
            max_http_buffer_size=4096,
        )
        messages: list[Any] = []
        one.session.on("message", messages.append)
        answers.append(EXCHANGES[name](one, query.format(sid=one.sid)))
        one.clock.settle()
        states.append(one.sid in one.engine.sessions)
        received.append(messages)

    assert facts(answers[0]) == facts(answers[1])
    assert states[0] == states[1]
    assert received[0] == received[1]


#: Pieces of queries, and headers, that the two ways might read differently.
pieces = st.lists(
    st.sampled_from(
        [
            "EIO=4",
            "EIO=3",
            "EIO=",
            "transport=polling",
            "transport=websocket",
            "transport=",
            "t=a.1",
            "sid=x",
            "sid=%7a",
            "%73id=x",
            "x=%20y+z",
            "x=é",
            "b64=1",
            "j=0",
            "novalue",
            "=",
            "#",
            "",
        ]
    ),
    max_size=3,
)
queries = st.builds(
    lambda before, after: "&".join(
        [*before, "EIO=4&transport=polling&sid={sid}", *after]
    ),
    pieces,
    pieces,
)
some_headers = st.dictionaries(
    st.sampled_from(["Accept_Encoding", "Origin", "Connection", "Cookie", "Range"]),
    st.sampled_from(["", "gzip", "gzip;q=0", "keep-alive", "close", PAGE, "null", "*"]),
)
bodies = st.lists(
    st.sampled_from(["4", "4a", "3", "2", "1", "6", "bAAE=", "b!", "9", "", "4\ud83d"]),
    max_size=3,
).map(lambda packets: "\x1e".join(packets).encode(errors="surrogatepass"))


def test_the_answers_are_those_of_the_long_way_whatever_is_asked(
    side: Callable[..., Side],
) -> None:
    sides = [side(wrap, max_http_buffer_size=4096) for wrap in (by_wsgi, lambda a: a)]

    @given(queries, some_headers, st.none() | bodies)
    def check(query: str, headers: dict[str, str], body: bytes | None) -> None:
        asked = get(**headers) if body is None else post(body, **headers)
        outcomes = []
        for one in sides:
            one.sid = one.client.open_session().sid
            messages: list[Any] = []
            one.session.on("message", messages.append)
            session = one.session
            answer = asked(one, query.format(sid=one.sid))
            one.clock.settle()
            outcomes.append((*facts(answer), messages, session.ready_state))
            session.close(discard=True)
            one.connections.pop().close()
        assert outcomes[0] == outcomes[1]

    check()


# ------------------------------------------------------------------ who gets it


@pytest.fixture
def went(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Methods of the requests that went through WSGI."""
    methods: list[str] = []
    handle = sockio.EngineServer.handle_request

    def handle_request(self: Any, environ: Any, start: Any) -> Any:
        methods.append(environ["REQUEST_METHOD"])
        return handle(self, environ, start)

    monkeypatch.setattr(sockio.EngineServer, "handle_request", handle_request)
    return methods


def exchange(one: Side) -> None:
    query = QUERIES[0].format(sid=one.sid)
    assert EXCHANGES["post"](one, query).body == b"ok"
    assert EXCHANGES["poll"](one, query).text.endswith("\x1e4€")


@pytest.mark.parametrize(
    "options",
    [{}, {"cors": PAGE}, {"cors": True}, {"allow_request": lambda request: None}],
)
def test_requests_of_a_session_do_not_go_through_wsgi(
    side: Callable[..., Side], went: list[str], options: dict[str, Any]
) -> None:
    one = side(**options)

    exchange(one)

    assert went == ["GET"]  # the handshake


@pytest.mark.parametrize(
    "change",
    [
        lambda engine: engine.use(lambda request, response: None),
        lambda engine: engine.use(lambda app: app),
        lambda engine: engine.on("headers", lambda headers, request: None),
    ],
)
def test_they_do_where_code_of_the_application_takes_part(
    side: Callable[..., Side], went: list[str], change: Callable[[Any], object]
) -> None:
    one = side()
    change(one.engine)

    exchange(one)

    assert went == ["GET", "POST", "GET"]


def test_they_do_where_a_function_judges_origins(
    side: Callable[..., Side], went: list[str]
) -> None:
    exchange(side(cors=lambda origin, request: True))

    assert went == ["GET", "POST", "GET"]


def test_a_class_of_its_own_handles_requests_itself(went: list[str]) -> None:
    class Engine(sockio.EngineServer):
        def handle_request(self, environ: Any, start_response: Any) -> Any:
            return super().handle_request(environ, start_response)

    class Server(sockio.Server[Any]):
        def __call__(self, environ: Any, start_response: Any) -> Any:
            return super().__call__(environ, start_response)

    assert Engine().shortcut is None
    assert Server().shortcut is None
    assert sockio.Server[Any]().shortcut is not None


def test_an_application_behind_keeps_its_requests(side: Callable[..., Side]) -> None:
    io: sockio.Server[Any] = sockio.Server(path="/engine.io")

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", [])
        return [b"app"]

    one = side(lambda engine: io.bind(engine).attach(app))
    query = QUERIES[0].format(sid=one.sid)

    assert EXCHANGES["poll"](one, query).text.endswith("\x1e4€")
    assert one.http.app.shortcut is one.engine.shortcut  # type: ignore[union-attr]
    assert one.connect().request("GET", "/").body == b"app"
    assert one.connect().request("POST", "/engine.io", "x").body == b"app"


# ------------------------------------------------------------------ waiting polls


def start_poll(one: Side) -> HttpConnection:
    poll = one.connect()
    poll.send("GET", "/engine.io/?" + QUERIES[0].format(sid=one.sid))
    one.clock.settle()
    assert one.session.transport.writable
    return poll


def test_a_waiting_poll_costs_no_greenlet(side: Callable[..., Side]) -> None:
    one = side()
    poll = start_poll(one)

    assert one.engine.reactor.workers.busy == 0
    one.session.send("a")
    assert poll.receive().text == "4a"


def test_polls_and_posts_may_be_pipelined(side: Callable[..., Side]) -> None:
    one = side()
    query = QUERIES[0].format(sid=one.sid)
    received: list[Any] = []
    one.session.on("message", received.append)
    one.session.send("x")
    connection = one.connect()
    end = "HTTP/1.1\r\nHost: test\r\n"
    post = f"POST /engine.io/?{query} {end}Content-Length: 2\r\n\r\n4a"
    poll = f"GET /engine.io/?{query} {end}\r\n"

    connection.wire.send((post + post + poll + post).encode())

    bodies = [connection.receive().body for _ in range(4)]
    assert bodies == [b"ok", b"ok", b"4x", b"ok"]
    one.clock.settle()
    assert received == ["a", "a", "a"]


def test_a_large_answer_to_a_slow_reader_holds_up_nobody(
    side: Callable[..., Side],
) -> None:
    one = side(http_compression=False, buffer=None)
    slow = start_poll(one)
    large = "a" * (8 << 20)

    one.session.send(large)
    one.clock.settle()

    assert one.connect().request("GET", "/engine.io/?EIO=4&transport=polling").body
    assert slow.receive().text == "4" + large
    one.session.send("more")
    slow.send("GET", "/engine.io/?" + QUERIES[0].format(sid=one.sid))
    assert slow.receive().text == "4more"


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_goes_while_it_is_written_to_is_no_news(
    side: Callable[..., Side], how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    one = side(http_compression=False, buffer=None)
    poll = start_poll(one)
    one.session.send("a" * (8 << 20))
    one.clock.settle()

    getattr(poll.wire, how)()
    gevent.idle()

    assert one.connect().request("GET", "/engine.io/?EIO=4&transport=polling").body
    assert capfd.readouterr() == ("", "")


def test_a_server_that_closes_lets_polls_end(side: Callable[..., Side]) -> None:
    one = side()
    poll = start_poll(one)
    closing = gevent.spawn(one.http.close, timeout=60)
    gevent.idle()
    assert not closing.ready()

    one.session.send("bye")

    answer = poll.receive()
    assert answer.text == "4bye"
    assert answer.headers["connection"] == "close"
    assert poll.wire.socket.recv(1) == b""
    assert closing.get(timeout=30) is None


def test_polls_that_do_not_end_are_cut(side: Callable[..., Side]) -> None:
    one = side()
    poll = start_poll(one)

    one.http.close(timeout=0)

    assert poll.wire.socket.recv(1) == b""


def test_an_access_log_wants_every_request(
    tmp_path: Path,
) -> None:
    engine = sockio.EngineServer()
    with (tmp_path / "access.log").open("w+") as log:
        http = sockio.create_server(engine, log=log).listen(("127.0.0.1", 0))
        client = RawClient("http://{}:{}".format(*http.address))  # type: ignore[misc]
        client.open_session().post("4a")
        client.close()
        engine.close()
        http.close(timeout=1)
        log.seek(0)

        assert [line.split('"')[1][:4] for line in log] == ["GET ", "POST"]


def test_the_application_may_be_replaced(side: Callable[..., Side]) -> None:
    one = side()

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", [])
        return [b"new"]

    one.http.app = app

    query = QUERIES[0].format(sid=one.sid)
    assert one.connect().request("GET", f"/engine.io/?{query}").body == b"new"
