"""Who may use a Redis, and what is no Redis."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import pytest
from gevent.server import StreamServer

from sockio.testing import FakeClock
from tests.support.raw_client import CERTIFICATE
from tests.support.redis_pair import RedisPair
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

from .conftest import Serve


@pytest.fixture
def guarded() -> Iterator[RedisServer]:
    """Give a broker with a password."""
    server = RedisServer("--requirepass", "s3cret")
    yield server
    server.close()


@pytest.mark.parametrize("mode", ["pubsub", "sharded"])
def test_the_password_of_the_url_or_of_the_environment(
    serve: Serve, guarded: RedisServer, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    address = guarded.url.removeprefix("redis://")
    first = serve(adapter=f"redis://:s3cret@{address}/3?mode={mode}")
    monkeypatch.setenv("SOCKIO_REDIS_PASSWORD", "s3cret")
    second = serve(adapter=f"valkey+unix://{guarded.path}?db=2&mode={mode}")
    for served in (first, second):
        served.io.start()

    wait_until(lambda: first.io.sockets.adapter.server_count() == 2)


@pytest.mark.parametrize("password", ["", ":wr0ng@"])
def test_a_wrong_password_is_said_and_not_shown(
    serve: Serve,
    guarded: RedisServer,
    password: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pair = RedisPair(serve, guarded.url.replace("//", f"//{password}"))

    wait_until(lambda: "no connection to 127.0.0.1" in caplog.text)
    pair.local(1)

    assert not pair.buses[0].up
    assert "auth" in caplog.text.lower() or "password" in caplog.text
    assert "wr0ng" not in caplog.text + repr(pair.buses[0])


@pytest.fixture
def tls_port(redis_server: RedisServer) -> Iterator[int]:
    """Give the port of the broker over TLS."""

    def serve(sock: Any, address: Any) -> None:
        to = gevent.socket.create_connection(("127.0.0.1", redis_server.port))
        other = gevent.spawn(_pass_on, to, sock)
        _pass_on(sock, to)
        other.join()
        to.close()

    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = StreamServer(("127.0.0.1", 0), serve, ssl_context=context)
    server.start()
    yield server.server_port
    server.stop()


def _pass_on(source: Any, to: Any) -> None:
    try:
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(1)
    except OSError:
        pass


@pytest.mark.parametrize("mode", ["pubsub", "sharded"])
def test_over_tls(serve: Serve, tls_port: int, mode: str) -> None:
    url = f"rediss+{mode}://localhost:{tls_port}?prefix=tls"
    pair = RedisPair(serve, f"{url}&ssl_ca_certs={CERTIFICATE}&ssl_check_hostname=no")
    pair.wait_up()
    pair.local(1)
    assert pair.there.receive_event() == ["n", 1]


def test_a_certificate_that_nobody_vouches_for(
    serve: Serve, tls_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    pair = RedisPair(serve, f"rediss://localhost:{tls_port}")

    wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text)

    assert not pair.buses[0].up


def test_what_is_no_redis(
    serve: Serve, caplog: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    def answer(sock: Any, address: Any) -> None:
        sock.sendall(b"*xyz\r\n" * 1000)
        sock.recv(1)

    server = StreamServer(("127.0.0.1", 0), answer)
    server.start()
    pair = RedisPair(serve, f"redis://127.0.0.1:{server.server_port}", (clock, clock))

    wait_until(lambda: "no connection to" in caplog.text)
    pair.local(1)
    server.stop()
    assert not [r for r in caplog.records if r.levelname == "ERROR"]
