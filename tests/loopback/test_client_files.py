"""The JavaScript client's files, as browsers ask for them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

import sockio
from tests.support.http_wire import Answer
from tests.support.loopback import Loopback

from .conftest import Serve

SCRIPT = "/*!\n * Socket.IO v9.8.7\n */\n" + "let client;\n" * 200
NAMES = (
    "socket.io.js",
    "socket.io.min.js",
    "socket.io.esm.min.js",
    "socket.io.msgpack.min.js",
)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Give a folder with the client's files."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(SCRIPT)
        (folder / f"{name}.map").write_text("{}")
    (folder / "other.js").write_text("secret")
    return folder


def get(loopback: Loopback, target: str, method: str = "GET", **headers: str) -> Answer:
    """Make one request."""
    connection = loopback.client("/").http()
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    return connection.request(method, target, headers=lines)


@pytest.mark.parametrize("suffix", ["", ".map"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_served_below_the_path(
    serve: Serve, dist: Path, name: str, suffix: str
) -> None:
    served = serve(client_dist=dist)

    answer = get(served, f"/socket.io/{name}{suffix}")

    kind = "application/json" if suffix else "application/javascript"
    assert answer.status == 200
    assert answer.text == ("{}" if suffix else SCRIPT)
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=0"
    assert answer.headers["etag"] == '"9.8.7"'
    assert answer.headers["content-length"] == str(len(answer.body))


def test_a_client_that_has_the_file_is_told_so(serve: Serve, dist: Path) -> None:
    # The tag or its weak form; no body.
    served = serve(client_dist=dist)

    for tag in ('"9.8.7"', 'W/"9.8.7"'):
        answer = get(served, "/socket.io/socket.io.js", If_None_Match=tag)

        assert (answer.status, answer.body) == (304, b"")


def test_it_is_compressed_for_who_can_unpack_it(serve: Serve, dist: Path) -> None:
    served = serve(client_dist=dist)

    answer = get(served, "/socket.io/socket.io.js", Accept_Encoding="gzip")

    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body).decode() == SCRIPT


def test_the_query_means_nothing(serve: Serve, dist: Path) -> None:
    served = serve(client_dist=dist)

    answer = get(served, "/socket.io/socket.io.js?EIO=4&transport=polling")

    assert answer.text == SCRIPT


@pytest.mark.parametrize(
    "name",
    [
        "other.js",
        "socket.io.js.map.map",
        "sub/socket.io.js",
        "../dist/socket.io.js",
        "",
    ],
)
def test_any_other_name_goes_to_the_engine(serve: Serve, dist: Path, name: str) -> None:
    # Only exact names are files; the engine answers the rest with 400, code 0.
    served = serve(client_dist=dist)

    answer = get(served, f"/socket.io/{name}")

    assert (answer.status, answer.text) == (
        400,
        '{"code":0,"message":"Transport unknown"}',
    )


def test_they_can_be_switched_off(serve: Serve, dist: Path) -> None:
    served = serve(client_dist=dist, serve_client=False)

    assert get(served, "/socket.io/socket.io.js").status == 400


@pytest.mark.parametrize("slash", [True, False])
def test_another_path_is_theirs_too(serve: Serve, dist: Path, slash: bool) -> None:
    served = serve(client_dist=dist, path="/ws", add_trailing_slash=slash)

    assert get(served, "/ws/socket.io.js").text == SCRIPT
    assert get(served, "/socket.io/socket.io.js").status == 404


def test_cors_holds_for_them(serve: Serve, dist: Path) -> None:
    served = serve(client_dist=dist, cors="https://app.example")
    origin = {"Origin": "https://app.example"}

    answer = get(served, "/socket.io/socket.io.esm.min.js", **origin)
    preflight = get(served, "/socket.io/socket.io.js", "OPTIONS", **origin)

    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "Origin" in answer.headers["vary"]
    assert "Accept-Encoding" in answer.headers["vary"]
    assert (preflight.status, preflight.body) == (204, b"")


def test_where_there_are_none_the_answer_says_what_to_do(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    served = serve()

    answer = get(served, "/socket.io/socket.io.js")

    assert answer.status == 404
    assert "npm install socket.io-client" in answer.text


def test_a_folder_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(sockio.ConfigError, match="client_dist"):
        sockio.Server(client_dist="/nowhere")


def test_they_are_served_in_front_of_an_application(dist: Path) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "3")])
        return [b"app"]

    io: sockio.Server = sockio.Server(client_dist=dist)
    loopback = Loopback(io.attach(app))

    assert get(loopback, "/socket.io/socket.io.js").text == SCRIPT
    assert get(loopback, "/socket.io.js").text == "app"
    loopback.close()


@pytest.mark.parametrize("inside", ["/socket.io/socket.io.js", "/socket.io.js"])
def test_they_are_found_where_an_application_is_mounted(
    dist: Path, inside: str
) -> None:
    io: sockio.Server = sockio.Server(client_dist=dist)
    mounted_at = "/site" if inside.startswith("/socket.io/") else "/socket.io"

    def mount(environ: dict[str, Any], start_response: Any) -> Any:
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = mounted_at, inside
        return io(environ, start_response)

    loopback = Loopback(mount)

    assert get(loopback, mounted_at + inside).text == SCRIPT
    loopback.close()
