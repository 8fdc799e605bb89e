from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import gevent
import gevent.ssl
import pytest
from gevent.event import Event
from gevent.monkey import get_original

import sockio
from sockio.types import Environ, StartResponse
from tests.support.deployed import CERTIFICATE
from tests.support.gunicorn_worker import (
    Quiet,
    config,
    listener,
    make_worker,
    serving,
)
from tests.support.raw_client import RawClient, handshake_fields
from tests.support.waiting import wait_until
from tests.unit.integrations.gunicorn.application import hello, tell

#: Python's own class, in a patched process too.
_Blocking: Any = get_original("ssl", "SSLContext")


def test_it_serves_on_all_sockets() -> None:
    with serving(tell, sockets=[listener(), listener()], workers=2) as served:
        ports = {
            served.connect(number).request("GET", "/?SERVER_PORT").text
            for number in (0, 1)
        }

    assert len(ports) == 2


def test_it_ends_sessions_before_connections() -> None:
    called = []
    with serving(hello) as served:
        connection = served.connect()
        connection.request("GET", "/")
        served.worker.at_end(
            lambda: called.append(connection.request("GET", "/b").text)
        )
        served.worker.alive = False
        served.wait()

    assert called == ["/b"]


@pytest.mark.parametrize("patient", [True, False], ids=["in time", "too late"])
def test_a_request_gets_the_graceful_timeout_and_no_more(patient: bool) -> None:
    begun, free = Event(), Event()

    def slow(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        begun.set()
        free.wait()
        start("200 OK", [])
        return [b"done"]

    with serving(slow, graceful_timeout=30 if patient else 0) as served:
        connection = served.connect()
        connection.send("GET", "/")
        assert begun.wait(20)
        served.worker.at_end(free.set if patient else lambda: None)
        served.worker.alive = False
        served.wait()

        if patient:
            assert connection.receive().text == "done"
        else:
            assert connection.wire.socket.recv(1) == b""


def test_worker_connections_limit_the_connections() -> None:
    with serving(hello, worker_connections=2) as served:
        one, two, three = (served.connect() for _ in range(3))
        one.request("GET", "/")
        two.request("GET", "/")
        three.send("GET", "/c")
        with pytest.raises(TimeoutError):
            three.receive(timeout=0.05)

        one.close()

        assert three.receive().text == "/c"


@pytest.mark.parametrize("workers", [1, 2])
def test_at_that_limit_an_idle_connection_makes_room(
    caplog: pytest.LogCaptureFixture, workers: int
) -> None:
    with serving(hello, workers=workers, worker_connections=1, keepalive=75) as served:
        idle, newcomer = served.connect(), served.connect()
        idle.request("GET", "/")
        newcomer.send("GET", "/c")

        assert newcomer.receive().text == "/c"
        assert idle.wire.socket.recv(1) == b""

    line = caplog.records[0].getMessage()
    assert line.startswith("no room for another client: 1 connections are open; ")
    assert "gunicorn --worker-connections" in line
    assert line.endswith("code=worker-connections")


def test_at_that_limit_clients_that_poll_can_still_send() -> None:
    engine = sockio.EngineServer()
    url = "http://{}:{}"
    with (
        serving(engine, worker_connections=2) as served,
        RawClient(url.format(*served.address)) as client,
    ):
        targets = [_open_session(client) for _ in range(2)]
        polls = [client.http() for _ in targets]
        for poll, target in zip(polls, targets, strict=True):
            poll.send("GET", target)
        posts = [client.http() for _ in targets]
        for post, target in zip(posts, targets, strict=True):
            post.send("POST", target, "4hello")

        assert polls[0].receive().text == "6"
        polls[0].close()

        assert posts[0].receive().text == "ok"
        engine.close()


def _open_session(client: RawClient) -> str:
    """Return where to send the requests of a new session that holds no connection."""
    answer = client.request(transport="polling")
    return client.target(transport="polling", sid=handshake_fields(answer.text)["sid"])


def test_tls() -> None:
    with serving(
        tell, certfile=str(CERTIFICATE), ssl_context=_gevent_context
    ) as served:
        connection = served.connect()
        context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(CERTIFICATE)
        connection.wire.socket = context.wrap_socket(
            connection.wire.socket, server_hostname="localhost"
        )
        assert connection.request("GET", "/?wsgi.url_scheme").text == "'https'"


def _gevent_context(cfg: Any, default: Any) -> Any:
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cfg.certfile)
    return context


def test_a_context_that_would_block_is_refused() -> None:
    cfg = config(
        certfile=str(CERTIFICATE),
        ssl_context=lambda cfg, default: _Blocking(ssl.PROTOCOL_TLS_SERVER),
    )
    worker = make_worker(cfg, Quiet(cfg), [])

    with pytest.raises(RuntimeError, match=r"gevent\.ssl\.SSLContext"):
        worker.run()
    worker.tmp.close()


def test_it_shows_its_master_that_it_lives() -> None:
    with serving(hello) as served:
        first = served.worker.tmp.last_update()
        wait_until(lambda: served.worker.tmp.last_update() != first)
