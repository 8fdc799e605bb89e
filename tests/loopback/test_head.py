"""HEAD gets headers and no body, under every server and whoever answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer

import sockio
from tests.support.http_wire import HttpConnection

ENGINE = "/socket.io/?EIO=4&transport="
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}


def start_sockio(app: Any) -> tuple[tuple[str, int], Callable[[], object]]:
    server = sockio.create_server(app).listen(("127.0.0.1", 0))
    return server.address, lambda: server.close(timeout=1)  # type: ignore[return-value]


def start_pywsgi(app: Any) -> tuple[tuple[str, int], Callable[[], object]]:
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    return server.address, lambda: server.stop(timeout=1)


class Page:
    """A server with an HTTP middleware that answers some requests itself."""

    def __init__(self, start: Any, folder: Any) -> None:
        self.io: sockio.Server[Any] = sockio.Server(client_dist=str(folder))
        self.io.engine.use(self.answer)
        self.address, self._stop = start(self.io)

    def answer(self, request: sockio.Request, response: sockio.Response) -> None:
        if request.query.get("own"):
            response.end(203, b"from the middleware")
        elif request.query.get("broken"):
            raise RuntimeError("a bug in the middleware")

    def close(self) -> None:
        self.io.close()
        self._stop()


@pytest.fixture(params=[start_sockio, start_pywsgi])
def page(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Page]:
    (tmp_path / "socket.io.js").write_text("/*\n * Socket.IO v4.8.1\n */")
    page = Page(request.param, tmp_path)
    yield page
    page.close()


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        (f"{ENGINE}polling", {}, 400),
        (f"{ENGINE}polling&sid=unknown", {}, 400),
        (f"{ENGINE}nothing", {}, 400),
        (f"{ENGINE}websocket", UPGRADE, 400),
        (f"{ENGINE}polling&own=1", {}, 203),
        (f"{ENGINE}polling&broken=1", {}, 400),
        ("/socket.io/socket.io.js", {}, 200),
        ("/socket.io/socket.io.min.js", {}, 404),
        ("/elsewhere", {}, 404),
    ],
)
def test_head_gets_no_body(
    page: Page, target: str, headers: dict[str, str], status: int
) -> None:
    connection = HttpConnection(page.address, "test")

    answer = connection.request("HEAD", target, headers=headers)

    assert answer.status == status
    assert answer.headers["content-length"] != "0"
    if answer.headers.get("connection") == "close":
        assert connection.wire.take_rest(deadline=float("inf")) == b""
    else:
        # A body would stand where the next answer begins.
        again = connection.request("GET", "/elsewhere")
        assert again.status == 404
        assert again.text == "Not Found"
    connection.close()


def test_head_of_an_open_session_gets_no_body(page: Page) -> None:
    connection = HttpConnection(page.address, "test")
    sid = connection.request("GET", f"{ENGINE}polling").text[9:29]

    answer = connection.request("HEAD", f"{ENGINE}polling&sid={sid}")

    assert answer.status == 400 or answer.headers["content-length"] == "0"
    assert connection.request("GET", "/elsewhere").text == "Not Found"
    connection.close()


def test_head_is_told_of_a_server_that_drains(page: Page) -> None:
    page.io.drain(0)
    connection = HttpConnection(page.address, "test")

    answer = connection.request("HEAD", f"{ENGINE}polling")

    assert answer.status in (400, 503)
    assert connection.request("GET", "/elsewhere").text == "Not Found"
    connection.close()
