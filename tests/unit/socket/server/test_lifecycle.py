from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.pywsgi import WSGIServer

import sockio
from sockio.types import Environ, StartResponse
from tests.support.raw_client import RawClient


def hello(environ: Environ, start: StartResponse) -> list[bytes]:
    start("200 OK", [])
    return [b"hello"]


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    io: sockio.Server[Any] = sockio.Server()
    yield io
    io.close()


def works(address: Any) -> bool:
    """Whether a Socket.IO server answers there."""
    with RawClient("http://{}:{}".format(*address), "/socket.io/") as client:
        return len(client.open_session().sid) == 20


def get(address: Any, path: str) -> tuple[int, bytes]:
    with RawClient("http://{}:{}".format(*address)) as client:
        answer = client.http().request("GET", path)
        return answer.status, answer.body


def test_nothing_starts_at_construction() -> None:
    # A module can be imported before a fork.
    before = gevent.get_hub().loop.activecnt
    io: sockio.Server[Any] = sockio.Server()
    io.of("/chat").on("connection", print)
    io.every(1)(print)

    assert not io.reactor.started
    assert gevent.get_hub().loop.activecnt == before


def test_listen_serves_once_it_returns(io: sockio.Server[Any]) -> None:
    http_server = io.listen(("127.0.0.1", 0))

    assert works(http_server.address)
    assert get(http_server.address, "/other")[0] == 404


def test_a_port_is_listened_on_at_once() -> None:
    # Unlike ``Server()``, ``Server(port)`` must start immediately.
    io: sockio.Server[Any] = sockio.Server(0)

    assert io.reactor.started
    io.close()


def test_an_http_server_of_ours_is_attached_to() -> None:
    # The same three ways to start, 1.
    http_server = sockio.create_server(hello)
    io: sockio.Server[Any] = sockio.Server(http_server)
    http_server.listen(("127.0.0.1", 0))

    assert works(http_server.address)
    assert get(http_server.address, "/other") == (200, b"hello")

    address = http_server.address
    io.close()
    with pytest.raises(ConnectionRefusedError):
        get(address, "/other")


def test_an_http_server_of_gevent_is_attached_to() -> None:
    http_server = WSGIServer(("127.0.0.1", 0), hello, log=None)
    io: sockio.Server[Any] = sockio.Server(http_server)
    http_server.start()

    assert works(http_server.address)
    assert get(http_server.address, "/other") == (200, b"hello")
    io.close()


def test_an_application_stands_behind_the_server(io: sockio.Server[Any]) -> None:
    # The same three ways to start, 2.
    app = io.attach(hello)
    http_server = sockio.create_server(app).listen(("127.0.0.1", 0))

    assert works(http_server.address)
    assert get(http_server.address, "/other") == (200, b"hello")
    http_server.close()


def test_an_object_with_wsgi_app_is_changed(io: sockio.Server[Any]) -> None:
    class App:
        wsgi_app = staticmethod(hello)

        def __call__(self, environ: Environ, start: StartResponse) -> Any:
            return self.wsgi_app(environ, start)

    app = App()
    io.attach(app)
    http_server = sockio.create_server(app).listen(("127.0.0.1", 0))

    assert works(http_server.address)
    assert get(http_server.address, "/other") == (200, b"hello")
    http_server.close()


def test_an_engine_of_ones_own_is_bound(io: sockio.Server[Any]) -> None:
    engine = sockio.EngineServer(path="/socket.io")
    connected: list[Any] = []
    io.on("connection", connected.append)

    assert io.bind(engine) is io
    http_server = sockio.create_server(engine).listen(("127.0.0.1", 0))

    assert io.engine is engine
    address: Any = http_server.address
    with RawClient("http://{}:{}".format(*address), "/socket.io/") as raw:
        raw.open_socket()
        assert len(connected) == 1
    http_server.close(timeout=1)


def test_an_engine_that_has_started_on_its_own_is_refused(
    io: sockio.Server[Any],
) -> None:
    own, engine = io.engine, sockio.EngineServer(path="/socket.io")
    engine.start()

    with pytest.raises(sockio.ConfigError, match="bind it before start"):
        io.bind(engine)

    assert io.engine is own
    assert engine.reactor is not io.reactor
    assert works(io.listen(("127.0.0.1", 0)).address)


def test_an_engine_that_has_started_with_our_reactor_is_bound(
    io: sockio.Server[Any],
) -> None:
    engine = sockio.EngineServer(path="/socket.io", reactor=io.reactor)
    engine.start()

    io.bind(engine)

    assert io.engine is engine
    assert works(io.listen(("127.0.0.1", 0)).address)


def test_run_and_the_end_of_it_may_be_a_subclasss_own() -> None:
    # A subclass that extends close() wants it called however the server ends.
    calls: list[str] = []

    class Own(sockio.Server[Any]):
        def listen(self, address: Any = 3000, **options: Any) -> sockio.HTTPServer:
            calls.append("listen")
            return super().listen(address, **options)

        def start(self) -> None:
            calls.append("start")
            super().start()
            os.kill(os.getpid(), signal.SIGTERM)

        def drain(self, seconds: float = 30.0, **options: Any) -> None:
            calls.append("drain")
            super().drain(seconds, **options)

        def close(self, timeout: float | None = None) -> None:
            calls.append("close")
            super().close(timeout)

    Own().run(("127.0.0.1", 0))

    assert calls == ["listen", "start", "drain", "close"]
