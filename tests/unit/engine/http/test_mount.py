from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask

from sockio.engine.http.mount import Mount, attach, owns
from sockio.types import Environ, StartResponse


def engine(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"engine"]


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"app"]


def get(mounted: Any, path: str, script: str = "") -> tuple[str, bytes]:
    said: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": script,
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    body = mounted(environ, lambda status, headers, *_: said.append(status))
    return said[0], b"".join(body)


@pytest.mark.parametrize(
    ("script", "path", "verdict"),
    [
        ("", "/socket.io/", True),
        ("", "/socket.io/socket.io.js", True),
        ("", "/socket.io", False),
        ("", "/socket.iox/", False),
        ("", "/other/socket.io/", False),
        ("", "", False),
        ("/chat", "/socket.io/", True),
        ("/socket.io", "/", True),
        ("/socket.io", "", False),
        ("/chat", "/", False),
    ],
)
def test_which_requests_are_the_engine_s(script: str, path: str, verdict: bool) -> None:
    environ = {"SCRIPT_NAME": script, "PATH_INFO": path}

    assert owns(environ, "/socket.io/") is verdict


def test_the_whole_path_may_match() -> None:
    environ = {"SCRIPT_NAME": "/chat", "PATH_INFO": "/socket.io/"}

    assert owns(environ, "/chat/socket.io/")


def test_a_path_with_other_letters() -> None:
    environ = {"PATH_INFO": "/prise-é/".encode().decode("latin-1")}

    assert owns(environ, "/prise-é/")


def test_without_a_slash_at_the_end_anything_may_follow() -> None:
    assert owns({"PATH_INFO": "/socket.io"}, "/socket.io")
    assert owns({"PATH_INFO": "/socket.iox"}, "/socket.io")


def test_the_rest_goes_to_the_application() -> None:
    mounted = Mount(engine, "/socket.io/", app)

    assert get(mounted, "/socket.io/") == ("200 OK", b"engine")
    assert get(mounted, "/") == ("200 OK", b"app")


def test_the_rest_is_not_found_without_an_application() -> None:
    mounted = Mount(engine, "/socket.io/")

    assert get(mounted, "/socket.io/") == ("200 OK", b"engine")
    assert get(mounted, "/") == ("404 Not Found", b"Not Found")


def page(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"page"]


@pytest.mark.parametrize(
    ("script", "path", "answer"),
    [
        ("", "/health", b"page"),
        ("/shop", "/health", b"page"),
        ("/health", "", b"page"),
        ("", "/health/", b"app"),
        ("", "/healthy", b"app"),
        ("", "/socket.io/", b"engine"),
    ],
)
def test_a_page_is_neither_the_engine_s_nor_the_application_s(
    script: str, path: str, answer: bytes
) -> None:
    mounted = attach(engine, "/socket.io/", app, {"/health": page})

    assert get(mounted, path, script) == ("200 OK", answer)


def test_attach_to_a_callable() -> None:
    mounted = attach(engine, "/socket.io/", app)

    assert get(mounted, "/socket.io/") == ("200 OK", b"engine")
    assert get(mounted, "/") == ("200 OK", b"app")


def test_attach_to_a_flask_application_replaces_what_it_serves() -> None:
    flask_app = Flask("shop")
    flask_app.add_url_rule("/", view_func=lambda: "shop")

    mounted = attach(engine, "/socket.io/", flask_app)

    for served in (mounted, flask_app):
        assert get(served, "/socket.io/") == ("200 OK", b"engine")
        assert get(served, "/") == ("200 OK", b"shop")
