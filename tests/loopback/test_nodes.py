"""Requests that reach another machine than the one that has their session."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import gevent.socket
import pytest

from sockio.adapters import Cluster, Exchange
from sockio.engine.handover import passport
from sockio.engine.http.request import Request
from sockio.httpd.connection import CONNECTION
from sockio.testing import FakeClock
from tests.support.holding_proxy import HoldingProxy
from tests.support.http_wire import TIMEOUT, ConnectionEnded, Wire
from tests.support.loopback import Kind
from tests.support.mongo_server import MongoServer
from tests.support.nodes import Node
from tests.support.postgres import Postgres
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import Closed, Refused
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

from .conftest import Serve

SECRET = "s" * 32

MakeNode = Callable[..., Node]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def make(exchange: Exchange) -> Iterator[MakeNode]:
    """Give what makes a node."""
    nodes: list[Node] = []

    def make(kind: Kind = "sockio", **options: Any) -> Node:
        given = {"advertise_secret": SECRET, "slow_handler": 60.0, **options}
        nodes.append(Node(Cluster(exchange.bus()), kind, **given))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


@pytest.fixture
def pair(make: MakeNode) -> tuple[Node, Node]:
    """Give two nodes: the sessions are the second one's, the first one is asked."""
    return make(), make()


def ask(one: Node, two: Node) -> PollingSession:
    """Open a session at ``two`` whose requests go to ``one``."""
    session = two.client().open_session()
    session.client = one.client()
    session._polls = session.client.http()
    return session


def join(session: PollingSession) -> None:
    session.post("40")
    assert session.poll().text.startswith("40{")


class Stranger:
    """A node that does what a test wants; the others can find it."""

    #: Of a session of it.
    sid = "AAAA0123456789abcdef"

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._opened: list[Any] = []
        self.listener = self._open()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1)
        self.address: str = "{}:{}".format(*self.listener.getsockname())
        self.move(self.address)

    def _open(self) -> Any:
        self._opened.append(gevent.socket.socket())
        return self._opened[-1]

    def move(self, address: str) -> None:
        """Say that it is at another address."""
        secret = hashlib.sha256(f"sockio {SECRET}".encode()).hexdigest()[:16]
        self._exchange._texts[f"node-{secret}-AAAA"] = f"{address} mark"

    def accept(self) -> Wire:
        """Return a connection, once the head of a request has come on it."""
        sock, _ = self.listener.accept()
        self._opened.append(sock)
        wire = Wire(sock)
        wire.take_until(b"\r\n\r\n", time.monotonic() + TIMEOUT)
        return wire

    def accept_nobody(self) -> None:
        """Let further callers wait in vain."""
        for _ in range(4):
            sock = self._open()
            sock._sock.connect_ex(self.listener.getsockname())

    def close(self) -> None:
        for each in self._opened:
            each.close()


@pytest.fixture
def stranger(exchange: Exchange) -> Iterator[Stranger]:
    stranger = Stranger(exchange)
    yield stranger
    stranger.close()


# ------------------------------------------------------------------ the way there


@pytest.mark.parametrize("kind", ["sockio", "pywsgi", "gevent-websocket"])
def test_a_client_may_reach_any_node(make: MakeNode, kind: Kind) -> None:
    one, two = make(kind), make(kind)
    heard: list[Any] = []
    two.io.on("connection", lambda s: s.on("say", lambda *args: heard.extend(args)))
    session = ask(one, two)
    join(session)

    assert session.post('42["say","hello",1]').text == "ok"
    two.io.emit("news", "x" * 2_000_000)
    long = session.poll()
    websocket = session.upgrade()
    websocket.send('42["say","' + "y" * 100_000 + '"]')
    two.io.emit("more")

    assert long.text == '42["news","' + "x" * 2_000_000 + '"]'
    assert websocket.receive_message() == '42["more"]'
    wait_until(lambda: len(heard) == 3)
    assert heard[:2] == ["hello", 1]
    assert len(heard[2]) == 100_000
    assert one.nodes.proxied == 5
    assert one.nodes.lost == two.nodes.proxied == 0


def test_a_connection_carries_one_request_after_the_other(
    pair: tuple[Node, Node],
) -> None:
    one, two = pair
    peers = set()
    two.io.engine.use(lambda request, _: peers.add(peer(request)))
    session = ask(one, two)
    peers.clear()

    for _ in range(5):
        session.post("3")

    assert one.nodes.proxied == 5
    assert len(peers) == 1


def peer(request: Request) -> str:
    """Return the port from which the connection of a request comes."""
    return str(request.environ[CONNECTION].sock.getpeername()[1])


def test_connections_that_nobody_needs_end(make: MakeNode) -> None:
    clock = FakeClock()
    one, two = make(clock=clock), make()
    ask(one, two).post("3")
    pool = one.nodes._pool
    assert (pool.kept, pool.used) == (1, 0)

    clock.advance(2)

    assert pool.kept == 0


def test_an_owner_may_refuse(pair: tuple[Node, Node]) -> None:
    one, two = pair
    session = ask(one, two)
    sid = two.tag + "0" * 16

    answer = one.client().request(transport="polling", sid=sid)
    twice = session.client.request(transport="websocket", sid=session.sid)

    assert (answer.status, answer.text) == (
        400,
        '{"code":1,"message":"Session ID unknown"}',
    )
    assert twice.status == 400
    assert one.nodes.proxied == 2


def test_a_request_of_http_1_0(pair: tuple[Node, Node]) -> None:
    one, two = pair
    session = ask(one, two)
    wire = one.client().http().wire
    line = f"POST {session.target()} HTTP/1.0\r\nContent-Length: 2\r\n\r\n40"

    wire.send(line.encode())

    assert b"200 OK" in wire.take_rest(time.monotonic() + TIMEOUT)
    assert session.poll().text.startswith("40{")


def test_a_body_in_chunks(pair: tuple[Node, Node]) -> None:
    one, two = pair
    session = ask(one, two)
    connection = one.client().http()
    head = f"POST {session.target()} HTTP/1.1\r\nHost: x\r\n"
    connection.wire.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
    connection.wire.send(b"1\r\n4\r\n1\r\n0\r\n0\r\n\r\n")

    assert connection.receive().text == "ok"
    assert session.poll().text.startswith("40{")


def test_an_id_of_the_application_names_its_node(make: MakeNode) -> None:
    one = make()
    two = make(generate_id=lambda request: "mine")
    session = ask(one, two)

    assert session.sid == f"mine~{two.tag}"
    assert session.post("3").text == "ok"


# ------------------------------------------------------------------ who is believed


def test_the_application_sees_the_client(make: MakeNode) -> None:
    seen: list[Any] = []
    one, two = make("tls"), make(trusted_proxies=1)
    session = ask(one, two)

    def look(request: Request, response: object) -> None:
        seen.append((request.remote_address, request.secure, request.headers))

    two.io.engine.use(look)
    session.post("3", headers={"X-Forwarded-For": "192.0.2.7", "Cookie": "a=1"})

    ((address, secure, headers),) = seen
    assert (address, secure) == ("192.0.2.7", True)
    assert headers["cookie"] == "a=1"
    assert not [name for name in headers if "sockio" in name]


def test_who_has_no_secret_is_not_believed(
    pair: tuple[Node, Node], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = pair
    seen: list[Any] = []
    two.io.engine.use(lambda request, _: seen.append(request))
    session = ask(one, two)
    forged = {
        "X-Sockio-Passport": f"{'x' * 32} https 192.0.2.7 5",
        "X_Sockio_Passport": f"{SECRET} https 192.0.2.7 5",
    }

    assert session.post("3", headers=forged).text == "ok"
    direct = two.client().http()
    assert direct.request("POST", session.target(), "3", forged).text == "ok"

    assert one.nodes.proxied == 1
    for request in seen[1:]:
        assert (request.remote_address, request.secure) == ("127.0.0.1", False)
        assert passport.KEY not in request.environ


def test_a_proxied_request_is_not_proxied_again(
    pair: tuple[Node, Node], stranger: Stranger
) -> None:
    one, two = pair
    # A mistake: the third node's address is the second one's.
    stranger.move(two.address)

    answer = one.client().request(transport="polling", sid=stranger.sid)

    assert (answer.status, answer.text[:9]) == (400, '{"code":1')
    assert (one.nodes.proxied, two.nodes.proxied) == (1, 0)


def test_nodes_with_different_secrets_do_not_find_each_other(make: MakeNode) -> None:
    one, two = make(advertise_secret="a" * 16), make(advertise_secret="b" * 16)

    session = two.client().open_session()

    assert one.client().request(transport="polling", sid=session.sid).status == 400
    assert one.nodes.proxied == 0


def test_nodes_agree_on_a_secret(make: MakeNode) -> None:
    one, two = make(advertise_secret=None), make(advertise_secret=None)

    assert ask(one, two).post("3").text == "ok"
    assert one.addresses.secrets == two.addresses.secrets
    assert len(one.addresses.secrets[0]) >= 32


# ------------------------------------------------------------------ who is not there


def test_a_tag_that_nobody_has_is_refused_at_once(
    pair: tuple[Node, Node], caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = pair

    for sid in ("AAAA0123456789abcdef", "x~AAAA", "x", one.tag + "0" * 16):
        answer = one.client().request(transport="polling", sid=sid)
        assert (answer.status, answer.text[:9]) == (400, '{"code":1')

    with pytest.raises(Refused):
        one.client().websocket(sid="AAAA0123456789abcdef")
    assert one.nodes.proxied == 0
    assert "advertise" not in caplog.text


def test_without_advertise_the_remedy_is_named_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    raw = serve().raw

    for _ in range(2):
        assert raw.request(transport="polling", sid="AAAA" + "0" * 16).status == 400

    (line,) = [r.message for r in caplog.records if "several workers?" in r.message]
    assert "sticky sessions, or Server(advertise=...)" in line


def test_who_has_gone_is_not_called_again_and_again(
    pair: tuple[Node, Node], stranger: Stranger
) -> None:
    one, _ = pair
    stranger.listener.close()

    for _ in range(2):
        answer = one.client().request(transport="polling", sid=stranger.sid)
        assert (answer.status, answer.text[:9]) == (400, '{"code":1')

    assert one.nodes.lost == 1


def test_who_dies_while_it_is_asked_is_answered_for(
    pair: tuple[Node, Node], stranger: Stranger
) -> None:
    one, _ = pair
    client = one.client()
    for answer in (
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"?\r\n\r\n",
    ):
        connection = client.http()
        connection.send("GET", client.target(transport="polling", sid=stranger.sid))
        wire = stranger.accept()
        wire.send(answer)
        wire.close()

        assert connection.receive().text == '{"code":1,"message":"Session ID unknown"}'

    assert one.nodes._pool.used == 0


def test_a_long_answer_that_is_cut_short_does_not_look_whole(
    pair: tuple[Node, Node], stranger: Stranger
) -> None:
    one, _ = pair
    client = one.client()
    connection = client.http()
    connection.send("GET", client.target(transport="polling", sid=stranger.sid))
    wire = stranger.accept()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 70_000)
    wire.close()

    with pytest.raises(ConnectionEnded):
        connection.receive()
    assert one.nodes._pool.used == 0


def test_who_does_not_answer_in_time_is_answered_for(
    make: MakeNode, stranger: Stranger
) -> None:
    clock = FakeClock()
    one = make(clock=clock, ping_interval=25.0, ping_timeout=20.0)
    client = one.client()
    connection = client.http()
    connection.send("GET", client.target(transport="polling", sid=stranger.sid))
    wire = stranger.accept()

    clock.advance(49)
    assert one.nodes._pool.used == 1
    clock.advance(2)

    answer = connection.receive()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert wire.take_rest(time.monotonic() + TIMEOUT) == b""


def test_who_cannot_be_reached_is_left_alone_for_a_second(
    make: MakeNode, stranger: Stranger, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    one = make(clock=clock)
    stranger.accept_nobody()
    client = one.client()
    target = client.target(transport="polling", sid=stranger.sid)

    first = client.http()
    first.send("GET", target)
    wait_until(lambda: one.nodes._pool.used == 1)
    clock.advance(2)

    assert first.receive().status == 503
    assert client.http().request("GET", target).status == 503
    assert caplog.text.count(f"{stranger.address}' cannot be reached") == 1


def test_while_the_directory_is_away_nobody_is_found(
    make: MakeNode,
) -> None:
    one = make()

    def read(name: str) -> str:
        raise OSError("away")

    cluster: Any = one.io.adapter()
    bus = cluster.bus
    bus.directory = SimpleNamespace(claim=bus.directory.claim, read=read)

    answer = one.client().request(transport="polling", sid="AAAA" + "0" * 16)

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


# ------------------------------------------------------------------ the ends


def test_a_client_that_hangs_up_while_it_polls_is_noticed_by_the_owner(
    pair: tuple[Node, Node],
) -> None:
    one, two = pair
    reasons: list[str] = []
    two.io.on("connection", lambda s: s.on("disconnect", reasons.append))
    session = ask(one, two)
    join(session)
    poll = session.start_poll()
    wait_until(lambda: one.nodes._pool.used == 1)

    poll.close()

    wait_until(lambda: reasons)
    wait_until(lambda: one.nodes._pool.used == 0)


@pytest.mark.parametrize("end", ["client", "half", "owner", "reset"])
def test_a_websocket_ends_for_both(pair: tuple[Node, Node], end: str) -> None:
    one, two = pair
    reasons: list[str] = []
    two.io.on("connection", lambda s: s.on("disconnect", reasons.append))
    session = ask(one, two)
    join(session)
    websocket = session.upgrade()
    websocket.send('42["x"]')

    if end == "client":
        websocket.wire.close()
    elif end == "half":
        websocket.wire.socket.shutdown(socket.SHUT_WR)
    elif end == "reset":
        websocket.wire.reset()
    else:
        two.io.disconnect_sockets(close=True)

    wait_until(lambda: reasons)
    if end in ("half", "owner"):
        with pytest.raises(Closed):
            list(iter(websocket.receive, None))
    wait_until(lambda: one.nodes._pool.used == 0)


def test_a_websocket_that_carries_nothing_ends(make: MakeNode) -> None:
    clock = FakeClock()
    one, two = make(clock=clock), make()
    session = ask(one, two)
    join(session)
    websocket = session.upgrade()
    wait_until(lambda: one.nodes._pool.used == 1)

    clock.advance(101)

    wait_until(lambda: one.nodes._pool.used == 0)
    with pytest.raises(Closed):
        websocket.receive()


def test_what_is_under_way_ends_with_the_proxy(pair: tuple[Node, Node]) -> None:
    one, two = pair
    first, second = (ask(one, two) for _ in range(2))
    join(first)
    websocket = first.upgrade()
    poll = second.start_poll()
    wait_until(lambda: one.nodes._pool.used == 2)

    one.io.close()

    with pytest.raises((Closed, ConnectionEnded)):
        websocket.receive()
    assert poll.receive().status in (400, 503)
    wait_until(lambda: one.nodes._pool.used == 0)


# ------------------------------------------------------------------ tags


def test_a_tag_that_another_machine_has_is_drawn_anew(
    make: MakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = make(), make()
    old = two.tag

    two.io.engine.ids.tag = one.tag
    two.addresses.announce(one.tag)
    two.addresses.settle()

    assert two.tag not in (one.tag, old)
    assert f"another machine has the tag {one.tag}" in caplog.text
    assert ask(one, two).post("3").text == "ok"


# ------------------------------------------------------------------ at a broker


@pytest.mark.parametrize("kind", ["redis", "postgres", "mongo"])
def test_machines_find_each_other_at_a_broker(
    kind: str,
    redis_server: RedisServer,
    postgres_server: Postgres,
    mongo_server: MongoServer,
) -> None:
    urls = {
        "redis": f"{redis_server.url}?prefix=nodes",
        "postgres": f"{postgres_server.url}?prefix=nodes",
        "mongo": mongo_server.url,
    }
    url, port = urls[kind], urlsplit(urls[kind]).port
    assert port is not None
    proxy = HoldingProxy(port)
    one, two = Node(url.replace(str(port), str(proxy.port))), Node(url)
    try:
        session = ask(one, two)
        assert session.post("3").text == "ok"
        assert one.addresses.secrets == two.addresses.secrets

        # Who is known is reached, while the broker is away.
        proxy.allow(0)
        join(session)
        assert one.nodes.proxied == 3
    finally:
        proxy.let_go()
        one.close()
        two.close()
        proxy.close()
