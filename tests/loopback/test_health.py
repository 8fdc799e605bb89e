"""The pages for load balancers: alive, and ready for clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
import pytest

import sockio
from sockio.adapters import Cluster, Exchange
from sockio.types import Environ, StartResponse
from tests.support.held_bus import HeldBus
from tests.support.http_wire import Answer
from tests.support.loopback import Kind, Loopback

from .conftest import Serve

PAGES: dict[str, Any] = {"health": "/health", "ready": "/ready"}


def shop(environ: Environ, start: StartResponse) -> list[bytes]:
    start("200 OK", [])
    return [b"shop"]


@contextmanager
def running(app: Any, kind: Kind = "sockio") -> Iterator[Loopback]:
    loopback = Loopback(app, kind)
    yield loopback
    loopback.close()


def get(loopback: Loopback, path: str, method: str = "GET", **headers: str) -> Answer:
    with loopback.client("/") as client:
        return client.http().request(method, path, None, headers)


def test_a_server_without_the_options_has_no_pages(serve: Serve) -> None:
    served = serve()

    assert get(served, "/health").status == 404
    assert get(served, "/ready").status == 404


def test_pages_of_a_server_alone(serve: Serve) -> None:
    served = serve(**PAGES)

    assert json.loads(get(served, "/health").body) == {"status": "alive"}
    assert json.loads(get(served, "/ready").body) == {"status": "ready"}
    assert get(served, "/other").status == 404
    assert get(served, "/socket.io/?EIO=4&transport=polling").status == 200


@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
def test_pages_before_an_application(kind: Kind) -> None:
    io: sockio.Server[Any] = sockio.Server(**PAGES)
    app = io.attach(shop)

    with running(app, kind) as loopback:
        assert get(loopback, "/ready?verbose").status == 200
        assert get(loopback, "/").body == b"shop"
        assert get(loopback, "/ready/").body == b"shop"
    io.close()


def test_pages_before_the_application_of_an_http_server() -> None:
    http_server = sockio.create_server(shop)
    io: sockio.Server[Any] = sockio.Server(http_server, **PAGES)

    with running(http_server.app) as loopback:
        assert get(loopback, "/health").status == 200
        assert get(loopback, "/").body == b"shop"
    io.close()


def test_callables_to_mount() -> None:
    io: sockio.Server[Any] = sockio.Server()
    app = flask.Flask("shop")

    @app.get("/live")
    def live() -> Any:
        return io.health_app

    @app.get("/is-ready")
    def is_ready() -> Any:
        return io.ready_app

    with running(io.attach(app)) as loopback:
        assert json.loads(get(loopback, "/live").body) == {"status": "alive"}
        assert json.loads(get(loopback, "/is-ready").body) == {"status": "ready"}
    io.close()


def test_nobody_is_asked_and_no_session_is_made(serve: Serve) -> None:
    asked: list[object] = []
    served = serve(allow_request=asked.append, cors="https://app.example", **PAGES)
    served.io.engine.use(lambda request, response: asked.append(request))

    answer = get(served, "/health", Origin="https://app.example")

    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers
    assert asked == []
    assert served.io.engine.clients_count == 0


def test_only_get_and_head(serve: Serve) -> None:
    served = serve(**PAGES)

    assert get(served, "/ready", "HEAD").body == b""
    assert get(served, "/ready", "POST").status == 405


def test_not_ready_while_it_drains(serve: Serve) -> None:
    served = serve(**PAGES)
    served.io.drain(0.01)

    answer = get(served, "/ready")

    assert answer.status == 503
    assert json.loads(answer.body)["because"] == ["the server is closing"]
    assert get(served, "/health").status == 200


def test_not_ready_without_its_broker(serve: Serve) -> None:
    bus = HeldBus(Exchange().bus())
    served = serve(adapter=Cluster(bus), **PAGES)
    assert get(served, "/ready").status == 200

    bus.account.connected = False

    assert get(served, "/ready").status == 503


@pytest.mark.parametrize("path", ["health", "", "/a b", "/?a", "/é", 5])
def test_a_path_that_is_none(path: Any) -> None:
    with pytest.raises(sockio.ConfigError, match=r'give a path .* such as "/health"'):
        sockio.Server(health=path)


def test_two_pages_on_one_path() -> None:
    with pytest.raises(sockio.ConfigError, match="a path of its own"):
        sockio.Server(health="/health", ready="/health")


def test_a_path_of_the_clients() -> None:
    with pytest.raises(sockio.ConfigError, match="give the page another path"):
        sockio.Server(health="/socket.io/health")


def test_a_path_of_the_clients_of_another_engine() -> None:
    io: sockio.Server[Any] = sockio.Server(health="/live/health")

    with pytest.raises(sockio.ConfigError, match="give the page another path"):
        io.bind(sockio.EngineServer(path="/live"))
