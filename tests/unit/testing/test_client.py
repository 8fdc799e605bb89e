from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import sockio
from sockio.testing import FakeClock, HandshakeRefused, TestClient
from tests.support.loopback import Loopback
from tests.support.waiting import wait_until

Make = Callable[..., "sockio.Server[Any]"]


@pytest.fixture
def make() -> Any:
    """Give a function that makes servers, which are closed at the end."""
    made: list[sockio.Server[Any]] = []

    def server(**options: Any) -> sockio.Server[Any]:
        made.append(sockio.Server(**options))
        return made[-1]

    yield server
    for io in made:
        io.close()


# ------------------------------------------------------------------ connecting


def test_what_the_server_learns(io: sockio.Server[Any]) -> None:
    with TestClient(
        io,
        auth={"token": "t"},
        headers={"User-Agent": "test", "Origin": "http://localhost"},
        cookies={"a": "1", "b": "2"},
        query={"v": "ö 2"},
        address="10.0.0.7",
    ) as client:
        handshake = client.socket.handshake

        assert client.id == client.socket.id
        assert client.socket.conn.transport_name == "websocket"
        assert handshake.auth == {"token": "t"}
        assert handshake.address == "10.0.0.7"
        assert handshake.query["v"] == "ö 2"
        assert handshake.headers["user-agent"] == "test"
        assert handshake.headers["cookie"] == "a=1; b=2"
        assert handshake.xdomain


def test_the_connection_handler_has_ended(io: sockio.Server[Any]) -> None:
    io.on("connection", lambda socket: socket.emit("hello", socket.id))

    with TestClient(io) as client:
        assert client.received == [(client.id,)]


def test_a_connection_handler_that_fails(io: sockio.Server[Any]) -> None:
    io.on("connection", lambda socket: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        TestClient(io)
    assert not io.engine.clients


def test_a_middleware_refuses(io: sockio.Server[Any]) -> None:
    @io.use
    def refuse(socket: sockio.Socket[Any]) -> None:
        raise sockio.ConnectError("no", {"code": 7})

    with pytest.raises(sockio.ConnectError, match="no") as caught:
        TestClient(io)

    assert caught.value.data == {"code": 7}
    assert not io.engine.clients


def test_a_middleware_that_fails(
    io: sockio.Server[Any], caplog: pytest.LogCaptureFixture
) -> None:
    io.use(lambda socket: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        TestClient(io)
    with pytest.raises(sockio.ConnectError, match="Internal server error"):
        TestClient(io, raise_errors=False)


def test_an_unknown_namespace(io: sockio.Server[Any]) -> None:
    with pytest.raises(sockio.ConnectError, match="Invalid namespace"):
        TestClient(io, namespace="/nowhere")


def test_allow_request_refuses(make: Make) -> None:
    def allow(request: sockio.Request) -> None:
        raise sockio.Forbidden("not today")

    with pytest.raises(HandshakeRefused, match="not today") as caught:
        TestClient(make(allow_request=allow))

    assert caught.value.data == {"code": 4, "message": "Forbidden"}
    assert (caught.value.status, caught.value.body) == (
        "400 Bad Request",
        b"not today",
    )


def test_a_foreign_page_is_refused(make: Make) -> None:
    io = make(check_origin=True)

    with pytest.raises(HandshakeRefused, match="Origin not allowed"):
        TestClient(io, headers={"Origin": "http://x.com"})


def test_an_http_middleware_answers(io: sockio.Server[Any]) -> None:
    @io.engine.use
    def elsewhere(request: sockio.Request, response: sockio.Response) -> None:
        response.headers["Location"] = "/login"
        response.end(302, b"log in")

    with pytest.raises(HandshakeRefused, match="log in") as caught:
        TestClient(io)

    assert caught.value.status.startswith("302")
    assert ("Location", "/login") in caught.value.headers
    assert caught.value.data is None


def test_a_server_that_only_polls(make: Make) -> None:
    with TestClient(make(transports=["polling"])) as client:
        assert client.connected


def test_what_is_no_server() -> None:
    with pytest.raises(sockio.ConfigError, match=r"give a sockio\.Server"):
        TestClient(3000)  # type: ignore[arg-type]


def test_a_client_connects_later(io: sockio.Server[Any]) -> None:
    client = TestClient(io, connect=False)
    assert (client.connected, client.id) == (False, None)
    with pytest.raises(sockio.Disconnected, match="not connected"):
        client.emit("x")

    client.connect()

    assert client.connected
    with pytest.raises(sockio.ConfigError, match="connected already"):
        client.connect()
    client.close()
    client.close()


def test_cookies_of_the_server_are_sent_back(make: Make) -> None:
    io = make(cookie=sockio.Cookie(name="io"))

    @io.engine.on("headers")
    def gone(headers: Any, request: sockio.Request) -> None:
        headers["Set-Cookie"] = [headers["Set-Cookie"], "old=; Max-Age=0"]

    with TestClient(io, cookies={"old": "1", "mine": "2"}) as client:
        sid = client.socket.conn.id
        assert client.cookies == {"io": sid, "mine": "2"}
        client.reconnect()
        assert client.socket.handshake.headers["cookie"] == f"mine=2; io={sid}"


# ------------------------------------------------------------------ several


def test_several_clients(io: sockio.Server[Any]) -> None:
    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.on("say", lambda text: socket.broadcast.emit("said", text))

    with TestClient(io) as ann, TestClient(io) as bob, TestClient(io) as eve:
        ann.emit("say", "hello")

        bob.expect("said", "hello")
        eve.expect("said", "hello")
        ann.expect_nothing()


def test_all_clients_are_asked(io: sockio.Server[Any]) -> None:
    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.on("vote", lambda: io.timeout(30).emit_with_ack("vote?"))

    with TestClient(io) as ann, TestClient(io) as bob:
        ann.on("vote?", lambda: "yes")
        votes: list[list[str]] = []

        ann.emit("vote", ack=votes.append)
        assert votes == []
        bob.expect("vote?").ack("no")
        ann.settle()

        assert votes == [["yes", "no"]]


def test_several_namespaces_on_one_connection(io: sockio.Server[Any]) -> None:
    @io.of("/admin").use
    def guard(socket: sockio.Socket[Any]) -> None:
        if socket.handshake.auth.get("key") != "k":
            raise sockio.ConnectError("no key")

    io.of("/admin").on("connection", lambda socket: socket.emit("welcome"))
    with TestClient(io) as client:
        with pytest.raises(sockio.ConnectError, match="no key"):
            client.of("/admin")
        admin = client.of("/admin", {"key": "k"})

        assert client.of("/admin") is admin
        admin.expect("welcome")
        client.expect_nothing()
        assert admin.socket.client is client.socket.client
        assert admin.id != client.id
        client.disconnect()
        assert admin.connected
        admin.disconnect()
        assert not io.engine.clients


def test_a_namespace_is_entered_by_the_first_socket(io: sockio.Server[Any]) -> None:
    io.of("/chat").on("connection", lambda socket: socket.emit("hi"))

    with TestClient(io, namespace="chat") as client:
        client.expect("hi")
        assert client.of("/chat") is client


# ------------------------------------------------------------------ the end


def test_the_end_of_the_block_raises_what_was_not_raised(
    io: sockio.Server[Any],
) -> None:
    io.on("connection", lambda socket: socket.on("disconnect", lambda: 1 // 0))

    with pytest.raises(ZeroDivisionError), TestClient(io):
        pass
    with pytest.raises(KeyError), TestClient(io):
        raise KeyError("of the test")


def test_after_the_tests_the_server_is_as_before(io: sockio.Server[Any]) -> None:
    seen: list[str] = []
    io.on("connection", lambda socket: socket.on("say", seen.append))
    with TestClient(io) as client:
        client.emit("say", "in memory")

    assert io.reactor.around.makers == ()
    loopback = Loopback(io)
    websocket = loopback.client().open_socket()
    websocket.send('42["say","over TCP"]')
    wait_until(lambda: len(seen) == 2)
    loopback.close()

    assert seen == ["in memory", "over TCP"]


# ------------------------------------------------------------------ recovery


def test_a_client_comes_back(make: Make) -> None:
    clock = FakeClock()
    io = make(connection_state_recovery=True, clock=clock)
    reasons: list[str] = []

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.join("news")
        socket.on("disconnect", reasons.append)

    with TestClient(io) as client:
        sid = client.id
        io.to("news").emit("news", 1)
        client.expect("news", 1)
        client.drop()
        assert (client.reason, reasons) == ("transport close", ["transport close"])
        io.to("news").emit("news", 2)
        clock.advance(60)
        client.reconnect()

        assert (client.recovered, client.id) == (True, sid)
        client.expect("news", 2)
        io.volatile.emit("news", 3)
        client.expect("news", 3)
        client.expect_nothing()

        client.drop()
        clock.advance(121)
        client.reconnect()
        assert not client.recovered
        assert client.id != sid


# ------------------------------------------------------------------ time


def test_the_client_answers_pings(make: Make) -> None:
    clock = FakeClock()
    io = make(clock=clock, connect_timeout=1)

    with TestClient(io) as client:
        clock.advance(3600)

        assert client.connected


def test_a_handler_waits_for_the_time(make: Make) -> None:
    clock = FakeClock()
    io = make(clock=clock)
    ended: list[float] = []
    pause = io.sleep

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("wait")
        def wait() -> None:
            pause(5)
            ended.append(clock.now())

        @socket.on("ask")
        def ask() -> Any:
            with pytest.raises(sockio.AckTimeout):
                socket.timeout(3).emit_with_ack("question")
            return "no answer"

    with TestClient(io) as client:
        client.emit("wait")
        assert ended == []
        clock.advance(5)
        assert ended == [5.0]

        answers: list[str] = []
        client.emit("ask", ack=answers.append)
        client.expect("question")
        clock.advance(3)
        assert answers == ["no answer"]


# ------------------------------------------------------------------ parsers


@pytest.mark.parametrize("parser", ["msgpack", "auto", sockio.MsgpackParser()])
def test_the_parser_is_the_servers(make: Make, parser: Any) -> None:
    io = make(parser=parser)
    io.on("connection", lambda socket: socket.on("twice", lambda data: data * 2))

    with TestClient(io) as client:
        assert client.emit_with_ack("twice", b"ab") == b"abab"


def test_a_message_that_no_client_can_read(make: Make) -> None:
    with pytest.raises(sockio.ProtocolError, match="unknown packet type h"):
        TestClient(make(initial_packet="hello"))


def test_a_message_that_is_too_large(make: Make) -> None:
    io = make(max_http_buffer_size=1000)

    with TestClient(io) as client:
        client.emit("x", "y" * 1000)

        assert client.expect_disconnect() == "transport close"
