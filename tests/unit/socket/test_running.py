from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.pywsgi import WSGIServer

import sockio
from sockio.testing import FakeClock
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
    # Server(port) listens at once, by its nature.
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


def test_start_starts_what_is_repeated() -> None:
    clock = FakeClock()
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    runs: list[float] = []
    io.every(10)(lambda: runs.append(clock.now()))

    io.start()
    clock.advance(25)

    assert runs == [10.0, 20.0]
    io.close()
    clock.advance(25)
    assert len(runs) == 2


def test_a_repeated_task_that_runs_out_of_time_runs_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    runs: list[float] = []

    @io.every(10)
    def task() -> None:
        runs.append(clock.now())
        raise gevent.Timeout(1)

    io.start()
    clock.advance(20)

    assert runs == [10.0, 20.0]
    assert "a repeated task failed" in caplog.text
    io.close()


def test_a_task_that_fails_is_logged(
    io: sockio.Server[Any], caplog: pytest.LogCaptureFixture
) -> None:
    task = io.spawn(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        task.wait(1)
    assert "ZeroDivisionError" in caplog.text
